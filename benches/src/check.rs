//! What contestants hand back, and how a wrong result disqualifies one.

use std::collections::BTreeMap;

/// Figures by the key of their [`Measure`](crate::row::Measure).
pub(crate) type Figures = BTreeMap<String, f64>;

/// Figures, or why there are none.
pub(crate) type Outcome = Result<Figures, String>;

/// One figure.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it ends a contestant, which may also have failed a check"
)]
pub(crate) fn figure(key: &str, value: f64) -> Outcome {
    Ok(figures([(key, value)]))
}

/// Several figures.
pub(crate) fn figures<const N: usize>(all: [(&str, f64); N]) -> Figures {
    all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// A contestant that computes something else is no contestant.
///
/// # Errors
///
/// If `got` is not what it should be.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    got: &T,
    should: &T,
) -> Result<(), String> {
    if got == should {
        Ok(())
    } else {
        Err(format!("wrong result: {what} is {got:?}, should be {should:?}"))
    }
}
