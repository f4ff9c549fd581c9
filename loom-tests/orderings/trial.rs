//! One mutant after the other, or as many at a time as there are jobs.

use crate::allowed::Allowed;
use crate::model::{End, Model, Models};
use crate::parallel::in_parallel;
use crate::results::{Fate, Results, Verdict};
use crate::sites::Mutant;

pub(crate) fn all<'a>(
    mutants: &[Mutant<'a>],
    models: &Models,
    jobs: usize,
    allowed: &Allowed,
    results: &Results,
) -> Vec<Fate<'a>> {
    in_parallel(mutants, jobs, |mutant| {
        let (verdict, how) = match killer(mutant, models) {
            Ok(killer) => (Verdict::Killed, killer),
            Err(tried) => {
                let verdict =
                    if allowed.holds(mutant) { Verdict::Allowed } else { Verdict::Survived };
                (verdict, format!("of {tried} models that come by it none objects"))
            }
        };
        let fate = Fate { mutant: mutant.clone(), verdict, how };
        results.add(&fate);
        fate
    })
}

/// The first model that fails with this mutant, and why; or how many did not.
fn killer(mutant: &Mutant<'_>, models: &Models) -> Result<String, usize> {
    let module =
        mutant.site.file.trim_start_matches("src/").trim_end_matches(".rs").replace('/', "::");
    let mut candidates: Vec<_> =
        models.list.iter().filter(|model| model.reached.contains(&mutant.site.id)).collect();
    // Those of the mutant's own room first, and then the quick ones.
    let order = |model: &Model| (usize::MAX - in_common(&model.name, &module), model.milliseconds);
    candidates.sort_by_key(|model| order(model));
    for model in &candidates {
        if let End::Failed(why) = models.run(model, mutant) {
            return Ok(format!("by {}: {why}", model.name));
        }
    }
    Err(candidates.len())
}

/// How many modules two paths have in common from the root on.
fn in_common(a: &str, b: &str) -> usize {
    a.split("::").zip(b.split("::")).take_while(|(a, b)| a == b).count()
}
