//! What a test asks the system, for each system in its own way.

/// How many threads this process has.
pub(crate) fn threads() -> usize {
    ask::threads()
}

/// Waits until this process has no more threads than so many. A system still lists a thread for a
/// moment after another thread has joined it.
pub(crate) fn until_threads(most: usize) {
    while threads() > most {
        std::thread::yield_now();
    }
}

/// How many files, sockets and other things this process has open.
pub(crate) fn descriptors() -> usize {
    ask::descriptors()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod ask {
    pub(super) fn threads() -> usize {
        std::fs::read_dir("/proc/self/task").expect("Linux lists its threads").count()
    }

    pub(super) fn descriptors() -> usize {
        std::fs::read_dir("/proc/self/fd").expect("Linux lists its descriptors").count()
    }
}

#[cfg(target_vendor = "apple")]
mod ask {
    pub(super) fn threads() -> usize {
        // SAFETY: an all-zero value is valid: it has nothing but numbers.
        let mut info: libc::proc_taskinfo = unsafe { std::mem::zeroed() };
        let size = libc::c_int::try_from(size_of_val(&info)).expect("it is small");
        // SAFETY: it has no conditions.
        let me = unsafe { libc::getpid() };
        let place = (&raw mut info).cast();
        // SAFETY: `place` has room for `size` bytes.
        let filled = unsafe { libc::proc_pidinfo(me, libc::PROC_PIDTASKINFO, 0, place, size) };
        assert_eq!(filled, size, "the system describes this process");
        usize::try_from(info.pti_threadnum).expect("a count")
    }

    pub(super) fn descriptors() -> usize {
        std::fs::read_dir("/dev/fd").expect("the system lists its descriptors").count()
    }
}

#[cfg(target_os = "freebsd")]
mod ask {
    pub(super) fn threads() -> usize {
        // SAFETY: it has no conditions.
        let me = unsafe { libc::getpid() };
        let name = [libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PID, me];
        // SAFETY: an all-zero value is valid: it has nothing but numbers and null pointers.
        let mut info: libc::kinfo_proc = unsafe { std::mem::zeroed() };
        let mut size = size_of_val(&info);
        let (place, none) = ((&raw mut info).cast(), std::ptr::null());
        // SAFETY: `name` has four parts, `place` has room for `size` bytes, and nothing is set.
        let refused = unsafe { libc::sysctl(name.as_ptr(), 4, place, &raw mut size, none, 0) };
        assert_eq!(refused, 0, "the system describes this process");
        usize::try_from(info.ki_numthreads).expect("a count")
    }

    pub(super) fn descriptors() -> usize {
        // Without a mounted fdescfs it lists the first three alone, which makes leaks of others invisible.
        std::fs::read_dir("/dev/fd").expect("the system lists its descriptors").count()
    }
}

#[cfg(windows)]
mod ask {
    use windows_sys::Win32::Foundation::{CloseHandle, INVALID_HANDLE_VALUE};
    use windows_sys::Win32::System::Diagnostics::ToolHelp::{
        CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
    };
    use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessHandleCount};

    pub(super) fn threads() -> usize {
        // SAFETY: it has no conditions.
        let all = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) };
        assert_ne!(all, INVALID_HANDLE_VALUE, "the system lists its threads");
        // SAFETY: an all-zero value is valid: it has nothing but numbers.
        let mut entry: THREADENTRY32 = unsafe { std::mem::zeroed() };
        entry.dwSize = u32::try_from(size_of_val(&entry)).expect("it is small");
        let mut count = 0;
        // SAFETY: the list is open, and the entry says its own size.
        let mut is_there = unsafe { Thread32First(all, &raw mut entry) } != 0;
        while is_there {
            count += usize::from(entry.th32OwnerProcessID == std::process::id());
            // SAFETY: the list is open, and the entry says its own size.
            is_there = unsafe { Thread32Next(all, &raw mut entry) } != 0;
        }
        // SAFETY: the list is this function's own.
        unsafe { CloseHandle(all) };
        count
    }

    pub(super) fn descriptors() -> usize {
        let mut count = 0;
        // SAFETY: it has no conditions.
        let me = unsafe { GetCurrentProcess() };
        // SAFETY: `count` is a place for the answer.
        let is_known = unsafe { GetProcessHandleCount(me, &raw mut count) } != 0;
        assert!(is_known, "the system counts its handles");
        count as usize
    }
}
