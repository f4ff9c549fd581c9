//! The first model of docs/model-checking.md, as it stands there, and what it prints: under loom
//! and under shuttle.

const PAGE: &str = include_str!("../../docs/model-checking.md");

/// Says that the page shows a counter-example as it is printed.
fn is_shown(example: &str, place: &str) {
    let example = example.replace(place, "tests/model.rs");
    assert!(PAGE.contains(&format!("```text\n{}\n```", example.trim_end())), "{example}");
}

mod loom {
    include!(concat!(env!("OUT_DIR"), "/millpond_spec.rs"));

    #[test]
    fn the_page_shows_the_counter_example_as_it_is_printed() {
        let report = model::Model::new().explore(two_tasks);
        let example = report.failure.expect("the model fails");
        super::is_shown(&example, concat!(env!("OUT_DIR"), "/millpond_spec.rs"));
    }
}

mod shuttle {
    include!(concat!(env!("OUT_DIR"), "/millpond_shuttle.rs"));

    /// Another shuttle may draw other schedules. Then this fails, and the page has to follow.
    #[test]
    fn the_page_shows_the_counter_example_as_it_is_printed() {
        let report = model::Model::new().explore(two_tasks);
        let example = report.failure.expect("the model fails");
        super::is_shown(&example, concat!(env!("OUT_DIR"), "/millpond_shuttle.rs"));
    }
}
