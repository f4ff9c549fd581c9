//! Which of the orderings is weakened, by two environment variables. The program `orderings` puts this file into its copy.
//!
//! `MILLPOND_MUTANT=17:Relaxed` or `17:removed` weakens site 17. `MILLPOND_REACHED=FILE` writes down which sites a run comes by.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Ordering;

struct Mutant {
    site: usize,
    /// None: no fence at all.
    order: Option<Ordering>,
}

fn mutant(site: usize) -> Option<&'static Mutant> {
    static CHOSEN: OnceLock<Option<Mutant>> = OnceLock::new();
    reach(site);
    let chosen = CHOSEN.get_or_init(|| {
        let chosen = std::env::var("MILLPOND_MUTANT").ok()?;
        let (site, order) = chosen.split_once(':').expect("a site and an ordering");
        let order = match order {
            "removed" => None,
            "Relaxed" => Some(Ordering::Relaxed),
            "Acquire" => Some(Ordering::Acquire),
            "Release" => Some(Ordering::Release),
            "AcqRel" => Some(Ordering::AcqRel),
            _ => panic!("no ordering: {order}"),
        };
        Some(Mutant { site: site.parse().expect("a number"), order })
    });
    chosen.as_ref().filter(|mutant| mutant.site == site)
}

fn reach(site: usize) {
    static FILE: OnceLock<Option<Mutex<(std::fs::File, BTreeSet<usize>)>>> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let path = std::env::var_os("MILLPOND_REACHED")?;
        Some(Mutex::new((std::fs::File::create(path).expect("a file"), BTreeSet::new())))
    });
    if let Some(file) = file {
        let (file, reached) = &mut *file.lock().unwrap_or_else(PoisonError::into_inner);
        if reached.insert(site) {
            writeln!(file, "{site}").expect("it can be written");
        }
    }
}

pub(crate) fn ordering(site: usize, strong: Ordering) -> Ordering {
    mutant(site).map_or(strong, |mutant| mutant.order.expect("an access has an ordering"))
}

pub(crate) fn fence(site: usize, strong: Ordering) {
    if let Some(order) = mutant(site).map_or(Some(strong), |mutant| mutant.order) {
        super::fence(order);
    }
}
