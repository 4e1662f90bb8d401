//! `iam`: what AWS must allow for this file, as policies, trust policies and CloudFormation templates.

use std::io::Write;

use serde_json::json;

use super::args::{Format, Iam, IamFormat, Which};
use super::desk::{Desk, Schedules};
use super::exit::{Exit, Failure};
use super::output::{Output, one_line};
use super::walk;
use crate::config::{Connection, Credentials, Source};
use crate::discovery::probe;
use crate::iam::{self, Document, Kind, Role};

/// Prints the documents that were asked for.
pub(super) async fn iam<W: Write>(desk: &Desk, asked: &Iam, output: &mut Output<W>) -> Result<Exit, Failure> {
    let loaded = desk.load()?;
    let wants = loaded.config.wants();
    let chosen =
        |names: &[String]| walk::chosen(desk, &loaded, &Which { connections: names.to_vec(), all: names.is_empty() });
    let (documents, format, several) = match asked {
        Iam::Policy { of, partition } => {
            let connections = chosen(&of.connections)?;
            let documents = iam::policies(&references(&connections), &wants, partition.as_deref());
            (only(documents, of.only.as_deref())?, of.format, "policy")
        }
        Iam::Trust { of, trusted } => {
            let connections = with_roles(chosen(&of.connections)?, &of.connections, "trust policy", |credentials| {
                matches!(credentials, Credentials::AssumeRole(_) | Credentials::CentralRole(_))
            })?;
            let connections = references(&connections);
            let roles = iam::roles(&connections);
            let wanted: Vec<Role<'_>> = roles
                .into_iter()
                .filter(|role| of.only.as_deref().is_none_or(|kind| kind == role.kind.as_str()))
                .collect();
            let principals = principals(desk, &loaded, &wanted, trusted.principal.as_deref()).await?;
            let documents = iam::trusts(&wanted, |role| principals.of(role));
            (only(documents, of.only.as_deref())?, of.format, "trust policy")
        }
        Iam::CentralRole { connections: names, format, trusted } => {
            let connections = with_central_role(chosen(names)?, names)?;
            let connections = sharing(&loaded, &connections, Kind::CentralRole);
            let roles: Vec<Role<'_>> =
                iam::roles(&connections).into_iter().filter(|role| role.kind == Kind::CentralRole).collect();
            let principals = principals(desk, &loaded, &roles, trusted.principal.as_deref()).await?;
            (iam::central_roles(&connections, &wants, |role| principals.of(role)), *format, "template")
        }
        Iam::ChildRole { connections: names, steps: true, .. } => {
            let connections = with_central_role(chosen(names)?, names)?;
            return steps(desk, &loaded, &sharing(&loaded, &connections, Kind::CentralRole), output);
        }
        Iam::ChildRole { connections: names, format, .. } => {
            let connections = with_central_role(chosen(names)?, names)?;
            let connections = sharing(&loaded, &connections, Kind::ChildRole);
            (iam::child_roles(&connections, &wants), *format, "template")
        }
    };
    if documents.is_empty() && !desk.global.quiet {
        desk.say(&format!("there is no {several} to print"));
    }
    show(desk, &documents, format, output)?;
    Ok(Exit::Done)
}

fn references(connections: &[Connection]) -> Vec<&Connection> {
    connections.iter().collect()
}

/// The chosen connections, and those of the file that share a role with one of them.
fn sharing<'a>(loaded: &'a Schedules, chosen: &[Connection], kind: Kind) -> Vec<&'a Connection> {
    iam::sharing(loaded.config.connections.values(), &references(chosen), kind)
}

/// Documents of one kind alone, of which there must be some.
fn only(documents: Vec<Document>, kind: Option<&str>) -> Result<Vec<Document>, Failure> {
    let Some(kind) = kind else { return Ok(documents) };
    let some: Vec<Document> = documents.into_iter().filter(|document| document.kind.as_str() == kind).collect();
    if some.is_empty() {
        return Err(Failure::usage(format!("the chosen connections have no {kind}")));
    }
    Ok(some)
}

/// The connections that fit. One that was named must; where none was named, some must.
fn with_roles(
    connections: Vec<Connection>,
    named: &[String],
    what: &str,
    fits: impl Fn(&Credentials) -> bool,
) -> Result<Vec<Connection>, Failure> {
    if let Some(other) = connections.iter().find(|connection| !named.is_empty() && !fits(&connection.credentials)) {
        let how = match &other.credentials {
            Credentials::AwsUser(_) => "reads with its own access key",
            Credentials::DefaultChain(_) => "reads as whoever aboard runs as",
            Credentials::AssumeRole(_) => "has one role, and no central one",
            Credentials::CentralRole(_) => "has a central role",
        };
        return Err(Failure::usage(format!("{} {how}, so there is no {what} for it", other.name)));
    }
    let fitting: Vec<Connection> = connections.into_iter().filter(|one| fits(&one.credentials)).collect();
    if fitting.is_empty() {
        return Err(Failure::usage(format!("no connection in the schedule file has a role that needs a {what}")));
    }
    Ok(fitting)
}

fn with_central_role(connections: Vec<Connection>, named: &[String]) -> Result<Vec<Connection>, Failure> {
    with_roles(connections, named, "template", |credentials| matches!(credentials, Credentials::CentralRole(_)))
}

/// Who assumes the roles of which the file does not say it.
enum Principals<'a> {
    /// As the command line says.
    Given(&'a str),
    /// By source.
    Found(Vec<(&'a Source, String)>),
}

impl Principals<'_> {
    fn of(&self, role: &Role<'_>) -> String {
        match self {
            Self::Given(arn) => (*arn).to_owned(),
            Self::Found(found) => {
                let own = source(role.connection);
                let arn = found.iter().find(|(source, _)| Some(*source) == own).map(|(_, arn)| arn.clone());
                arn.unwrap_or_default()
            }
        }
    }
}

fn source(connection: &Connection) -> Option<&Source> {
    match &connection.credentials {
        Credentials::AssumeRole(role) => Some(&role.source),
        Credentials::CentralRole(role) => Some(&role.source),
        Credentials::AwsUser(_) | Credentials::DefaultChain(_) => None,
    }
}

/// Finds out who assumes the roles, where nobody says it: each source is asked once.
async fn principals<'a>(
    desk: &Desk,
    loaded: &Schedules,
    roles: &[Role<'a>],
    given: Option<&'a str>,
) -> Result<Principals<'a>, Failure> {
    let open: Vec<&Role<'a>> = roles.iter().filter(|role| role.trusted.is_none()).collect();
    if let Some(given) = given {
        let theirs = given.strip_prefix("arn:").and_then(|rest| rest.split(':').next());
        if let Some(role) =
            open.iter().find(|role| theirs.is_some_and(|theirs| partition(role.connection) != Some(theirs)))
        {
            let message = format!("{given} is in another partition than the {}, which cannot trust it", role.name);
            return Err(Failure::usage(message));
        }
        return Ok(Principals::Given(given));
    }
    let mut found: Vec<(&Source, String)> = Vec::new();
    if open.is_empty() {
        return Ok(Principals::Found(found));
    }
    let aws = desk.aws(&loaded.config).await?;
    for role in open {
        let Some(source) = source(role.connection) else { continue };
        if found.iter().any(|(known, _)| *known == source) {
            continue;
        }
        let arn = probe::source_arn(&aws, role.connection).await.map_err(|trouble| {
            let failure =
                Failure::failed(format!("nobody says who assumes the {}: {}", role.name, one_line(&trouble.cause)));
            failure.hint("say it with --principal ARN, or run this where the connection's credentials are")
        })?;
        let (arn, note) = iam::principal_of(&arn);
        if let Some(note) = note.filter(|_| !desk.global.quiet) {
            desk.say(&format!("note: {note}"));
        }
        found.push((source, arn));
    }
    Ok(Principals::Found(found))
}

fn partition(connection: &Connection) -> Option<&str> {
    match &connection.credentials {
        Credentials::AssumeRole(role) => Some(&role.role_arn.partition),
        Credentials::CentralRole(role) => Some(&role.role_arn.partition),
        Credentials::AwsUser(_) | Credentials::DefaultChain(_) => None,
    }
}

/// One document as it is; of several each with what it is.
fn show<W: Write>(
    desk: &Desk,
    documents: &[Document],
    format: IamFormat,
    output: &mut Output<W>,
) -> Result<(), Failure> {
    let loud = !desk.global.quiet;
    if desk.global.output == Format::Json {
        if loud {
            documents.iter().flat_map(|document| &document.notes).for_each(|note| desk.say(&format!("note: {note}")));
        }
        return match documents {
            [only] => output.json(&only.body),
            several => output.json(&iam::listed(several)),
        };
    }
    for (number, document) in documents.iter().enumerate() {
        let heading = one_line(&heading(document));
        match format {
            IamFormat::Json => {
                if loud {
                    desk.say(&heading);
                }
                let text = serde_json::to_string_pretty(&document.body);
                output.line(&text.map_err(|error| Failure::failed(format!("cannot form JSON: {error}")))?)?;
            }
            IamFormat::Yaml => {
                // A comment stays with its document, wherever that is written.
                let separator = if number > 0 { "---\n" } else { "" };
                let notes: Vec<String> = document.notes.iter().map(|note| format!("# {}\n", one_line(note))).collect();
                output.text(&format!("{separator}# {heading}\n{}{}", notes.concat(), iam::to_yaml(&document.body)))?;
            }
        }
        if loud && format == IamFormat::Json {
            document.notes.iter().for_each(|note| desk.say(&format!("note: {note}")));
        }
    }
    Ok(())
}

fn heading(document: &Document) -> String {
    let connections = document.connections.join(", ");
    let noun = if document.connections.len() == 1 { "connection" } else { "connections" };
    format!("{} ({noun} {connections})", document.title)
}

/// How the roles are rolled out.
fn steps<W: Write>(
    desk: &Desk,
    loaded: &Schedules,
    connections: &[&Connection],
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    for roll_out in iam::roll_outs(connections, loaded.config.connections.values()) {
        if desk.global.output == Format::Json {
            output.json(&json!(roll_out))?;
            continue;
        }
        let (names, arn) = (roll_out.connections.join(", "), &roll_out.central_role);
        output.line(&format!("{names}: roll-out of the central role {arn} and of its role in every account"))?;
        for (number, step) in roll_out.steps.iter().enumerate() {
            output.line(&format!("\n{}. {} ({})\n   {}", number + 1, step.title, step.place, step.why))?;
            step.commands.iter().try_for_each(|command| output.line(&format!("\n     {command}")))?;
            if !step.console.is_empty() {
                output.line(&format!("\n   Or in the console. {}", step.console))?;
            }
        }
    }
    Ok(Exit::Done)
}
