//! The first model of docs/model-checking.md, as it stands there, and what it prints.

include!(concat!(env!("OUT_DIR"), "/model.rs"));

const PAGE: &str = include_str!("../../docs/model-checking.md");

#[test]
fn the_page_shows_the_counter_example_as_it_is_printed() {
    let report = model::Model::new().explore(two_tasks);
    let place = concat!(env!("OUT_DIR"), "/model.rs");
    let example = report.failure.expect("the model fails").replace(place, "tests/model.rs");
    assert!(PAGE.contains(&format!("```text\n{}\n```", example.trim_end())), "{example}");
}
