//! `test`: Test Connection, step by step, with what to change for each failure.

mod grouped;

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use super::args::{Format, Which};
use super::desk::Desk;
use super::exit::{Exit, Failure};
use super::output::{Output, one_line};
use super::walk;
use crate::clock;
use crate::config::{Connection, Credentials, Wants};
use crate::discovery::Aws;
use crate::discovery::probe::{self, Outcome, Step};

/// Tries what each connection needs.
pub(super) async fn test<W: Write>(desk: &Desk, which: &Which, output: &mut Output<W>) -> Result<Exit, Failure> {
    let loaded = desk.load()?;
    let connections = walk::chosen(desk, &loaded, which)?;
    let aws = desk.aws(&loaded.config).await?;
    let wants = loaded.config.wants();
    let mut exits = Vec::new();
    for connection in &connections {
        let text = desk.global.output == Format::Text;
        let steps = attempt(&aws, connection, wants.of(&connection.name), text, output).await?;
        let failed = steps.iter().any(Step::is_fatal);
        exits.push(if failed { Exit::Failed } else { Exit::Done });
        if !text {
            let steps: Vec<Value> = steps.iter().map(document).collect();
            output.json(&json!({ "connection": connection.name, "passed": !failed, "steps": steps }))?;
        }
    }
    // A needed step that fails is a failure, however many other connections are well.
    Ok(if exits.contains(&Exit::Failed) { Exit::Failed } else { Exit::Done })
}

/// Tries what one connection needs; as text, each step is shown as soon as it is over, but those of an organization's accounts together.
pub(super) async fn attempt<W: Write>(
    aws: &Aws,
    connection: &Connection,
    wants: Wants,
    text: bool,
    output: &mut Output<W>,
) -> Result<Vec<Step>, Failure> {
    let mut written = Ok(());
    let organization = matches!(connection.credentials, Credentials::CentralRole(_));
    if text {
        output.line(&connection.name)?;
    }
    let steps = probe::test(aws, connection, wants, clock::now().date_naive(), |step| {
        if text && written.is_ok() && !(organization && comes_later(step)) {
            written = show(step, output);
        }
    })
    .await;
    written?;
    if text && organization {
        let of_accounts: Vec<Step> = steps.iter().filter(|step| is_of_account(step)).cloned().collect();
        grouped::grouped(&of_accounts).iter().try_for_each(|line| output.line(line))?;
        steps.iter().filter(|step| step.name == probe::SEE_ANYTHING).try_for_each(|step| show(step, output))?;
    }
    if text {
        output.line(&format!("  {}", verdict(&steps)))?;
    }
    Ok(steps)
}

/// Whether a step is one of those that are tried in each account of an organization.
fn is_of_account(step: &Step) -> bool {
    step.region.is_some() || step.name == probe::ENTER_ACCOUNT || step.name == probe::LIST_REGIONS
}

/// Whether a step is shown only after all are over.
fn comes_later(step: &Step) -> bool {
    is_of_account(step) || step.name == probe::SEE_ANYTHING
}

fn show<W: Write>(step: &Step, output: &mut Output<W>) -> Result<(), Failure> {
    let region = step.region.as_deref().map(|region| format!(" in {region}")).unwrap_or_default();
    let what = format!("{}{region}", step.name);
    match &step.outcome {
        Outcome::Passed(detail) => output.line(&format!("  pass  {what}: {}", one_line(detail))),
        Outcome::NotTried(why) => output.line(&format!("  --    {what}: not tried, {}", one_line(why))),
        Outcome::Failed(trouble) => {
            let mark = if step.needed { "FAIL" } else { "note" };
            output.line(&format!("  {mark}  {what}: {}", one_line(&trouble.cause)))?;
            trouble.hint.as_ref().map_or(Ok(()), |hint| output.line(&format!("        {}", one_line(hint))))
        }
    }
}

fn verdict(steps: &[Step]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for step in steps {
        let word = match (&step.outcome, step.needed) {
            (Outcome::Passed(_), _) => "passed",
            (Outcome::Failed(_), true) => "failed",
            (Outcome::Failed(_), false) if step.explained => "explained",
            (Outcome::Failed(_), false) => "optional missing",
            (Outcome::NotTried(_), _) => "not tried",
        };
        *counts.entry(word).or_default() += 1;
    }
    let counts = ["passed", "failed", "explained", "optional missing", "not tried"]
        .into_iter()
        .filter_map(|word| counts.get(word).map(|count| format!("{count} {word}")));
    counts.collect::<Vec<_>>().join(", ")
}

pub(super) fn document(step: &Step) -> Value {
    let (outcome, detail, state, hint) = match &step.outcome {
        Outcome::Passed(detail) => ("passed", detail, None, None),
        Outcome::NotTried(why) => ("not_tried", why, None, None),
        Outcome::Failed(trouble) => ("failed", &trouble.cause, Some(trouble.state), trouble.hint.as_ref()),
    };
    json!({
        "step": step.name,
        "account_id": step.account_id,
        "region": step.region,
        "needed": step.needed,
        "explained": step.explained,
        "outcome": outcome,
        "detail": detail,
        "state": state,
        "hint": hint,
    })
}
