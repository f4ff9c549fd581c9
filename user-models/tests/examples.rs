//! The examples in the documentation of `millpond::model`, each a test. The build takes them out of
//! the sources.

include!(concat!(env!("OUT_DIR"), "/examples.rs"));
