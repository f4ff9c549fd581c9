//! The questions, a file for each.

mod allocations;
mod chunked;
mod curves;
mod fairness;
mod fork_join;
mod idle;
mod imap;
mod inside;
mod join;
mod lifecycle;
mod map;
mod nested_get;
mod nested_maps;
mod open_loop;
mod port_scan;
mod round_trip;
mod steady;
mod stream;
mod uneven;
mod wakes;
mod wide;

use crate::row::{GROUPS, Row};

/// All rows, in their order: those that cannot be measured yet say why.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = vec![
        allocations::row(),
        chunked::row(),
        fairness::row(),
        fork_join::row(),
        idle::row(),
        inside::row(),
        join::row(),
        lifecycle::row(),
        nested_get::row(),
        port_scan::row(),
        steady::row(),
        uneven::row(),
        wakes::row(),
    ];
    rows.extend(curves::rows());
    rows.extend(nested_maps::rows());
    rows.extend(open_loop::rows());
    rows.extend(round_trip::rows());
    rows.extend(stream::rows());
    rows.extend(map::rows());
    rows.extend(imap::rows());
    rows.extend(wide::rows());
    let place = |row: &Row| {
        let group = GROUPS.iter().position(|(letter, ..)| row.id.starts_with(*letter));
        (group.expect("a letter of a group"), row.id[1..].parse::<u8>().expect("and a number"))
    };
    rows.sort_by_key(place);
    rows.into_iter().map(Row::complete).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::KNOWN;
    use crate::row::{Role, TARGETS};

    /// We ourselves, in another way.
    const OURSELVES: fn(&str) -> bool = |name| name.starts_with("millpond, ");

    #[test]
    fn every_row_is_there_once() {
        let ids: Vec<_> = all().iter().map(|row| row.id).collect();
        let numbers = [31, 4, 4, 3, 2, 1];
        let should = GROUPS.iter().zip(numbers).flat_map(|((letter, ..), last)| {
            (1..=last).map(move |number| format!("{letter}{number}"))
        });
        assert_eq!(ids, should.collect::<Vec<_>>());
    }

    #[test]
    fn every_row_is_about_us_or_says_why_not() {
        for row in all() {
            let ours =
                row.contestants.iter().filter(|contestant| contestant.role == Role::Ours).count();
            assert!(ours == 1 && !row.measures.is_empty() || !row.missing.is_empty(), "{}", row.id);
            let mut names: Vec<_> =
                row.contestants.iter().map(|contestant| contestant.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), row.contestants.len(), "{}: a name twice", row.id);
        }
    }

    #[test]
    fn every_peer_takes_part_in_every_row_or_is_absent_with_a_reason() {
        for row in all().iter().filter(|row| !row.contestants.is_empty()) {
            let names = || {
                row.contestants
                    .iter()
                    .map(|c| c.name)
                    .chain(row.absent.iter().map(|(name, _)| *name))
            };
            for peer in KNOWN {
                assert!(
                    names().any(|name| peer.is(name)),
                    "{}: nothing is said of {}",
                    row.id,
                    peer.name
                );
            }
            let others =
                row.contestants.iter().filter(|c| matches!(c.role, Role::Peer | Role::Beside));
            let strangers: Vec<_> = others
                .filter(|c| !KNOWN.iter().any(|peer| peer.is(c.name)) && !OURSELVES(c.name))
                .map(|c| c.name)
                .collect();
            assert!(strangers.is_empty(), "{}: not among the known: {strangers:?}", row.id);
        }
    }

    /// A row without a bound is a curve: a run has it only if it is asked for.
    #[test]
    fn bounds_are_in_the_group_of_the_targets_alone() {
        for row in all() {
            let bounds = row.measures.iter().any(|measure| !measure.musts.is_empty());
            assert_eq!(bounds || row.contestants.is_empty(), row.group() == TARGETS, "{}", row.id);
        }
    }

    #[test]
    fn nobody_is_both_there_and_absent() {
        for row in all() {
            for (name, _) in &row.absent {
                assert!(!row.contestants.iter().any(|c| c.name == *name), "{}: {name}", row.id);
            }
        }
    }
}
