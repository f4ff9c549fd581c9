//! Charts of HTML elements, which keep the size of their text on a narrow screen.
//!
//! A **track** is a line of a chart: an axis from left to right, with marks on it in percent of its
//! width. The style sheet draws them.

use maud::{Markup, html};

use crate::judge::{Line, Standing};
use crate::row::Role;
use crate::verdict::Interval;

/// The chart of one figure: a track for each contestant, a dot for its median, a bar for its
/// interval. Nothing if nobody has a figure.
pub(crate) fn chart(line: &Line) -> Markup {
    let Some(axis) = Axis::over(&line.standings) else { return html! {} };
    let better = if line.unit.more_is_better() { "more" } else { "less" };
    html! {
        div.chart role="list" aria-label=(format!("{} {}", line.what, axis.scale())) {
            @for standing in &line.standings {
                div class=(format!("bar {}", class(line, standing))) role="listitem" {
                    span.name { (standing.name) (role(standing.role)) }
                    span.track {
                        @if let Some(ours) = line.ours() { i.at style=(at(axis.x(ours.median))) {} }
                        (interval(standing.figure, |value| axis.x(value)))
                    }
                    span.figure { (line.unit.show_interval(standing.figure)) }
                }
            }
            div.bar {
                span.name {}
                span.track.ticks {
                    @for tick in axis.ticks() { span style=(at(axis.x(tick))) { (line.unit.show(tick)) } }
                }
                span.figure.scale { (axis.scale()) ", " (better) " is better" }
            }
        }
    }
}

/// An interval with its median, as marks of a track.
pub(crate) fn interval(Interval { low, median, high }: Interval, x: impl Fn(f64) -> f64) -> Markup {
    let (from, to) = (x(low), x(high));
    html! {
        i.interval style=(format!("left:{from:.1}%;width:{:.1}%", to - from)) {}
        i.median style=(at(x(median))) {}
    }
}

/// The style of a mark at this share of a track, in percent.
pub(crate) fn at(percent: f64) -> String {
    format!("left:{percent:.1}%")
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Floor => " (floor)",
        Role::Beside => " (beside)",
        Role::Baseline => " (baseline)",
        Role::Ours | Role::Peer => "",
    }
}

/// Who is better than we are stands out as much as we do.
fn class(line: &Line, standing: &Standing) -> &'static str {
    match standing.role {
        Role::Ours => "ours",
        Role::Floor => "floor",
        _ if line.better_than_ours.iter().any(|ahead| ahead.name == standing.name) => "ahead",
        _ => "other",
    }
}

/// From figures to places: logarithmic, unless somebody has 0.
struct Axis {
    from: f64,
    to: f64,
    logarithmic: bool,
}

impl Axis {
    fn over(all: &[Standing]) -> Option<Self> {
        let from = all.iter().map(|standing| standing.figure.low).reduce(f64::min)?;
        let to = all.iter().map(|standing| standing.figure.high).reduce(f64::max)?;
        let logarithmic = from > 0.0;
        // A single figure has a place too.
        let to = if to > from { to } else { from + from.abs().max(1.0) };
        Some(Self { from, to, logarithmic })
    }

    fn scale(&self) -> &'static str {
        if self.logarithmic { "logarithmic scale" } else { "linear scale" }
    }

    fn x(&self, value: f64) -> f64 {
        let part = if self.logarithmic {
            (value / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        // A tenth of a percent is more than a screen shows.
        (part * 1000.0).round() / 10.0
    }

    /// Powers of ten, or their doubles and fives too where there are few; the ends if there are none of these.
    fn ticks(&self) -> Vec<f64> {
        if !self.logarithmic {
            return vec![self.from, self.to];
        }
        let steps = |of: &[f64]| {
            let powers = (self.from.log10().floor() as i32)..=(self.to.log10().ceil() as i32);
            let all = powers.flat_map(|power| of.iter().map(move |step| step * 10_f64.powi(power)));
            all.filter(|tick| (self.from..=self.to).contains(tick)).collect::<Vec<_>>()
        };
        let [few, many] = [steps(&[1.0]), steps(&[1.0, 2.0, 5.0])];
        match (few.len(), many.len()) {
            (3.., _) => few,
            (_, 2..) => many,
            _ => vec![self.from, self.to],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(figures: &[[f64; 2]]) -> Axis {
        let standing = |[low, high]: [f64; 2]| {
            let figure = Interval { low, median: f64::midpoint(low, high), high };
            Standing { name: "somebody", role: Role::Peer, figure }
        };
        Axis::over(&figures.iter().copied().map(standing).collect::<Vec<_>>())
            .expect("somebody has a figure")
    }

    #[test]
    fn equal_ratios_are_equally_far_apart() {
        let axis = axis(&[[10.0, 20.0], [500.0, 1000.0]]);
        assert_eq!([10.0, 100.0, 1000.0].map(|value| axis.x(value)), [0.0, 50.0, 100.0]);
        assert_eq!(axis.ticks(), [10.0, 100.0, 1000.0]);
    }

    #[test]
    fn a_zero_makes_the_scale_linear() {
        let axis = axis(&[[0.0, 0.0], [3.0, 4.0]]);
        assert_eq!([0.0, 2.0, 4.0].map(|value| axis.x(value)), [0.0, 50.0, 100.0]);
        assert_eq!(axis.scale(), "linear scale");
    }

    #[test]
    fn a_single_figure_has_a_place() {
        assert_eq!(axis(&[[5.0, 5.0]]).x(5.0), 0.0);
        assert_eq!(axis(&[[0.0, 0.0]]).x(0.0), 0.0);
    }
}
