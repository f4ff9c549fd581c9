//! All bounds in one picture: how far each ratio is from its bound, turn by turn.

use maud::{Markup, html};

use super::chart::{at, interval, look, tick_at};
use crate::document::Document;
use crate::done::Done;
use crate::judge::{Judged, Line};
use crate::verdict::Interval;

/// The picture goes from a sixteenth of a bound to sixteen times the bound. What is beyond stands at
/// the edge.
const WIDEST: f64 = 16.0;

/// A bound, with its turns.
struct Mark<'a> {
    row: &'a Done,
    line: &'a Line,
    judged: &'a Judged,
    turns: Vec<f64>,
    share: Interval,
}

/// The picture. A mark left of the line keeps its bound.
pub(crate) fn forest(all: &Document) -> Markup {
    let lines = all.rows.iter().flat_map(|row| row.lines.iter().map(move |line| (row, line)));
    let judged = lines.flat_map(|(row, line)| line.judged.iter().map(move |j| (row, line, j)));
    let mut marks: Vec<Mark<'_>> = judged
        .filter_map(|(row, line, judged)| {
            let turns = judged.shares(line, &row.race, all.plan.noise_limit);
            Some(Mark { row, line, judged, share: Interval::of(turns.clone())?, turns })
        })
        .collect();
    marks.sort_by(|a, b| b.share.median.total_cmp(&a.share.median));
    html! {
        p {
            "Each ratio divided by its bound, on a logarithmic scale, the worst first. Left of the line the bound "
            "is kept. Every small dot is a turn, so that a program with two speeds shows two heaps; the large "
            "dot is the median, the bar its interval. What is more than 16 times off stands at the edge."
        }
        div.chart.forest role="list" aria-label="Each ratio divided by its bound" {
            div.bar aria-hidden="true" {
                span.name {}
                span.track.ticks {
                    @for tick in [1.0 / 16.0, 0.25, 1.0, 4.0, 16.0] { span style=(tick_at(x(tick))) { (name(tick)) } }
                }
                span.figure {}
            }
            @for Mark { row, line, judged, turns, share } in marks {
                div class=(format!("bar {}", look(judged.verdict))) role="listitem" {
                    span.name { a href=(format!("#{}", row.id)) { (row.id) } " " (judged.must) " "
                        small { (line.what) } }
                    span.track {
                        i.bound style=(at(x(1.0))) {}
                        @for turn in &turns { i.turn style=(at(x(*turn))) {} }
                        (interval(share, x))
                    }
                    span.figure { (judged.verdict) }
                }
            }
        }
    }
}

/// Where a share of a bound stands on the track, in percent.
fn x(share: f64) -> f64 {
    let place = (share.max(f64::MIN_POSITIVE).ln() / WIDEST.ln()).clamp(-1.0, 1.0);
    ((place + 1.0) * 500.0).round() / 10.0
}

fn name(tick: f64) -> String {
    if tick == 1.0 {
        "the bound".to_owned()
    } else if tick < 1.0 {
        format!("÷ {}", 1.0 / tick)
    } else {
        format!("× {tick}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::document;

    #[test]
    fn the_bound_is_in_the_middle_and_what_is_far_beyond_stands_at_the_edge() {
        assert_eq!(
            [0.0, 1.0 / 16.0, 0.25, 1.0, 4.0, 16.0, 1e9].map(x),
            [0.0, 0.0, 25.0, 50.0, 75.0, 100.0, 100.0]
        );
        assert_eq!([0.25, 1.0, 4.0].map(name), ["÷ 4", "the bound", "× 4"]);
    }

    #[test]
    fn every_turn_of_every_bound_is_drawn() {
        // Two rows with a bound each, and six turns.
        let picture = forest(&document(&["P1", "P2"])).into_string();
        assert_eq!(picture.matches("class=\"turn\"").count(), 12);
        assert_eq!(picture.matches("class=\"bound\"").count(), 2);
    }
}
