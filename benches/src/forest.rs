//! All bounds in one picture: how far each ratio is from its bound, turn by turn.

use maud::{Markup, html};

use crate::chart::{at, interval};
use crate::done::Done;
use crate::html::class;
use crate::judge::{Judged, Line};
use crate::verdict::Interval;

/// The picture goes from a sixteenth of a bound to sixteen times the bound. What is beyond stands at
/// the edge.
const WIDEST: f64 = 16.0;

/// The picture. A mark left of the line keeps its bound.
pub(crate) fn forest(rows: &[Done]) -> Markup {
    let mut all: Vec<(&Done, &Line, &Judged, Interval)> = rows
        .iter()
        .flat_map(|row| row.lines.iter().map(move |line| (row, line)))
        .flat_map(|(row, line)| line.judged.iter().map(move |judged| (row, line, judged)))
        .filter_map(|(row, line, judged)| {
            Some((row, line, judged, Interval::of(judged.shares.clone())?))
        })
        .collect();
    all.sort_by(|a, b| b.3.median.total_cmp(&a.3.median));
    html! {
        p {
            "Each ratio divided by its bound, on a logarithmic scale, the worst first. Left of the line the bound "
            "is kept. Every small dot is a turn, so that a program with two speeds shows two heaps; the large "
            "dot is the median, the bar its interval."
        }
        div.chart.forest role="list" {
            div.bar {
                span.name {}
                span.track.ticks {
                    @for tick in [1.0 / 16.0, 0.25, 1.0, 4.0, 16.0] { span style=(at(x(tick))) { (name(tick)) } }
                }
                span.figure {}
            }
            @for (row, line, judged, share) in all {
                div class=(format!("bar {}", class(judged.verdict))) role="listitem" {
                    span.name { a href=(format!("#{}", row.id)) { (row.id) } " " (judged.must) " "
                        small { (line.what) } }
                    span.track {
                        i.bound style=(at(x(1.0))) {}
                        @for turn in &judged.shares { i.turn style=(at(x(*turn))) {} }
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
    use crate::report::tests::done;

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
        let rows = [done("P1"), done("P2")];
        let turns: usize = rows
            .iter()
            .flat_map(|row| &row.lines)
            .flat_map(|line| &line.judged)
            .map(|judged| judged.shares.len())
            .sum();
        assert!(turns > 0, "the rows have turns");
        assert_eq!(forest(&rows).into_string().matches("class=\"turn\"").count(), turns);
    }
}
