//! What the library's tests take from the standard library and from `tests/common`, for a model.

use millpond_spec::model;
use std::any::Any;

/// Panics as a test wants it: this fails no model.
pub(crate) fn panic_any<M: Any + Send>(payload: M) -> ! {
    model::panic_deliberately_with(payload)
}

/// Panics on with a payload, as a test wants it.
pub(crate) fn resume_unwind(payload: Box<dyn Any + Send>) -> ! {
    model::resume_deliberately(payload)
}

pub(crate) mod panic {
    pub(crate) use super::{panic_any, resume_unwind};
    pub(crate) use std::panic::*;
}

pub(crate) mod thread {
    pub(crate) use loom::thread::{Thread, current, park};
    pub(crate) use millpond_spec::model::thread::{JoinHandle, spawn, yield_now};
    pub(crate) use std::thread::panicking;
}

/// The blocking ones are the model's. The others block no thread, so they are the standard
/// library's.
pub(crate) mod sync {
    pub(crate) use std::sync::*;

    use millpond_spec::model::sync as model;

    /// As [`std::sync::Barrier`].
    #[derive(Debug)]
    pub(crate) struct Barrier {
        arrived: model::Mutex<(usize, usize)>,
        all: model::Condvar,
        many: usize,
    }

    impl Barrier {
        pub(crate) fn new(many: usize) -> Self {
            Self { arrived: model::Mutex::new((0, 0)), all: model::Condvar::new(), many }
        }

        pub(crate) fn wait(&self) {
            let mut arrived = self.arrived.lock().unwrap();
            arrived.0 += 1;
            if arrived.0 == self.many {
                *arrived = (0, arrived.1 + 1);
                return self.all.notify_all();
            }
            let round = arrived.1;
            while arrived.1 == round {
                arrived = self.all.wait(arrived).unwrap();
            }
        }
    }

    pub(crate) mod mpsc {
        use millpond_spec::model::sync::{Condvar, Mutex};
        use std::collections::VecDeque;
        use std::sync::Arc;
        pub(crate) use std::sync::mpsc::{RecvError, SendError, TryRecvError};

        struct Channel<T> {
            state: Mutex<State<T>>,
            changed: Condvar,
        }

        struct State<T> {
            items: VecDeque<T>,
            senders: usize,
            is_received: bool,
        }

        pub(crate) struct Sender<T>(Arc<Channel<T>>);
        pub(crate) struct Receiver<T>(Arc<Channel<T>>);

        pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
            let state = State { items: VecDeque::new(), senders: 1, is_received: true };
            let channel = Arc::new(Channel { state: Mutex::new(state), changed: Condvar::new() });
            (Sender(Arc::clone(&channel)), Receiver(channel))
        }

        impl<T> Sender<T> {
            pub(crate) fn send(&self, item: T) -> Result<(), SendError<T>> {
                let mut state = self.0.state.lock().unwrap();
                if !state.is_received {
                    return Err(SendError(item));
                }
                state.items.push_back(item);
                self.0.changed.notify_one();
                Ok(())
            }
        }

        impl<T> Clone for Sender<T> {
            fn clone(&self) -> Self {
                self.0.state.lock().unwrap().senders += 1;
                Self(Arc::clone(&self.0))
            }
        }

        impl<T> Drop for Sender<T> {
            fn drop(&mut self) {
                if let Ok(mut state) = self.0.state.lock() {
                    state.senders -= 1;
                    self.0.changed.notify_one();
                }
            }
        }

        impl<T> Receiver<T> {
            pub(crate) fn recv(&self) -> Result<T, RecvError> {
                let mut state = self.0.state.lock().unwrap();
                loop {
                    if let Some(item) = state.items.pop_front() {
                        return Ok(item);
                    }
                    if state.senders == 0 {
                        return Err(RecvError);
                    }
                    state = self.0.changed.wait(state).unwrap();
                }
            }

            pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
                let mut state = self.0.state.lock().unwrap();
                let none = if state.senders == 0 {
                    TryRecvError::Disconnected
                } else {
                    TryRecvError::Empty
                };
                state.items.pop_front().ok_or(none)
            }

            pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
                std::iter::from_fn(|| self.recv().ok())
            }

            pub(crate) fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
                std::iter::from_fn(|| self.try_recv().ok())
            }
        }

        impl<T> Drop for Receiver<T> {
            fn drop(&mut self) {
                if let Ok(mut state) = self.0.state.lock() {
                    state.is_received = false;
                }
            }
        }

        impl<T> IntoIterator for Receiver<T> {
            type Item = T;
            type IntoIter = std::vec::IntoIter<T>;

            fn into_iter(self) -> Self::IntoIter {
                self.iter().collect::<Vec<_>>().into_iter()
            }
        }
    }
}

/// What `tests/common` has.
pub(crate) mod common {
    use millpond_spec::ThreadPool;
    use millpond_spec::model::sync::{Condvar, Mutex};
    use std::sync::Arc;

    /// Keeps those who wait until it is opened.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

    impl Gate {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn open(&self) {
            *self.0.0.lock().unwrap() = true;
            self.0.1.notify_all();
        }

        pub(crate) fn is_open(&self) -> bool {
            *self.0.0.lock().unwrap()
        }

        pub(crate) fn wait(&self) {
            let mut open = self.0.0.lock().unwrap();
            while !*open {
                open = self.0.1.wait(open).unwrap();
            }
        }
    }

    /// Keeps a worker of the pool in a task until the gate opens. It is in it when this returns.
    pub(crate) fn hold_up(pool: &ThreadPool) -> Gate {
        let (entered, gate) = (Gate::new(), Gate::new());
        let (enter, pass) = (entered.clone(), gate.clone());
        pool.spawn(move || {
            enter.open();
            pass.wait();
        })
        .unwrap();
        entered.wait();
        gate
    }

    /// Lets the consumer pull so many items, of which none ends meanwhile.
    pub(crate) fn pull<I: Iterator, T, E>(stream: &mut millpond_spec::Imap<I, T, E>, items: usize) {
        while stream.progress().total < items {
            assert!(stream.next_timeout(std::time::Duration::ZERO).is_err(), "no item ends");
        }
    }
}
