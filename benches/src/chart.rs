//! A chart of one figure: a line for each contestant, a dot for its median, a bar for its interval.

use maud::{Markup, html};

use crate::judge::{Line, Standing};
use crate::row::{Role, Unit};
use crate::verdict::Interval;

/// Where the names end and where the plot ends; what is left is for the figures.
const PLOT: [f64; 2] = [255.0, 645.0];
const WIDTH: f64 = 910.0;
const LINE: f64 = 20.0;
/// Above the lines, for the names of the ticks.
const TOP: f64 = 24.0;

/// The chart; nothing if nobody has a figure.
pub(crate) fn chart(line: &Line) -> Markup {
    let Some(axis) = Axis::over(&line.standings) else { return html! {} };
    let height = TOP + LINE * line.standings.len() as f64 + 4.0;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) width=(WIDTH) height=(height) role="img"
            aria-label=(format!("{} {}", line.what, axis.scale())) {
            @for tick in axis.ticks() {
                @let x = axis.x(tick);
                line.tick x1=(x) x2=(x) y1=(TOP - 4.0) y2=(height) {}
                text.tick x=(x) y=(TOP - 8.0) { (line.unit.show(tick)) }
            }
            @if let Some(ours) = line.ours() {
                line.at-ours x1=(axis.x(ours.median)) x2=(axis.x(ours.median)) y1=(TOP - 4.0) y2=(height) {}
            }
            @for (at, standing) in line.standings.iter().enumerate() {
                (mark(standing, class(line, standing), &axis, line.unit, TOP + LINE * (at as f64 + 0.5)))
            }
        }
        p.scale { (axis.scale()) ", " (if line.unit.more_is_better() { "more" } else { "less" }) " is better" }
    }
}

fn mark(standing: &Standing, class: &str, axis: &Axis, unit: Unit, y: f64) -> Markup {
    let Interval { low, median, high } = standing.figure;
    let role = match standing.role {
        Role::Floor => " (floor)",
        Role::Beside => " (beside)",
        Role::Baseline => " (baseline)",
        Role::Ours | Role::Peer => "",
    };
    html! {
        g class=(class) {
            title { (standing.name) ": " (unit.show_interval(standing.figure)) }
            text.name x=(PLOT[0] - 12.0) y=(y + 4.0) { (standing.name) (role) }
            line.interval x1=(axis.x(low)) x2=(axis.x(high)) y1=(y) y2=(y) {}
            circle cx=(axis.x(median)) cy=(y) r="4" {}
            text.figure x=(PLOT[1] + 12.0) y=(y + 4.0) { (unit.show_interval(standing.figure)) }
        }
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
        // A tenth of a unit of the drawing is more than a screen shows.
        ((PLOT[0] + part * (PLOT[1] - PLOT[0])) * 10.0).round() / 10.0
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

    const MIDDLE: f64 = f64::midpoint(PLOT[0], PLOT[1]);

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
        assert_eq!([10.0, 100.0, 1000.0].map(|value| axis.x(value)), [PLOT[0], MIDDLE, PLOT[1]]);
        assert_eq!(axis.ticks(), [10.0, 100.0, 1000.0]);
    }

    #[test]
    fn a_zero_makes_the_scale_linear() {
        let axis = axis(&[[0.0, 0.0], [3.0, 4.0]]);
        assert_eq!([0.0, 2.0, 4.0].map(|value| axis.x(value)), [PLOT[0], MIDDLE, PLOT[1]]);
        assert_eq!(axis.scale(), "linear scale");
    }

    #[test]
    fn a_single_figure_has_a_place() {
        assert_eq!(axis(&[[5.0, 5.0]]).x(5.0), PLOT[0]);
        assert_eq!(axis(&[[0.0, 0.0]]).x(0.0), PLOT[0]);
    }
}
