//! `registry`: looks after the registry file.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;

use super::args::{Format, Global, Registry as Action};
use super::exit::{Exit, Failure};
use super::output::{Output, count, when};
use super::setup;
use crate::registry::{Info, Reader};

/// Carries out `registry info|check|backup`.
pub(super) fn registry<W: Write>(global: &Global, action: &Action, output: &mut Output<W>) -> Result<Exit, Failure> {
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
    let path = info.path.display();
    output.line(&format!(
        "{path}: schema version {}, SQLite {}, {} bytes",
        info.schema_version, info.sqlite_version, info.size
    ))?;
    let awaiting = match info.awaiting {
        0 => String::new(),
        1 => "; 1 awaits approval".to_owned(),
        count => format!("; {count} await approval"),
    };
    output.line(&format!("  APIs: {}{awaiting}", sums(&info.apis)))?;
    let span = match (info.oldest_run_at, info.newest_run_at) {
        (Some(first), Some(latest)) => format!("; first {}, latest {}", when(first), when(latest)),
        _ => String::new(),
    };
    output.line(&format!("  runs: {}{span}", sums(&info.runs)))?;
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
        let path = registry.path().display();
        output.line(&if problems.is_empty() {
            format!("{path} is sound")
        } else {
            format!("{path} has {}", count(problems.len(), "problem"))
        })?;
    }
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Failed })
}
