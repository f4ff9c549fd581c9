//! What the harness prints of a model.

/// What a model or a control has explored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) executions: u64,
    /// Of a model: how many threads it has at most, and its bound. None of a control.
    pub(crate) model: Option<(u64, String)>,
    pub(crate) tenths: u64,
}

impl Line {
    /// `NAME: 12 executions, 3 outcomes, 2 threads, bound none, 0.1 s`, or
    /// `NAME: rejected after 12 executions, 0.1 s: why`.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        // A name may have a colon of its own.
        if let Some((name, rest)) = line.split_once(": rejected after ") {
            let (executions, rest) = rest.split_once(" executions, ")?;
            let (seconds, _) = rest.split_once(" s: ")?;
            return Some(Self {
                name: name.to_owned(),
                executions: executions.parse().ok()?,
                model: None,
                tenths: tenths(seconds)?,
            });
        }
        let (name, rest) = line.rsplit_once(": ")?;
        let parts: Vec<_> = rest.split(", ").collect();
        let [executions, _, threads, bound, seconds] = parts[..] else { return None };
        Some(Self {
            name: name.to_owned(),
            executions: executions.strip_suffix(" executions")?.parse().ok()?,
            model: Some((
                threads.strip_suffix(" threads")?.parse().ok()?,
                bound.strip_prefix("bound ")?.to_owned(),
            )),
            tenths: tenths(seconds.strip_suffix(" s")?)?,
        })
    }
}

/// `12.3` is 123 tenths.
pub(crate) fn tenths(seconds: &str) -> Option<u64> {
    let (whole, tenth) = seconds.split_once('.')?;
    Some(whole.parse::<u64>().ok()? * 10 + tenth.parse::<u64>().ok().filter(|tenth| *tenth < 10)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_and_a_control_are_told_from_the_rest() {
        let model =
            "I12 a ‖ b (ordered: true): 123 executions, 4 outcomes, 3 threads, bound none, 1.2 s";
        assert_eq!(
            Line::parse(model),
            Some(Line {
                name: "I12 a ‖ b (ordered: true)".into(),
                executions: 123,
                model: Some((3, "none".into())),
                tenths: 12,
            })
        );
        let control = Line::parse("HOLE: rejected after 24 executions, 0.0 s: Causality: no");
        let control = control.expect("it is one");
        assert_eq!((control.executions, control.model, control.tenths), (24, None, 0));
        for other in
            ["running 1 test", "note: 3 executions", "I1: rejected, but for another reason"]
        {
            assert_eq!(Line::parse(other), None, "{other}");
        }
    }
}
