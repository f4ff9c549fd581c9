//! The table, and what must be said beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use comfy_table::presets::UTF8_FULL;
use comfy_table::{ContentArrangement, Table};

use crate::done::Done;
use crate::judge::{Ahead, Judged, Line, Standing};
use crate::peers::OURS;
use crate::race::{Plan, Race};
use crate::row::{Role, Unit};
use crate::show::wrap;
use crate::verdict::{FEWEST, Interval, Verdict, cut};

/// A line for each figure and bound.
pub(crate) fn table(rows: &[Done]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "row",
        "work",
        "ours",
        "floor",
        "best peer",
        "ratio (95 %)",
        "must",
        "verdict",
        "others' CPU",
    ]);
    for row in rows {
        let share = noise(&row.race);
        for line in &row.lines {
            let work = if line.what.is_empty() {
                wrap(&row.work, 30)
            } else {
                format!("{}\n— {}", wrap(&row.work, 30), wrap(&line.what, 28))
            };
            let ours = match row.race.failed.get(OURS) {
                Some(why) => wrap(why, 24),
                None => ours(line).replacen(" (", "\n(", 1),
            };
            let of = |at: &Standing| format!("{}\n{}", line.unit.show(at.figure.median), at.name);
            let join = |cell: &dyn Fn(&Judged) -> String| {
                line.judged.iter().map(cell).collect::<Vec<_>>().join("\n")
            };
            table.add_row([
                row.id.clone(),
                work,
                ours,
                line.floor().map_or("–".to_owned(), of),
                best(line).map_or("–".to_owned(), of),
                unbounded(line).unwrap_or_else(|| join(&|judged| ratio(judged, line.unit))),
                join(&|judged| judged.must.clone()),
                if line.judged.is_empty() {
                    "no bound".to_owned()
                } else {
                    join(&|judged| judged.verdict.to_string())
                },
                share.clone(),
            ]);
        }
        if row.lines.is_empty() {
            let work = wrap(&row.work, 30);
            table.add_row([&row.id, &work, "–", "–", "–", "–", "–", "not measured", ""]);
        }
    }
    table
}

/// The most that others had of the machine in a turn that was kept, and how many turns had to be
/// repeated.
pub(crate) fn noise(race: &Race) -> String {
    let most =
        race.most_noise().map_or("?".to_owned(), |share| format!("≤ {:.0} %", share * 100.0));
    match race.repeats.iter().sum::<u32>() {
        0 => most,
        repeats => format!("{most}, {repeats} again"),
    }
}

/// Where somebody beats us with the whole interval: missed bounds first, then by how much.
pub(crate) fn losses(rows: &[Done]) -> String {
    let mut text =
        String::from("\nWhere others are better with the whole interval, and how many times:\n");
    _ = writeln!(text, "  ({})", by_chance(rows));
    for Loss { row, line, missed } in sorted_losses(rows) {
        let all: Vec<_> = line.better_than_ours.iter().map(show_ahead).collect();
        let missed = if missed { " (missed)" } else { "" };
        let noisy = if line.noisy { " (too noisy to judge)" } else { "" };
        _ = writeln!(text, "  {}{missed}{noisy}, {}: {}", row.id, line.title(row), all.join(" · "));
    }
    if rows.iter().all(|row| row.lines.iter().all(|line| line.better_than_ours.is_empty())) {
        text.push_str("  nowhere in the rows measured\n");
    }
    text
}

/// What a list of so many comparisons holds if nobody is better than anybody.
pub(crate) fn by_chance(rows: &[Done]) -> String {
    let lines = rows.iter().flat_map(|row| &row.lines);
    let of = |line: &Line| {
        let others = line.standings.iter().filter(|standing| standing.role != Role::Floor).count();
        let enough = line.turns_used >= FEWEST && line.ours().is_some();
        let comparisons = if enough { others - 1 } else { 0 };
        (comparisons, comparisons as f64 * cut(line.turns_used).1)
    };
    let (comparisons, chance) =
        lines.map(of).fold((0, 0.0), |all, line| (all.0 + line.0, all.1 + line.1));
    format!(
        "{comparisons} comparisons, uncorrected: if all were equal, about {chance:.1} would be here \
         by chance"
    )
}

/// A figure in which somebody is better.
pub(crate) struct Loss<'a> {
    pub(crate) row: &'a Done,
    pub(crate) line: &'a Line,
    pub(crate) missed: bool,
}

pub(crate) fn sorted_losses(rows: &[Done]) -> Vec<Loss<'_>> {
    let lines = rows.iter().flat_map(|row| row.lines.iter().map(move |line| (row, line)));
    let mut losses: Vec<_> = lines
        .filter(|(_, line)| !line.better_than_ours.is_empty())
        .map(|(row, line)| {
            let missed = line.judged.iter().any(|judged| judged.verdict == Verdict::Missed);
            Loss { row, line, missed }
        })
        .collect();
    let most = |loss: &Loss<'_>| {
        let times = loss.line.better_than_ours.first().and_then(|ahead| ahead.times);
        times.map_or(f64::INFINITY, |times| times.median)
    };
    losses.sort_by(|a, b| b.missed.cmp(&a.missed).then(most(b).total_cmp(&most(a))));
    losses
}

/// `rayon 1.20 × (1.10..1.30)`.
pub(crate) fn show_ahead(ahead: &Ahead) -> String {
    match ahead.times {
        Some(Interval { low, median, high }) => {
            format!("{} {median:.2} × ({low:.2}..{high:.2})", ahead.name)
        }
        None => format!("{} with 0", ahead.name),
    }
}

/// All contestants, who is missing and why, and whether the machine was quiet.
pub(crate) fn notes(rows: &[Done], plan: &Plan) -> String {
    let mut text = String::from("\nAll who took part, best first, median (interval):\n");
    for row in rows {
        for line in &row.lines {
            let show = |at: &Standing| {
                let role = if at.role == Role::Floor { "floor, " } else { "" };
                format!("{role}{} {}", at.name, line.unit.show_interval(at.figure))
            };
            let all: Vec<_> = line.standings.iter().map(show).collect();
            let what = if line.what.is_empty() { String::new() } else { format!(" {}", line.what) };
            _ = writeln!(text, "  {}{what}: {}", row.id, all.join(" · "));
        }
        for (name, why) in &row.race.failed {
            _ = writeln!(text, "  {}: {name} failed: {why}", row.id);
        }
        for why in &row.missing {
            _ = writeln!(text, "  {}: not measured: {why}", row.id);
        }
    }
    text.push_str(&absences(rows));
    text.push_str(&beaten_floors(rows));
    text.push_str(&summary(rows, plan.noise_limit));
    text
}

/// Who was not there: those with one reason in the same rows together.
fn absences(rows: &[Done]) -> String {
    let mut where_and_why: BTreeMap<(&String, &String), Vec<&str>> = BTreeMap::new();
    for (row, (name, why)) in
        rows.iter().flat_map(|row| row.race.absent.iter().map(move |absent| (row, absent)))
    {
        where_and_why.entry((name, why)).or_default().push(&row.id);
    }
    let mut together: BTreeMap<(&String, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for ((name, why), rows) in where_and_why {
        together.entry((why, rows)).or_default().push(name);
    }
    let asked = rows.iter().filter(|row| !row.lines.is_empty()).count();
    let mut text = String::new();
    for ((why, rows), names) in together {
        let rows =
            if asked > 1 && rows.len() == asked { "all rows".to_owned() } else { rows.join(", ") };
        _ = writeln!(text, "  {}: {why} ({rows})", names.join(", "));
    }
    if text.is_empty() { text } else { format!("\nWho did not take part:\n{text}") }
}

/// A floor that somebody beats is none.
fn beaten_floors(rows: &[Done]) -> String {
    let mut text = String::new();
    for (row, line) in rows.iter().flat_map(|row| row.lines.iter().map(move |line| (row, line))) {
        if let (false, Some(floor)) = (line.better_than_floor.is_empty(), line.floor()) {
            let all: Vec<_> = line.better_than_floor.iter().map(show_ahead).collect();
            _ = writeln!(
                text,
                "  {}, {}: the floor ({}) is beaten by {}: it is wrong, or the machine was noisy.",
                row.id,
                line.title(row),
                floor.name,
                all.join(" · ")
            );
        }
    }
    if text.is_empty() { text } else { format!("\nFloors that are none:\n{text}") }
}

fn summary(rows: &[Done], noise_limit: f64) -> String {
    let judged = || {
        rows.iter().flat_map(|row| {
            row.lines.iter().flat_map(|line| &line.judged).map(move |j| (&*row.id, j))
        })
    };
    let number = |verdict| judged().filter(|(_, judged)| judged.verdict == verdict).count();
    let pending = rows.iter().filter(|row| row.lines.is_empty()).count();
    let count = |verdict| match verdict {
        Verdict::Unmeasured => number(verdict) + pending,
        _ => number(verdict),
    };
    let counts = Verdict::ALL.map(|verdict| format!("{} {verdict}", count(verdict)));
    let mut text = format!("\n{}.\n", counts.join(", "));
    let mut noisy: Vec<&str> =
        judged().filter(|(_, j)| j.verdict == Verdict::Noise).map(|(id, _)| id).collect();
    noisy.dedup();
    if !noisy.is_empty() {
        let limit = noise_limit * 100.0;
        _ = writeln!(
            text,
            "Too noisy to judge {}: others had more than {limit} % of the machine in too many turns.",
            noisy.join(", ")
        );
    }
    text
}

/// The peer that ours was divided by, or else the one that did best by itself.
pub(crate) fn best(line: &Line) -> Option<&Standing> {
    match &line.to_best {
        Some(best) => line.others().find(|other| other.name == best.against),
        None => line.others().find(|other| other.role == Role::Peer),
    }
}

/// Our figure, with its interval where the figure itself is bounded.
pub(crate) fn ours(line: &Line) -> String {
    let itself = line.judged.iter().any(|judged| judged.against.is_empty());
    match line.ours() {
        None => "–".to_owned(),
        Some(figure) if itself => line.unit.show_interval(figure),
        Some(figure) => line.unit.show(figure.median),
    }
}

/// What was compared with the bound: a quotient, or the figure itself.
pub(crate) fn compared(judged: &Judged, unit: Unit) -> String {
    match judged.ratio {
        None => "–".to_owned(),
        Some(figure) if judged.against.is_empty() => unit.show_interval(figure),
        Some(ratio) => show_ratio(ratio),
    }
}

/// The same where only a ratio may stand: a figure that is none stands in its own column.
pub(crate) fn ratio(judged: &Judged, unit: Unit) -> String {
    match judged.ratio {
        Some(ratio) if unit == Unit::Share || !judged.against.is_empty() => show_ratio(ratio),
        _ => "–".to_owned(),
    }
}

/// Of a figure without a bound, the quotient of ours and the best peer's.
pub(crate) fn unbounded(line: &Line) -> Option<String> {
    let best = line.to_best.as_ref().filter(|_| line.judged.is_empty())?;
    Some(show_ratio(best.ratio))
}

fn show_ratio(Interval { low, median, high }: Interval) -> String {
    format!("{median:.3} ({low:.3}..{high:.3})")
}

impl Line {
    /// What the figure is, or the row's work if that says it.
    pub(crate) fn title<'a>(&'a self, row: &'a Done) -> &'a str {
        if self.what.is_empty() { &row.work } else { &self.what }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::check::figures;
    use crate::judge::line;
    use crate::race::Race;
    use crate::row::{Against, Contestant, Measure, Row};

    /// A row of two measures in which rayon is twice as good in the first, and we are in the second.
    pub(crate) fn done(id: &str) -> Done {
        let nobody = || unreachable!("nobody runs here");
        let row = Row::new("P0", "some work")
            .measure(Measure::new("one", "", Unit::Nanos).must(Against::Best, 1.0))
            .measure(Measure::new("two", "more of it", Unit::Rate))
            .with(Contestant::ours(nobody))
            .with(Contestant::peer("rayon", nobody));
        let figures = |one, two| vec![figures([("one", one), ("two", two)]); 6];
        let turns = [(OURS, figures(20.0, 4.0)), ("rayon", figures(10.0, 2.0))]
            .map(|(name, figures)| (name.to_owned(), figures))
            .into();
        let absent = ["chili", "forte"].map(|name| (name.to_owned(), "sleeps".to_owned())).into();
        let race = Race { turns, absent, ..Race::default() };
        let lines = row.measures.iter().map(|measure| line(&row, measure, &race, 1.0)).collect();
        let (id, work) = (id.to_owned(), row.work.to_owned());
        Done { id, work, seconds: 1.0, lines, missing: vec![], race }
    }

    #[test]
    fn a_loss_is_told_with_who_and_how_much() {
        let text = losses(&[done("P1")]);
        assert!(text.contains("P1 (missed), some work: rayon 2.00 × (2.00..2.00)"), "{text}");
        assert!(!text.contains("more of it"), "{text}");
        assert!(losses(&[]).contains("nowhere"));
        // Two figures, in each of which one other could be ahead by chance, once in 64 times.
        assert!(
            text.contains("(2 comparisons, uncorrected: if all were equal, about 0.0 "),
            "{text}"
        );
        let many: Vec<_> = (0..100).map(|_| done("P1")).collect();
        assert!(by_chance(&many).contains("200 comparisons"), "{}", by_chance(&many));
        assert!(by_chance(&many).contains("about 3.1 "), "{}", by_chance(&many));
    }

    #[test]
    fn only_a_ratio_stands_in_the_column_of_ratios() {
        let judged = |against: &str| Judged {
            must: "≤ 2.00 µs".to_owned(),
            against: against.to_owned(),
            ratio: Interval::of(vec![600.0]),
            verdict: Verdict::Reached,
            bound: Some(2_000.0),
        };
        assert_eq!(ratio(&judged(""), Unit::Nanos), "–");
        assert_eq!(compared(&judged(""), Unit::Nanos), "600 ns (600 ns..600 ns)");
        assert_eq!(ratio(&judged(""), Unit::Share), "600.000 (600.000..600.000)");
        assert_eq!(ratio(&judged("rayon"), Unit::Nanos), "600.000 (600.000..600.000)");
    }

    #[test]
    fn a_figure_without_a_bound_has_its_ratio_to_the_best_peer() {
        let done = done("P1");
        let [bound, free] = [0, 1].map(|at| unbounded(&done.lines[at]));
        assert_eq!((bound, free.as_deref()), (None, Some("2.000 (2.000..2.000)")));
        let table = table(&[done]).to_string();
        assert!(table.contains("no bound") && table.contains("missed"), "{table}");
    }

    #[test]
    fn the_noise_of_a_row_is_its_loudest_turn_and_what_was_repeated() {
        let of = |others: &[Option<f64>], repeats: &[u32]| {
            let (others, repeats) = (others.to_vec(), repeats.to_vec());
            noise(&Race { others, repeats, ..Race::default() })
        };
        assert_eq!(of(&[None, None], &[0, 0]), "?");
        assert_eq!(of(&[Some(0.01), Some(0.04)], &[0, 0]), "≤ 4 %");
        assert_eq!(of(&[Some(0.01), Some(0.04)], &[0, 3]), "≤ 4 %, 3 again");
    }

    #[test]
    fn those_who_are_absent_for_one_reason_in_the_same_rows_share_a_line() {
        let text = absences(&[done("P1"), done("P2")]);
        assert!(text.contains("  chili, forte: sleeps (all rows)\n"), "{text}");
    }
}
