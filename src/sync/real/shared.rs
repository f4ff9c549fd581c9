//! Values that all threads of the process share.

/// Declares a function that returns a value of the process. The value is `const`, so no thread
/// makes it, and it is never dropped.
macro_rules! shared {
    ($(#[$attr:meta])* fn $name:ident() -> $t:ty = const $init:block;) => {
        $(#[$attr])*
        #[inline]
        fn $name() -> Option<&'static $t> {
            static SHARED: $t = const $init;
            Some(&SHARED)
        }
    };
}

pub(crate) use shared;
