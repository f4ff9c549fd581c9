//! The queues: crossbeam's own. Each operation is one step, and the scheduler changes no
//! threads inside it.

use super::Step;

pub(crate) use crossbeam_deque::Steal;

pub(crate) type Injector<T> = Step<crossbeam_deque::Injector<T>>;
pub(crate) type Stealer<T> = Step<crossbeam_deque::Stealer<T>>;
pub(crate) type Worker<T> = Step<crossbeam_deque::Worker<T>>;

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Self::new_step(crossbeam_deque::Injector::new())
    }
}

impl<T> Stealer<T> {
    pub(crate) fn len(&self) -> usize {
        crossbeam_deque::Stealer::len(self)
    }
}

impl<T> Worker<T> {
    pub(crate) fn new_lifo() -> Self {
        Self::new_step(crossbeam_deque::Worker::new_lifo())
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Step::new_step(self.in_this_step().stealer())
    }
}
