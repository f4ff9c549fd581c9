//! Values that are large, have no size, are aligned to more than a word, are pinned or cannot be
//! shared: each passes through the pool as it is.

mod common;
mod parity;

use millpond::{PoolHandle, ThreadPool};
use parity::block_on;
use std::marker::PhantomPinned;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;

// covers F-44
#[test]
fn closures_and_values_may_be_large() {
    const SIZE: usize = 1 << 20;
    // Without optimisation each move of a large value takes stack in each frame that it passes through.
    let body = || {
        let pool = ThreadPool::builder().workers(2).stack_size(64 << 20).build().unwrap();
        let large = [7_u8; SIZE];
        let results: Vec<_> = (0..20_u8)
            .map(|i| {
                pool.apply_async(move || {
                    let mut large = large;
                    large[SIZE / 2] = i;
                    large
                })
                .unwrap()
            })
            .collect();
        for (i, result) in results.into_iter().enumerate() {
            let value = result.get().unwrap();
            assert_eq!((value[0], usize::from(value[SIZE / 2]), value[SIZE - 1]), (7, i, 7));
        }
        let sum = |all: [u8; SIZE]| all.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        assert_eq!(pool.map(sum, [large, large]).unwrap(), [7 << 20; 2]);
        let nested =
            || PoolHandle::current().unwrap().apply_async(move || large).unwrap().get().unwrap()[1];
        assert_eq!(pool.apply(nested).unwrap(), 7);
    };
    thread::Builder::new().stack_size(64 << 20).spawn(body).unwrap().join().unwrap();
}

#[repr(align(128))]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Aligned(u8);

// covers F-45
#[test]
fn values_may_have_no_size_great_alignment_or_be_pinned() {
    let pool = ThreadPool::new(2).unwrap();
    assert_eq!(pool.map(|()| (), [(); 100]).unwrap().len(), 100);
    pool.apply_async(|| ()).unwrap().get().unwrap();
    let at = |value: &Aligned| std::ptr::from_ref(value) as usize % 128;
    let captured = Aligned(3);
    let result = pool.apply_async(move || (at(&captured), captured)).unwrap();
    result.wait();
    let peeked = result.peek().unwrap().as_ref().unwrap();
    assert_eq!(*peeked, (0, Aligned(3)));
    assert_eq!(at(&peeked.1), 0);
    let (send, receive) = channel();
    let batch = pool.batch(move |value: Aligned| (at(&value), value), (0..10).map(Aligned));
    let batch = batch.callback(move |all: &Vec<_>| {
        send.send(all.iter().map(|(_, value)| at(value)).sum()).unwrap()
    });
    let values = batch.map_async().unwrap().get().unwrap();
    assert!(
        values.into_iter().enumerate().all(|(i, (at, value))| at == 0 && usize::from(value.0) == i)
    );
    assert_eq!(receive.recv(), Ok(0_usize));
    struct Pinned(u8, PhantomPinned);
    assert_eq!(block_on(pool.apply_async(|| Pinned(4, PhantomPinned)).unwrap()).unwrap().0, 4);
    // What cannot be shared can be a value: the handle moves it out.
    let shared = Mutex::new(std::cell::Cell::new(5));
    assert_eq!(pool.apply(move || shared.into_inner().unwrap()).unwrap().get(), 5);
}
