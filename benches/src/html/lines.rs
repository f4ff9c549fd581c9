//! Line charts: percentile curves, and how a figure grows.
//!
//! The lines are drawn, and stretch with the screen. Everything that is read is text beside them,
//! which keeps its size.

use maud::{Markup, html};

use super::chart::{Axis, at, capacity};
use crate::done::Done;
use crate::judge::{Standing, Turns};
use crate::row::{Role, Unit};
use crate::verdict::Interval;

/// How many peers have a colour of their own. The others are faint: a chart of a dozen colours says
/// nothing.
const COLOURS: usize = 3;

/// Who is drawn in any case, since most readers know them.
const KNOWN_TO_MOST: &str = "rayon";

/// A line of a chart.
#[derive(Debug, PartialEq)]
struct Series {
    name: String,
    role: Role,
    /// Places from left to right in percent, and figures.
    points: Vec<(f64, f64)>,
}

/// A chart with its names: places on the axis from left to right, in percent.
struct Chart<'a> {
    what: &'a str,
    /// Whether that stands above the chart; where it does not, the heading says it.
    captioned: bool,
    /// What the places are, if their names do not say it.
    axis: &'a str,
    unit: Unit,
    ticks: Vec<(f64, String)>,
    /// The best first.
    series: Vec<Series>,
}

/// The percentile curves of a row, a chart for each title.
pub(crate) fn percentiles(row: &Done, percentiles: &[f64], noise_limit: f64) -> Markup {
    let race = &row.race;
    let used = Turns::of(race, "", Unit::Nanos, noise_limit).used;
    let role = |name: &str| {
        let all = row.lines.iter().flat_map(|line| &line.standings);
        let mut named = all.filter(|standing| standing.name == name);
        named.next().map_or(Role::Peer, |standing| standing.role)
    };
    html! {
        @for (title, of) in &race.curves {
            @let series = of.iter().map(|(name, turns)| {
                let turns: Vec<&Vec<f64>> = used.iter().filter_map(|turn| turns.get(*turn)).collect();
                Series { name: name.clone(), role: role(name), points: medians(percentiles, &turns) }
            });
            @let series = by_the_last(series.filter(|series| !series.points.is_empty()).collect());
            (Chart { what: title, captioned: true, axis: "", unit: Unit::Nanos, ticks: percent_ticks(), series }.draw())
        }
    }
}

/// At each percentile, the median of the turns.
fn medians(percentiles: &[f64], turns: &[&Vec<f64>]) -> Vec<(f64, f64)> {
    let median = |at: usize| {
        let values = turns.iter().map(|turn| turn.get(at).copied()).collect::<Option<Vec<_>>>()?;
        Interval::of(values).map(|of| of.median)
    };
    let all = percentiles.iter().enumerate();
    all.map_while(|(at, percentile)| Some((place(*percentile), median(at)?))).collect()
}

/// The nines are equally far apart.
fn place(percentile: f64) -> f64 {
    // A little beyond the last percentile that there is, 99.95.
    const NINES: f64 = 3.4;
    (100.0 / (100.0 - percentile)).log10() / NINES * 100.0
}

fn percent_ticks() -> Vec<(f64, String)> {
    [50.0, 90.0, 99.0, 99.9].map(|tick| (place(tick), format!("{tick} %"))).to_vec()
}

/// How a figure grows, point by point.
pub(crate) fn growth(row: &Done) -> Markup {
    let points = row.lines.len() as f64;
    let places = || (0..row.lines.len()).map(|at| (at as f64 + 0.5) / points * 100.0);
    let names: Vec<&str> = row.lines.iter().map(|line| &*line.what).collect();
    let (names, axis) = short(&names);
    let ticks = places().zip(names).collect();
    let mut series: Vec<Series> = Vec::new();
    for (place, line) in places().zip(&row.lines) {
        for Standing { name, role, figure } in &line.standings {
            let point = (place, figure.median);
            match series.iter_mut().find(|series| series.name == *name) {
                Some(series) => series.points.push(point),
                None => {
                    let (name, points) = (name.clone(), vec![point]);
                    series.push(Series { name, role: *role, points });
                }
            }
        }
    }
    let unit = row.lines.first().map_or(Unit::Nanos, |line| line.unit);
    let series = by_the_last(series);
    Chart { what: &row.work, captioned: false, axis, unit, ticks, series }.draw()
}

/// Names that have room side by side: what all of them end with stands once below them, and thousands
/// are `k`.
fn short<'a>(names: &[&'a str]) -> (Vec<String>, &'a str) {
    let last = names.last().and_then(|name| name.split_once(' ')).map_or("", |name| name.1);
    // `1 worker`, `2 workers`.
    let one = last.strip_suffix('s').unwrap_or(last);
    let cut = |name: &str| {
        let (number, words) = name.split_once(' ')?;
        if number == "nothing" {
            // `nothing captured`, `24 bytes captured`.
            return last.ends_with(&format!(" {words}")).then(|| "0".to_owned());
        }
        let is_number = number.starts_with(|digit: char| digit.is_ascii_digit());
        (is_number && !last.is_empty() && [one, last].contains(&words)).then(|| number.to_owned())
    };
    let thousands = |name: String| name.replace(",000,000", " M").replace(",000", " k");
    match names.iter().map(|name| cut(name)).collect::<Option<Vec<_>>>() {
        Some(numbers) => (numbers.into_iter().map(thousands).collect(), last),
        None => (names.iter().map(|name| thousands((*name).to_owned())).collect(), ""),
    }
}

/// Sorts by the last figures, where lines are far apart.
fn by_the_last(mut series: Vec<Series>) -> Vec<Series> {
    let last = |series: &Series| series.points.last().map_or(f64::INFINITY, |point| point.1);
    series.sort_by(|a, b| last(a).total_cmp(&last(b)));
    series
}

impl Chart<'_> {
    fn draw(&self) -> Markup {
        let figures = || self.series.iter().flat_map(|series| &series.points).map(|point| point.1);
        let (Some(low), Some(high)) = (figures().reduce(f64::min), figures().reduce(f64::max))
        else {
            return html! {};
        };
        let axis = Axis::between(low, high);
        let looks = looks(&self.series);
        let drawn = || self.series.iter().zip(&looks).rev();
        let faint = looks.iter().filter(|look| **look == "faint").count();
        html! {
            figure.lines {
                @if self.captioned { figcaption { (self.what) } }
                div.plot {
                    div.ys aria-hidden="true" {
                        @for tick in axis.ticks() {
                            span style=(format!("bottom:{:.1}%", axis.x(tick))) { (self.unit.show(tick)) }
                        }
                    }
                    svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label=(self.in_words()) {
                        @for tick in axis.ticks() {
                            @let y = 100.0 - axis.x(tick);
                            path.grid d=(format!("M0 {y:.1}H100")) {}
                        }
                        @for (place, _) in &self.ticks { path.grid d=(format!("M{place:.1} 0V100")) {} }
                        @for (series, look) in drawn() {
                            path class=(look) d=(path(&series.points, &axis)) {}
                        }
                    }
                    div.xs aria-hidden="true" {
                        @for (place, name) in &self.ticks { span style=(at(*place)) { (name) } }
                    }
                    @if !self.axis.is_empty() { p.axis aria-hidden="true" { (self.axis) } }
                }
                ul.legend {
                    @for (series, look) in self.series.iter().zip(&looks).filter(|(_, look)| **look != "faint") {
                        li { svg viewBox="0 0 30 10" aria-hidden="true" { path class=(look) d="M0 5H30" {} }
                            (series.name) (capacity(series.role)) }
                    }
                    @if faint > 0 { li { svg viewBox="0 0 30 10" aria-hidden="true" { path.faint d="M0 5H30" {} }
                        (faint) @if faint == 1 { " other" } @else { " others" } } }
                }
                details { summary { "These lines as a table" } (self.table()) }
            }
        }
    }

    /// For those who cannot see it: the ends of our line and of the best other's.
    fn in_words(&self) -> String {
        let ours = self.series.iter().find(|series| series.role == Role::Ours);
        let best = self.series.iter().find(|series| series.role == Role::Peer);
        let ends: Vec<_> = [ours, best]
            .into_iter()
            .flatten()
            .filter_map(|series| {
                let (first, last) = (series.points.first()?, series.points.last()?);
                let [first, last] = [first, last].map(|point| self.unit.show(point.1));
                Some(format!("{} from {first} to {last}", series.name))
            })
            .collect();
        format!("{}: {}", self.what, ends.join("; "))
    }

    fn table(&self) -> Markup {
        let of = |series: &Series, place: f64| {
            let point = series.points.iter().find(|point| (point.0 - place).abs() < 0.01);
            point.map_or("–".to_owned(), |point| self.unit.show(point.1))
        };
        html! {
            div.wide tabindex="0" role="region" aria-label=(format!("Table: {}", self.what)) { table.plain {
                thead { tr { th { "who" } @for (_, name) in &self.ticks { th { (name) } } } }
                tbody { @for series in &self.series {
                    tr { th scope="row" { (series.name) (capacity(series.role)) }
                        @for (place, _) in &self.ticks { td { (of(series, *place)) } } }
                } }
            } }
        }
    }
}

/// How each line looks: ours and the floor as everywhere, the best peers and rayon in colours.
fn looks(series: &[Series]) -> Vec<&'static str> {
    let mut colours = ["one", "two", "three"].into_iter();
    let known = series.iter().any(|series| series.name == KNOWN_TO_MOST);
    let mut free = COLOURS - usize::from(known);
    let mut look = |series: &Series| match series.role {
        Role::Ours => "ours",
        Role::Floor | Role::Baseline => "floor",
        _ if series.name == KNOWN_TO_MOST => colours.next().unwrap_or("faint"),
        _ if free > 0 => {
            free -= 1;
            colours.next().unwrap_or("faint")
        }
        _ => "faint",
    };
    series.iter().map(&mut look).collect()
}

fn path(points: &[(f64, f64)], axis: &Axis) -> String {
    let steps = points.iter().enumerate().map(|(at, (place, figure))| {
        let (step, y) = (if at == 0 { 'M' } else { 'L' }, 100.0 - axis.x(*figure));
        format!("{step}{place:.1} {y:.1}")
    });
    steps.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::done;

    #[test]
    fn the_nines_are_equally_far_apart() {
        let [half, one, two, three] = [50.0, 90.0, 99.0, 99.9].map(place);
        assert!(half < one && (two - 2.0 * one).abs() < 1e-9 && (three - 3.0 * one).abs() < 1e-9);
        assert!(place(0.0) == 0.0 && place(99.95) < 100.0);
    }

    #[test]
    fn a_curve_is_the_median_of_the_turns_and_ends_where_one_of_them_does() {
        let turns = [vec![1.0, 5.0, 9.0], vec![3.0, 6.0], vec![2.0, 7.0, 8.0]];
        let turns: Vec<_> = turns.iter().collect();
        let medians = medians(&[0.0, 50.0, 90.0], &turns);
        assert_eq!(medians.iter().map(|point| point.1).collect::<Vec<_>>(), [2.0, 6.0]);
    }

    #[test]
    fn names_side_by_side_are_short() {
        let [two, many] = ["2", "10 k"].map(str::to_owned);
        assert_eq!(short(&["2 queued", "10,000 queued"]), (vec![two, many], "queued"));
        let captured = ["nothing captured", "24 bytes captured"];
        assert_eq!(short(&captured), (["0", "24"].map(str::to_owned).to_vec(), "bytes captured"));
        let tasks = ["empty tasks", "tasks of 1,000 ns"];
        assert_eq!(short(&tasks).0, ["empty tasks", "tasks of 1 k ns"]);
        assert_eq!(short(&[]), (vec![], ""));
    }

    /// A row with curves of ours, and of so many peers each slower than the one before.
    fn with_curves(peers: usize) -> Done {
        let mut row = done("P29");
        let names = (0..peers).map(|peer| (format!("peer {peer}"), 30.0 + peer as f64));
        let all = names.chain([("millpond".to_owned(), 20.0), ("rayon".to_owned(), 100.0)]);
        let curve = |from: f64| vec![vec![from, 2.0 * from]; 6];
        let of = all.map(|(name, from)| (name, curve(from))).collect();
        row.race.curves = [("at half the load".to_owned(), of)].into();
        row
    }

    #[test]
    fn ours_the_best_and_rayon_have_colours_and_the_others_are_counted() {
        let chart = percentiles(&with_curves(5), &[0.0, 50.0], 1.0).into_string();
        let plot = chart.split("class=\"legend\"").next().unwrap_or_default();
        for (look, lines) in [("ours", 1), ("one", 1), ("two", 1), ("three", 1), ("faint", 3)] {
            let found = plot.matches(&format!("path class=\"{look}\"")).count();
            assert_eq!(found, lines, "{look}");
        }
        for part in
            ["at half the load: millpond from 20.0 ns to 40.0 ns", "3 others", "</svg>rayon"]
        {
            assert!(chart.contains(part), "{part} is not in {chart}");
        }
        let alone = percentiles(&with_curves(0), &[0.0, 50.0], 1.0).into_string();
        assert!(!alone.contains("faint"));
        assert_eq!(percentiles(&done("P1"), &[0.0], 1.0).into_string(), "");
    }

    #[test]
    fn a_figure_that_grows_has_a_place_for_each_point() {
        let mut row = done("G1");
        row.lines[1] = row.lines[0].clone();
        for (line, what) in row.lines.iter_mut().zip(["1 worker", "2 workers"]) {
            (line.what, line.at) = (what.to_owned(), Some(1.0));
        }
        assert!(row.is_curve() && !done("P1").is_curve());
        let chart = growth(&row).into_string();
        for part in ["left:25.0%\">1<", "left:75.0%\">2<", "d=\"M25.0 0.0L75.0 0.0\""] {
            assert!(chart.contains(part), "{part} is not in {chart}");
        }
    }
}
