//! Charts of HTML elements, which keep the size of their text on a narrow screen.
//!
//! A **track** is a line of a chart: an axis from left to right, with marks on it in percent of its
//! width. The style sheet draws them.

use maud::{Markup, html};

use crate::judge::{Line, Standing};
use crate::row::Role;
use crate::verdict::{Interval, Verdict};

/// The chart of one figure: a track for each contestant, a dot for its median, a bar for its
/// interval. Nothing if nobody has a figure.
pub(crate) fn chart(line: &Line) -> Markup {
    let Some(axis) = Axis::over(&line.standings) else { return html! {} };
    let better = if line.unit.more_is_better() { "more" } else { "less" };
    html! {
        div.chart.bars role="list" aria-label=(format!("{} {}", line.what, axis.scale())) {
            @for standing in &line.standings {
                div class=(format!("bar {}", class(line, standing))) role="listitem" {
                    span.name { (standing.name) (capacity(standing.role)) }
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
                    @for tick in axis.ticks() { span style=(tick_at(axis.x(tick))) { (line.unit.show(tick)) } }
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

/// The style of the name of a tick, which stays on the track at both ends of it.
pub(crate) fn tick_at(percent: f64) -> String {
    let back = match percent {
        ..8.0 => 0,
        8.0..=92.0 => 50,
        _ => 100,
    };
    format!("{};transform:translateX(-{back}%)", at(percent))
}

/// In what capacity a contestant takes part, where it is not plain.
pub(crate) fn capacity(role: Role) -> &'static str {
    match role {
        Role::Floor => " (floor)",
        Role::Beside => " (beside)",
        Role::Baseline => " (baseline)",
        Role::Ours | Role::Peer => "",
    }
}

/// How a verdict looks.
pub(crate) fn look(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Reached => "reached",
        Verdict::Missed => "missed",
        Verdict::LikelyReached | Verdict::LikelyMissed => "likely",
        Verdict::Noise | Verdict::TooFew | Verdict::Unmeasured => "open",
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

/// How far apart two ticks are at least, in percent.
const ROOM: f64 = 24.0;

/// From figures to places: logarithmic, unless somebody has 0.
pub(crate) struct Axis {
    from: f64,
    to: f64,
    logarithmic: bool,
}

impl Axis {
    fn over(all: &[Standing]) -> Option<Self> {
        let from = all.iter().map(|standing| standing.figure.low).reduce(f64::min)?;
        let to = all.iter().map(|standing| standing.figure.high).reduce(f64::max)?;
        Some(Self::between(from, to))
    }

    pub(crate) fn between(from: f64, to: f64) -> Self {
        let logarithmic = from > 0.0;
        // A single figure has a place too.
        let to = if to > from { to } else { from + from.abs().max(1.0) };
        Self { from, to, logarithmic }
    }

    pub(crate) fn scale(&self) -> &'static str {
        if self.logarithmic { "logarithmic scale" } else { "linear scale" }
    }

    pub(crate) fn x(&self, value: f64) -> f64 {
        let part = if self.logarithmic {
            (value / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        // A tenth of a percent is more than a screen shows.
        (part * 1000.0).round() / 10.0
    }

    /// Powers of ten, or their doubles and fives too where there are few; the ends if there are none of
    /// these. Their names have room on a phone.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let mut kept: Vec<f64> = Vec::new();
        for tick in self.all_ticks() {
            if kept.last().is_none_or(|last| self.x(tick) - self.x(*last) >= ROOM) {
                kept.push(tick);
            }
        }
        kept
    }

    fn all_ticks(&self) -> Vec<f64> {
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
            Standing { name: "somebody".to_owned(), role: Role::Peer, figure }
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
    fn names_of_ticks_have_room_and_stay_on_the_track() {
        let ticks = axis(&[[1.0, 1e7]]).ticks();
        assert_eq!(ticks, [1.0, 100.0, 1e4, 1e6]);
        assert_eq!(tick_at(0.0), "left:0.0%;transform:translateX(-0%)");
        assert_eq!(tick_at(50.0), "left:50.0%;transform:translateX(-50%)");
        assert_eq!(tick_at(100.0), "left:100.0%;transform:translateX(-100%)");
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
