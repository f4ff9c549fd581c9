//! Which rows: naming them, and choosing among them.

use std::fmt::Write as _;

use crate::row::{Against, Contestant, GROUPS, Role, Row, TARGETS};

/// The rows whose ids or groups are wanted, in capitals or not, in the rows' order; those with bounds
/// if none is.
///
/// # Errors
///
/// The first that there is not, and those that there are.
pub(crate) fn select(rows: Vec<Row>, wanted: &[String]) -> Result<Vec<Row>, String> {
    let is = |row: &Row, wanted: &String| {
        [row.id, row.group()].iter().any(|name| name.eq_ignore_ascii_case(wanted.trim()))
    };
    if let Some(unknown) = wanted.iter().find(|id| !rows.iter().any(|row| is(row, id))) {
        let there: Vec<_> = rows.iter().map(|row| row.id).collect();
        let groups: Vec<_> = GROUPS.iter().map(|(_, name, _)| *name).collect();
        return Err(format!(
            "there is no row or group {unknown:?}; there are {}, and the groups {}",
            there.join(", "),
            groups.join(", ")
        ));
    }
    let targets = [TARGETS.to_owned()];
    let wanted = if wanted.is_empty() { &targets } else { wanted };
    let chosen = |row: &Row| wanted.iter().any(|name| is(row, name));
    Ok(rows.into_iter().filter(chosen).collect())
}

/// What a quick look is made of: calls there and back, submission, maps, streams, allocations, nesting,
/// an open loop.
const QUICK: [&str; 8] = ["P1", "P4", "P6", "P10", "P11", "P13", "P22", "P29"];

/// The peers that a quick look asks: the pool that most programs have, the plainest one, and the one
/// of asynchronous programs. Whom a bound names is asked besides.
const QUICK_PEERS: [&str; 3] = ["rayon", "threadpool", "tokio spawn_blocking"];

/// For a quick look, those of the rows that it is made of, with fewer peers in each. A bound on the
/// best of all peers is not judged then, for it may be among those who are not asked.
pub(crate) fn quick(rows: Vec<Row>, quick: bool) -> Vec<Row> {
    if !quick {
        return rows;
    }
    let rows = rows.into_iter().filter(|row| QUICK.contains(&row.id));
    rows.map(|row| thin(row, &QUICK_PEERS)).collect()
}

/// The row with these peers alone, and whom its bounds name. Without the others no bound on the best of
/// them can be judged.
pub(crate) fn thin(mut row: Row, peers: &[&'static str]) -> Row {
    let mut named = peers.to_vec();
    for measure in &mut row.measures {
        measure.musts.retain(|must| must.against != Against::Best);
        named.extend(measure.musts.iter().filter_map(|must| match must.against {
            Against::Named(name) | Against::Slower(name) => Some(name),
            Against::Floor | Against::Best | Against::Itself => None,
        }));
    }
    let asked = |contestant: &Contestant| {
        contestant.role != Role::Peer && contestant.role != Role::Beside
            || named.contains(&contestant.name)
    };
    let (asked, not) = row.contestants.into_iter().partition(asked);
    row.contestants = asked;
    let not: Vec<Contestant> = not;
    row.absent.extend(not.iter().map(|c| (c.name, "is not asked in a run of few peers")));
    row
}

/// A line for each row: its id and its work.
pub(crate) fn index(rows: &[Row]) -> String {
    let mut text = String::new();
    for (_, name, about) in GROUPS {
        _ = writeln!(text, "The group {name}, {about}:");
        for row in rows.iter().filter(|row| row.group() == name) {
            let why = if row.contestants.is_empty() { " (not measured yet)" } else { "" };
            _ = writeln!(text, "  {:<4} {}{why}", row.id, row.work);
        }
    }
    text
}

/// The same, and of each row what must be reached, who takes part, and who does not.
pub(crate) fn list(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        _ = writeln!(text, "{}: {}", row.id, row.work);
        for measure in &row.measures {
            let what = if measure.what.is_empty() { measure.key } else { measure.what };
            let musts: Vec<_> = measure.musts.iter().map(|must| must.show(measure.unit)).collect();
            let musts = if musts.is_empty() { "reported".to_owned() } else { musts.join(" and ") };
            _ = writeln!(text, "  {what}: {musts}");
        }
        for (title, role) in [
            ("floor", Role::Floor),
            ("peers", Role::Peer),
            ("beside", Role::Beside),
            ("baseline", Role::Baseline),
        ] {
            let names: Vec<_> =
                row.contestants.iter().filter(|c| c.role == role).map(|c| c.name).collect();
            if !names.is_empty() {
                _ = writeln!(text, "  {title}: {}", names.join(" · "));
            }
        }
        for (why, names) in by_reason(row.absent.iter().copied()) {
            _ = writeln!(text, "  without {}: {why}", names.join(", "));
        }
        for why in &row.missing {
            _ = writeln!(text, "  not measured: {why}");
        }
    }
    text
}

/// Those who share a reason, together, in the order of their first.
pub(crate) fn by_reason<'a>(
    absent: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, why) in absent {
        match reasons.iter_mut().find(|(reason, _)| *reason == why) {
            Some((_, names)) => names.push(name),
            None => reasons.push((why, vec![name])),
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows;

    fn ids(wanted: &[&str]) -> Result<Vec<&'static str>, String> {
        let wanted: Vec<_> = wanted.iter().map(|id| (*id).to_owned()).collect();
        Ok(select(rows::all(), &wanted)?.iter().map(|row| row.id).collect())
    }

    #[test]
    fn rows_are_chosen_in_capitals_or_not_and_come_in_their_own_order() {
        assert_eq!(ids(&["p7", "P4", " p7"]), Ok(vec!["P4", "P7"]));
        assert_eq!(ids(&["S2", "p31"]), Ok(vec!["P31", "S2"]));
    }

    #[test]
    fn a_group_is_all_its_rows_and_without_a_name_those_with_bounds_are_meant() {
        assert_eq!(ids(&["Growth", "p7"]), Ok(vec!["P7", "G1", "G2", "G3", "G4"]));
        assert_eq!(ids(&[]), ids(&["targets"]));
        assert_eq!(ids(&[]).map(|all| all.len()), Ok(31));
    }

    #[test]
    fn a_quick_look_has_fewer_rows_and_peers_and_no_bound_on_the_best() {
        let all = quick(rows::all(), true);
        assert_eq!(all.iter().map(|row| row.id).collect::<Vec<_>>(), QUICK);
        assert_eq!(quick(rows::all(), false).len(), rows::all().len());
        for row in &all {
            let names: Vec<_> = row.contestants.iter().map(|c| c.name).collect();
            assert!(names.contains(&crate::peers::OURS) && names.len() >= 2, "{names:?}");
            let peers = row.contestants.iter().filter(|c| c.role == Role::Peer).count();
            assert!(peers <= QUICK_PEERS.len() + 2, "{}: {names:?}", row.id);
            for must in row.measures.iter().flat_map(|measure| &measure.musts) {
                assert!(must.against != Against::Best, "{}", row.id);
                if let Against::Named(name) = must.against {
                    assert!(names.contains(&name), "{}: {name} is not asked", row.id);
                }
            }
        }
    }

    #[test]
    fn a_row_that_there_is_not_is_answered_with_those_that_there_are() {
        let error = ids(&["P4", "P99"]).expect_err("there is no such row");
        assert!(
            error.contains("\"P99\"") && error.contains("P1, P2,") && error.contains("growth"),
            "{error}"
        );
    }

    #[test]
    fn index_and_list_name_every_row_with_its_work() {
        let rows = rows::all();
        for row in &rows {
            for text in [index(&rows), list(&rows)] {
                assert!(
                    text.lines().any(|line| line.contains(row.id) && line.contains(row.work)),
                    "{}",
                    row.id
                );
            }
        }
    }

    #[test]
    fn those_who_share_a_reason_are_named_together() {
        let reasons = by_reason([("a", "x"), ("b", "y"), ("c", "x")]);
        assert_eq!(reasons, [("x", vec!["a", "c"]), ("y", vec!["b"])]);
    }
}
