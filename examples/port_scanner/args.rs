//! The command line.

use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;

use clap::Parser;
use clap::error::ErrorKind;

/// Which TCP ports of a host are open? One connection attempt per port, all at once.
#[derive(Parser)]
#[command(name = "port_scanner")]
pub(crate) struct Args {
    /// The host to scan; without it, a host that the example itself starts on loopback.
    pub(crate) host: Option<String>,

    /// The ports to scan.
    #[arg(value_name = "FIRST-LAST", default_value = "1-1024", value_parser = port_range)]
    pub(crate) ports: RangeInclusive<u16>,

    /// How many ports to try at a time; without it, all.
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZeroUsize>,

    /// How long to wait for an answer from a port, in milliseconds.
    #[arg(long, value_name = "MS", default_value = "250")]
    pub(crate) timeout: NonZeroU32,
}

impl Args {
    /// Ends the process if it was only asked for help.
    ///
    /// # Errors
    ///
    /// What does not make sense, in one line.
    pub(crate) fn from_command_line() -> Result<Self, String> {
        Self::try_parse().map_err(|error| {
            if error.kind() == ErrorKind::DisplayHelp {
                error.exit();
            }
            // After the first line there come the usage and hints, which `--help` has too.
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            line.strip_prefix("error: ").unwrap_or(line).to_owned()
        })
    }
}

fn port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').ok_or("a range of ports looks like 1-1024")?;
    let (first, last) = (port(first)?, port(last)?);
    if first > last {
        return Err(format!("the range is reversed, {first} is more than {last}"));
    }
    Ok(first..=last)
}

fn port(text: &str) -> Result<u16, String> {
    match text.parse::<u64>() {
        Ok(number) => match u16::try_from(number) {
            Ok(port) if port != 0 => Ok(port),
            _ => Err(format!("port {number} is not in 1-65535")),
        },
        Err(why) => Err(format!("port {text:?}: {why}")),
    }
}
