//! `registry`: looks after the registry file.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;

use super::args::{Format, Global, Registry as Action};
use super::exit::{Exit, Failure};
use super::listing::time;
use super::output::Output;
use super::setup;
use crate::registry::{Info, Reader};

/// Carries out `registry info|check|backup`.
pub(super) fn registry<W: Write>(global: &Global, action: &Action, output: &mut Output<W>) -> Result<Exit, Failure> {
    if global.output == Format::Csv {
        return Err(super::no_csv("registry"));
    }
    let registry = setup::open_to_read(global)?;
    match action {
        Action::Info => info(global, &registry.info()?, output),
        Action::Check => check(global, &registry, output),
        Action::Backup { file } => {
            registry.backup(file)?;
            let (from, to) = (registry.path().display(), file.display());
            match global.output {
                Format::Json => output.json(&json!({ "registry": from.to_string(), "backup": to.to_string() }))?,
                _ => output.line(&format!("copied {from} to {to}"))?,
            }
            Ok(Exit::Done)
        }
    }
}

fn info<W: Write>(global: &Global, info: &Info, output: &mut Output<W>) -> Result<Exit, Failure> {
    if global.output == Format::Json {
        output.json(&json!({
            "path": info.path,
            "schema_version": info.schema_version,
            "sqlite_version": info.sqlite_version,
            "size_bytes": info.size,
            "apis": info.apis,
            "awaiting": info.awaiting,
            "runs": info.runs,
            "oldest_run_at": info.oldest_run_at,
            "newest_run_at": info.newest_run_at,
            "deliveries": info.deliveries,
        }))?;
        return Ok(Exit::Done);
    }
    let sums = |counts: &BTreeMap<String, u64>| -> String {
        let shown: Vec<String> =
            counts.iter().filter(|(_, count)| **count > 0).map(|(name, count)| format!("{count} {name}")).collect();
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    };
    let when = |at| if let Some(at) = at { time(Some(at)) } else { "never".to_owned() };
    let path = info.path.display();
    output.line(&format!(
        "{path}: schema version {}, SQLite {}, {} bytes",
        info.schema_version, info.sqlite_version, info.size
    ))?;
    output.line(&format!("  APIs: {}; {} await approval", sums(&info.apis), info.awaiting))?;
    output.line(&format!(
        "  runs: {}; first {}, latest {}",
        sums(&info.runs),
        when(info.oldest_run_at),
        when(info.newest_run_at)
    ))?;
    output.line(&format!("  deliveries: {}", sums(&info.deliveries)))?;
    Ok(Exit::Done)
}

fn check<W: Write>(global: &Global, registry: &Reader, output: &mut Output<W>) -> Result<Exit, Failure> {
    let problems = registry.check()?;
    if global.output == Format::Json {
        output.json(&json!({ "registry": registry.path(), "problems": problems }))?;
    } else {
        for problem in &problems {
            output.line(problem)?;
        }
        let (path, count) = (registry.path().display(), problems.len());
        output.line(&if count == 0 { format!("{path} is sound") } else { format!("{path} has {count} problems") })?;
    }
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Failed })
}
