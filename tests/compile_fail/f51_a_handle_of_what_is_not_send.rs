//@ E0277
use millpond::AsyncResult;
use std::rc::Rc;

fn goes_anywhere<T: Send>() {}

fn main() {
    goes_anywhere::<AsyncResult<Rc<u32>>>();
}
