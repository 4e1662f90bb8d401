//! What editors, shells and manual pages are made from.

use std::fs;
use std::io::Write;
use std::path::Path;

use clap::CommandFactory;

use super::args::Cli;
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::config;

/// Prints the JSON Schema of the schedule file.
pub(super) fn schema<W: Write>(output: &mut Output<W>) -> Result<Exit, Failure> {
    let text = serde_json::to_string_pretty(&config::schema());
    output.line(&text.map_err(|error| Failure::failed(format!("cannot form the schema: {error}")))?)?;
    Ok(Exit::Done)
}

/// Prints a completion script.
pub(super) fn completions<W: Write>(shell: clap_complete::Shell, output: &mut Output<W>) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "aboard", &mut script);
    output.line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Done)
}

/// Prints the manual page, or writes one page a command into a directory.
pub(super) fn man<W: Write>(dir: Option<&Path>, output: &mut Output<W>) -> Result<Exit, Failure> {
    let cannot = |error: std::io::Error| Failure::failed(format!("cannot write the manual: {error}"));
    if let Some(dir) = dir {
        fs::create_dir_all(dir).map_err(cannot)?;
        clap_mangen::generate_to(Cli::command(), dir).map_err(cannot)?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(cannot)?;
        output.line(String::from_utf8_lossy(&page).trim_end())?;
    }
    Ok(Exit::Done)
}
