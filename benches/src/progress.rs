//! How far a run is, on standard error: a line for each row, and how long the rest may take.

use std::time::{Duration, Instant};

use crate::row::Row;

/// A run of so many rows and turns.
#[derive(Debug)]
pub(crate) struct Progress {
    begin: Instant,
    per_row: usize,
    rows: usize,
    turns: usize,
    rows_done: usize,
    turns_done: usize,
}

impl Progress {
    pub(crate) fn new(rows: &[&Row], per_row: usize) -> Self {
        let turns = rows.iter().map(|row| turns(row, per_row)).sum();
        let begin = Instant::now();
        Self { begin, per_row, rows: rows.len(), turns, rows_done: 0, turns_done: 0 }
    }

    pub(crate) fn begin(&self, row: &Row) {
        let left =
            self.left().map_or(String::new(), |left| format!(", about {} to go", minutes(left)));
        let who = match row.contestants.len() {
            0 => "not measured yet".to_owned(),
            1 => format!("1 contestant, {} turns", self.per_row),
            all => format!("{all} contestants, {} turns each", self.per_row),
        };
        eprintln!("{}, row {} of {}: {who}{left}", row.id, self.rows_done + 1, self.rows);
    }

    pub(crate) fn done(&mut self, row: &Row) {
        self.rows_done += 1;
        self.turns_done += turns(row, self.per_row);
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Going by the turns so far: a turn of one row is not as long as one of another, which evens out.
    fn left(&self) -> Option<Duration> {
        let left = (self.turns - self.turns_done) as f64;
        (self.turns_done > 0).then(|| self.elapsed().mul_f64(left / self.turns_done as f64))
    }
}

/// Those who take their turns together take one.
fn turns(row: &Row, per_row: usize) -> usize {
    per_row * if row.together { 1 } else { row.contestants.len() }
}

/// `2 min 5 s`.
pub(crate) fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Contestant;

    #[test]
    fn what_is_left_is_told_by_the_turns_so_far() {
        let nobody = || unreachable!("nobody runs here");
        let long = Row::new("P1", "")
            .with(Contestant::ours(nobody))
            .with(Contestant::peer("rayon", nobody));
        let rows = [&long, &Row::new("P2", "").with(Contestant::ours(nobody))];
        let mut progress = Progress::new(&rows, 6);
        assert_eq!((progress.turns, progress.left()), (18, None));
        progress.done(rows[0]);
        progress.begin -= Duration::from_secs(100);
        let left = progress.left().unwrap_or_default().as_secs();
        assert_eq!((progress.rows_done, left), (1, 50));
    }

    #[test]
    fn minutes_are_told_from_the_first_on() {
        assert_eq!(minutes(Duration::from_secs(59)), "59 s");
        assert_eq!(minutes(Duration::from_secs(125)), "2 min 5 s");
    }
}
