//! Values that all threads of the process share: in a watched execution there are none, because
//! the next execution would find them as this one leaves them.

/// Declares a function that returns a value of the process: here none.
macro_rules! shared {
    ($(#[$attr:meta])* fn $name:ident() -> $t:ty = const $init:block;) => {
        $(#[$attr])*
        fn $name() -> Option<&'static $t> {
            None
        }
    };
}

pub(crate) use shared;
