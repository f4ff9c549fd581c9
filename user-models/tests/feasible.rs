//! How large a model is by its workers, tasks and bound: the table of docs/model-checking.md,
//! but for its last row, which takes ten seconds.

use millpond_spec::ThreadPool;
use millpond_spec::model::{Model, Report};

const PAGE: &str = include_str!("../../docs/model-checking.md");

/// Explores a pool of so many workers that runs tasks, each of which returns at once.
fn explore(workers: usize, tasks: usize, bound: usize) -> Report {
    Model::new().bound(bound).explore(move || {
        let pool = ThreadPool::new(workers).unwrap();
        let tasks: Vec<_> =
            (0..tasks).map(|task| pool.apply_async(move || task).unwrap()).collect();
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.get().unwrap(), number);
        }
        pool.close();
        pool.join().unwrap();
    })
}

#[test]
fn the_page_says_how_many_executions_there_are() {
    let mut stale = Vec::new();
    for (workers, tasks, bound) in
        [(1, 1, 2), (1, 3, 2), (2, 1, 2), (2, 2, 2), (2, 3, 2), (2, 2, 3)]
    {
        let report = explore(workers, tasks, bound);
        assert!(report.complete, "{report}");
        let row = format!("| {workers} | {tasks} | {bound} | {} |", report.executions);
        println!("{row} {:.2} |", report.elapsed.as_secs_f64());
        if !PAGE.contains(&row) {
            stale.push(row);
        }
    }
    assert!(stale.is_empty(), "the page lacks: {stale:#?}");
}
