use super::Pool;
use crate::numbers::{Books, PoolStats, Running, Timings};
use crate::sync::step;

/// What the pool counts, and what its workers are doing.
impl Pool {
    /// Tells what the pool has done so far, and what it has to do.
    ///
    /// A pool counts if it was built with [`stats`](crate::Builder::stats). Another one knows only
    /// how many workers it has, and how much is queued and running.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// let pool = ThreadPool::builder().workers(2).stats(true).build()?;
    /// let squares = pool.map(|x: u64| x * x, 0..1_000)?;
    /// assert!(pool.apply(|| -> u64 { panic!("no such square") }).is_err());
    /// let stats = pool.stats();
    /// assert_eq!((stats.submitted, stats.completed, stats.failed), (2, 1, 1));
    /// assert_eq!((stats.queued, stats.running, squares.len()), (0, 0, 1_000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call reads some words per worker, and the clock twice. It blocks only while another
    /// thread makes the same look at the pool. It allocates. It does not run your code, wake a
    /// thread, or hold up a worker or a submitter.
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn stats(&self) -> PoolStats {
        step::call("stats");
        let known = || PoolStats {
            workers: self.workers(),
            running: self.active() as u64,
            queued: self.queued() as u64,
            ..PoolStats::default()
        };
        self.sched().books().map_or_else(known, Books::stats)
    }

    /// Tells what each worker runs at this moment, by the order of the workers.
    ///
    /// A worker that runs nothing is left out. If a task waits for another one, and its worker runs
    /// that one meanwhile, the list has the inner one. For a batch or a stream it has the function
    /// that is called with the items, and the time is that of the runner and not of one item.
    ///
    /// The list is empty unless the pool was built with [`stats`](crate::Builder::stats).
    /// `{:#?}` of the pool prints it too.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// use std::sync::mpsc;
    ///
    /// fn lookup(answer: mpsc::Receiver<()>) {
    ///     let _ = answer.recv(); // the answer does not come
    /// }
    ///
    /// let pool = ThreadPool::builder().workers(2).stats(true).build()?;
    /// let (answers, answer) = mpsc::channel();
    /// let stuck = pool.apply_async(|| lookup(answer))?;
    /// let running = loop {
    ///     match pool.running().first() {
    ///         Some(first) => break *first,
    ///         None => std::thread::yield_now(),
    ///     }
    /// };
    /// println!("worker {}: {} for {:?}", running.worker, running.type_name, running.at_least);
    /// drop(answers);
    /// stuck.get()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// As that of [`stats`](Self::stats).
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn running(&self) -> Vec<Running> {
        step::call("running");
        self.sched().books().map_or_else(Vec::new, |books| books.running(true))
    }

    /// Tells how long a sample of the tasks was queued, and how long they ran.
    ///
    /// None unless the pool was built with [`timings`](crate::Builder::timings). The sample is of
    /// calls and of tasks of scopes that workers have run, and not of batches and streams.
    ///
    /// ```
    /// use millpond::ThreadPool;
    /// let pool = ThreadPool::builder().workers(1).timings(1).build()?;
    /// for _ in 0..10 {
    ///     pool.spawn(|| ())?;
    /// }
    /// pool.close();
    /// pool.join()?;
    /// let timings = pool.timings().unwrap();
    /// assert_eq!((timings.queued.count(), timings.ran.count()), (10, 10));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Cost
    ///
    /// The call reads 30 KiB per worker, and allocates as much in all. It does not block, run your
    /// code, wake a thread, or hold up a worker or a submitter.
    #[must_use]
    #[cfg_attr(any(feature = "loom", feature = "shuttle"), track_caller)]
    pub fn timings(&self) -> Option<Timings> {
        step::call("timings");
        self.sched().books().and_then(Books::timings)
    }
}
