//@ E0277
use millpond::Panic;
use std::cell::Cell;

fn look(panic: &Panic) -> Option<&Cell<u32>> {
    panic.downcast_ref()
}

fn main() {
    let _ = look;
}
