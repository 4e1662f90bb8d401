//! `connection`: lists, adds and removes connections of the schedule file.

use std::io::Write;

use serde_json::{Value, json};

use super::after_edit::Followed;
use super::args::{AddConnection, Connection as Action, Format, Global, Private};
use super::confirm::{self, confirm};
use super::editing::{Done, Draft};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::upcoming::Present;
use super::{check, diff, schedule, schedule_keys, setup, test};
use crate::config::Connection;
use crate::config::edit::{Edit, Row, Table, Written};
use crate::discovery::Aws;
use crate::discovery::probe::Step;
use crate::worker::documents::{self, Outlook};

/// How many of a connection's next instants a list holds.
const NEXT: usize = 3;

/// Carries out one of the commands.
pub(super) async fn connection<W: Write>(
    global: &Global,
    action: &Action,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    match action {
        Action::List => list(global, output),
        Action::Add(options) => Box::pin(add(global, options, output)).await,
        Action::Remove { connection, yes } => remove(global, connection, *yes, output).await,
    }
}

fn list<W: Write>(global: &Global, output: &mut Output<W>) -> Result<Exit, Failure> {
    let loaded = setup::load_and_warn(global)?;
    let connections = || loaded.config.connections.values();
    let rows = || connections().map(row);
    match global.output {
        Format::Json => {
            let present = Present::new();
            let outlooks: Vec<Outlook> = connections().map(|connection| present.outlook(connection, NEXT)).collect();
            output.json(&check::documents(
                &loaded,
                &outlooks,
                &present.zones,
                &check::registry_says(global, &loaded),
            ))?;
        }
        Format::Csv => output.csv(&["connection", "credentials", "regions", "schedule"], rows())?,
        Format::Text => {
            output.table(&["CONNECTION", "CREDENTIALS", "REGIONS", "SCHEDULE"], rows())?;
            if loaded.config.connections.is_empty() {
                super::say("no connection yet; `aboard connection add` appends one");
            }
        }
    }
    Ok(Exit::Done)
}

fn row(connection: &Connection) -> Vec<String> {
    let schedule =
        connection.auto_onboard.as_ref().map_or_else(|| "by hand only".to_owned(), documents::schedule_in_words);
    let credentials = documents::credentials_kind(connection).to_owned();
    vec![connection.name.clone(), credentials, documents::region_list(connection).join(", "), schedule]
}

/// A connection as the audit trail remembers it.
fn summary(connection: &Connection) -> Value {
    json!({
        "credentials": documents::credentials_kind(connection),
        "regions": documents::region_list(connection).join(", "),
        "schedule": connection.auto_onboard.as_ref().map(documents::schedule_in_words),
    })
}

async fn add<W: Write>(global: &Global, options: &AddConnection, output: &mut Output<W>) -> Result<Exit, Failure> {
    let name = &options.name;
    let edit = Edit::AddConnection { name: name.clone(), tables: tables(options)? };
    let mut draft = Draft::make(global, &edit)?;
    draft.file.must_be_writable()?;
    let connection = draft.after.connections.get(name).cloned();
    let Some(connection) = &connection else {
        return Err(Failure::failed(format!("{name} did not get into the file; nothing was written")));
    };
    let (text, present) = (global.output == Format::Text, Present::new());
    let steps = if options.no_test { Vec::new() } else { tried(&draft, connection, text, output).await? };
    let failed = steps.iter().any(Step::is_fatal);
    if failed && text {
        return Err(untested(name));
    }
    let mut followed = Followed::Nobody;
    if !failed {
        if !options.yes && confirm::is_possible() {
            let file = draft.file.name().display().to_string();
            confirm(diff::unified(&draft.file.text, &draft.text, &file, &file).trim_end(), "Add this connection?")?;
        }
        let changes = json!([{ "key": "connection", "from": null, "to": summary(connection) }]);
        draft = draft.last_look(global)?;
        let done = Done { connection: name, command: "connection add", changes };
        followed = draft.write(global, &done).await?;
    }
    if text {
        let schedule =
            connection.auto_onboard.as_ref().map_or_else(|| "by hand only".to_owned(), documents::schedule_in_words);
        output.line(&format!("{name}: added to {}; {schedule}", draft.file.name().display()))?;
        if connection.auto_onboard.is_some() {
            output.line(&format!("  {:<16} {}", "next run", present.next_in_words(Some(connection))))?;
        }
    } else {
        output.json(&json!({
            "connection": name,
            "command": "connection add",
            "file": draft.file.name(),
            "changed": !failed,
            "tested": !options.no_test,
            "steps": steps.iter().map(test::document).collect::<Vec<Value>>(),
            "schedule": connection.auto_onboard.as_ref().map(documents::schedule_in_words),
            "next_due": present.next_due(Some(connection)),
            "worker": followed.document(),
        }))?;
    }
    if failed { Err(untested(name)) } else { followed.end(global, &draft.file, output) }
}

fn untested(name: &str) -> Failure {
    Failure::failed(format!("{name} did not pass its test; nothing was written"))
        .hint("mend what failed, or say --no-test to write it as it is")
}

/// Test Connection, by the file as it would be.
async fn tried<W: Write>(
    draft: &Draft,
    connection: &Connection,
    text: bool,
    output: &mut Output<W>,
) -> Result<Vec<Step>, Failure> {
    let aws = Aws::new(&draft.after.network, &draft.after.limits).await?;
    test::attempt(&aws, connection, draft.after.wants().of(&connection.name), text, output).await
}

/// The connection's tables, as they will stand in the file.
fn tables(options: &AddConnection) -> Result<Vec<Table>, Failure> {
    let AddConnection {
        name: _,
        regions,
        stages,
        targets,
        role_arn,
        central_role_arn,
        child_role_name,
        external_id,
        child_external_id,
        session_name,
        access_key_id,
        secret_access_key,
        session_token,
        profile,
        schedule,
        no_test: _,
        yes: _,
    } = options;
    must_be_reference("--secret-access-key", secret_access_key.as_ref())?;
    must_be_reference("--session-token", session_token.as_ref())?;
    let mut tables =
        vec![(Vec::new(), rows([("regions", texts(regions)), ("stages", texts(stages)), ("targets", texts(targets))]))];
    let by_key = access_key_id.is_some().then(|| {
        let rows = rows([
            ("access_key_id", private(access_key_id.as_ref())),
            ("secret_access_key", private(secret_access_key.as_ref())),
            ("session_token", private(session_token.as_ref())),
        ]);
        ("aws_user", rows)
    });
    let by_profile = profile.is_some().then(|| ("default_chain", rows([("profile", text(profile.as_ref()))])));
    let own = by_key.or(by_profile);
    let role = central_role_arn
        .as_ref()
        .map(|arn| ("central_role", arn))
        .or(role_arn.as_ref().map(|arn| ("assume_role", arn)));
    let credentials = |below: &[&str]| {
        std::iter::once("credentials").chain(below.iter().copied()).map(str::to_owned).collect::<Vec<_>>()
    };
    match (role, own) {
        (Some((kind, arn)), source) => {
            let role = rows([
                ("role_arn", Some(Written::Text(arn.clone()))),
                ("child_role_name", text(child_role_name.as_ref())),
                ("session_name", text(session_name.as_ref())),
                ("external_id", private(external_id.as_ref())),
                ("child_external_id", private(child_external_id.as_ref())),
            ]);
            tables.push((credentials(&[kind]), role));
            tables.extend(source.map(|(source, rows)| (credentials(&[kind, "source", source]), rows)));
        }
        (None, _) if external_id.is_some() || session_name.is_some() => {
            return Err(Failure::usage("--external-id and --session-name belong to a role")
                .hint("say which with --role-arn or --central-role-arn"));
        }
        (None, Some((kind, rows))) => tables.push((credentials(&[kind]), rows)),
        (None, None) => tables.push((credentials(&["default_chain"]), Vec::new())),
    }
    let schedule = schedule_keys::settings(schedule)?;
    let schedule: Vec<Row> =
        schedule.into_iter().filter_map(|setting| Some((setting.key.to_owned(), setting.to?))).collect();
    if !schedule.is_empty() {
        tables.push((vec!["auto_onboard".to_owned()], schedule));
    }
    Ok(tables)
}

/// A secret itself is refused before anything else, and never shown: it stands in the shell's history and the list of processes already.
fn must_be_reference(option: &str, value: Option<&Private>) -> Result<(), Failure> {
    match value {
        Some(Private(text)) if !text.starts_with("env:") && !text.starts_with("file:") => {
            Err(Failure::usage(format!("{option} takes where the secret is, not the secret itself"))
                .hint("say env:NAME or file:/path; if that was the secret, change it: other programs could read it"))
        }
        _ => Ok(()),
    }
}

fn rows<const N: usize>(rows: [(&str, Option<Written>); N]) -> Vec<Row> {
    rows.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn text(text: Option<&String>) -> Option<Written> {
    Some(Written::Text(text?.clone()))
}

fn private(value: Option<&Private>) -> Option<Written> {
    Some(Written::Text(value?.0.clone()))
}

fn texts(texts: &[String]) -> Option<Written> {
    (!texts.is_empty()).then(|| Written::Texts(texts.to_vec()))
}

async fn remove<W: Write>(
    global: &Global,
    connection: &str,
    yes: bool,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    let mut draft = Draft::make(global, &Edit::RemoveConnection { connection: connection.to_owned() })?;
    draft.file.must_be_writable()?;
    if !yes {
        let what = schedule::what_stops(draft.before.as_ref(), connection);
        confirm(&format!("{what}\nits history in the registry stays"), "Remove this connection from the file?")?;
    }
    draft = draft.last_look(global)?;
    let was = draft.before.as_ref().and_then(|config| config.connections.get(connection));
    let changes = json!([{ "key": "connection", "from": was.map(summary), "to": null }]);
    let done = Done { connection, command: "connection remove", changes };
    let followed = draft.write(global, &done).await?;
    match global.output {
        Format::Json => output.json(&json!({
            "connection": connection,
            "command": "connection remove",
            "file": draft.file.name(),
            "changed": true,
            "worker": followed.document(),
        }))?,
        Format::Text | Format::Csv => {
            let file = draft.file.name().display();
            output.line(&format!("{connection}: removed from {file}; its history in the registry stays"))?;
        }
    }
    followed.end(global, &draft.file, output)
}
