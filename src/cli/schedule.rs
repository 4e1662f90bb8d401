//! `schedule`: shows and changes when connections run by themselves.

use std::io::Write;

use serde_json::{Value, json};

use super::after_edit::Followed;
use super::args::{Format, Global, Schedule, SetSchedule};
use super::confirm::confirm;
use super::desk::Desk;
use super::edit_file::EditFile;
use super::editing::{Done, Draft};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::schedule_keys::{self, Changed, KeyState};
use super::upcoming::Present;
use super::{diff, walk};
use crate::config::edit::{self, Edit};
use crate::config::{AutoOnboard, Config, Connection};
use crate::worker::documents;

/// Carries out one of the commands.
pub(super) async fn schedule<W: Write>(
    global: &Global,
    action: &Schedule,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    match action {
        Schedule::Show { which, next } => {
            let desk = Desk::own(global);
            let loaded = desk.load()?;
            let text = EditFile::read(&loaded.file)?.text;
            for connection in walk::chosen(&desk, &loaded, which)? {
                show(global, &connection, &text, *next, output)?;
            }
            Ok(Exit::Done)
        }
        Schedule::Set(options) => set(global, options, output).await,
        Schedule::Enable { connection } => {
            let edit = Edit::Enable { connection: connection.clone(), on: true };
            Change { connection, edit, command: "schedule enable", asks: None }.carry_out(global, output).await
        }
        Schedule::Disable { connection, yes } => {
            let edit = Edit::Enable { connection: connection.clone(), on: false };
            let asks = (!yes).then_some("Disable this schedule?");
            Change { connection, edit, command: "schedule disable", asks }.carry_out(global, output).await
        }
        Schedule::Remove { connection, yes } => {
            let edit = Edit::RemoveSchedule { connection: connection.clone() };
            let asks = (!yes).then_some("Remove this schedule from the file?");
            Change { connection, edit, command: "schedule remove", asks }.carry_out(global, output).await
        }
    }
}

fn show<W: Write>(
    global: &Global,
    connection: &Connection,
    text: &str,
    next: usize,
    output: &mut Output<W>,
) -> Result<(), Failure> {
    let Connection { name, auto_onboard: auto, .. } = connection;
    let states = auto.as_ref().map(|_| schedule_keys::states(text, name)).unwrap_or_default();
    let present = Present::new();
    let due = present.outlook(connection, next).next;
    if global.output == Format::Json {
        let auto = auto.as_ref();
        return output.json(&json!({
            "connection": name,
            "schedule": auto.map(documents::schedule_in_words),
            "enabled": auto.is_some_and(|auto| auto.enabled),
            "timezone": auto.map(|auto| auto.timezone.name()),
            "keys": states.iter().map(key_document).collect::<Vec<_>>(),
            "next": due,
        }));
    }
    let Some(auto) = auto else {
        return output.line(&format!("{name}: by hand only; `aboard schedule set {name}` makes a schedule"));
    };
    output.line(&format!("{name}: {}", documents::schedule_in_words(auto)))?;
    for KeyState { key, value, is_default } in states {
        match (value, is_default) {
            (Some(value), false) => output.line(&format!("  {key:<16} {value}"))?,
            (Some(value), true) => output.line(&format!("  {key:<16} {value}  (default)"))?,
            (None, _) => {}
        }
    }
    match due.as_slice() {
        [] => output.line(&format!("  {:<16} {}", "next", present.next_in_words(Some(connection)))),
        due => due.iter().enumerate().try_for_each(|(number, due)| {
            let label = if number == 0 { "next" } else { "" };
            output.line(&format!("  {label:<16} {}", present.in_both(auto, due.at)))
        }),
    }
}

fn key_document(state: &KeyState) -> Value {
    let KeyState { key, value, is_default } = state;
    json!({ "key": key, "value": value.as_deref().and_then(edit::json_of), "default": is_default })
}

async fn set<W: Write>(global: &Global, options: &SetSchedule, output: &mut Output<W>) -> Result<Exit, Failure> {
    let SetSchedule { connection, keys, dry_run } = options;
    let settings = schedule_keys::settings(keys)?;
    if settings.is_empty() {
        return Err(Failure::usage("nothing to set")
            .hint(format!("say what, such as `aboard schedule set {connection} --time 02:30`")));
    }
    let edit = Edit::Set { connection: connection.clone(), settings };
    if !dry_run {
        return Change { connection, edit, command: "schedule set", asks: None }.carry_out(global, output).await;
    }
    let draft = Draft::make(global, &edit)?;
    let name = draft.file.name().display().to_string();
    let difference = diff::unified(&draft.file.text, &draft.text, &name, &format!("{name} (edited)"));
    match global.output {
        Format::Json => {
            let mut document = document(&draft, connection, "schedule set");
            document["dry_run"] = true.into();
            document["diff"] = difference.into();
            output.json(&document)?;
        }
        Format::Text | Format::Csv if difference.is_empty() => output.line(&nothing_to_change(connection))?,
        Format::Text | Format::Csv => output.line(difference.trim_end_matches('\n'))?,
    }
    Ok(Exit::Done)
}

/// A change of one connection's schedule.
struct Change<'a> {
    connection: &'a str,
    edit: Edit,
    command: &'static str,
    /// What is asked first.
    asks: Option<&'static str>,
}

impl Change<'_> {
    async fn carry_out<W: Write>(&self, global: &Global, output: &mut Output<W>) -> Result<Exit, Failure> {
        let Self { connection, edit, command, asks } = self;
        let mut draft = Draft::make(global, edit)?;
        let mut followed = Followed::Nobody;
        if draft.changes() {
            draft.file.must_be_writable()?;
            if let Some(question) = asks {
                confirm(&what_stops(draft.before.as_ref(), connection), question)?;
            }
            draft = draft.last_look(global)?;
        }
        // Somebody else may have done the same meanwhile.
        if draft.changes() {
            let changes = schedule_keys::document(&changed(&draft, connection));
            followed = draft.write(global, &Done { connection, command, changes }).await?;
        }
        match global.output {
            Format::Json => {
                let mut document = document(&draft, connection, command);
                document["worker"] = followed.document();
                output.json(&document)?;
            }
            Format::Text | Format::Csv => tell(&draft, connection, output)?,
        }
        followed.end(global, &draft.file, output)
    }
}

fn nothing_to_change(connection: &str) -> String {
    format!("{connection}: nothing to change")
}

/// What a person is told before a schedule stops.
pub(super) fn what_stops(before: Option<&Config>, name: &str) -> String {
    let connection = before.and_then(|config| config.connections.get(name));
    match connection.and_then(auto) {
        Some(auto) if auto.enabled => format!(
            "{name} runs {}; its next run would be at {}",
            documents::schedule_in_words(auto),
            Present::new().next_in_words(connection)
        ),
        Some(auto) => format!("{name} has a schedule that is off: {}", documents::schedule_in_words(auto)),
        None => format!("{name} runs by hand only"),
    }
}

fn auto(connection: &Connection) -> Option<&AutoOnboard> {
    connection.auto_onboard.as_ref()
}

/// The connection as it was, where the file was valid, and as it is.
fn was_and_is<'a>(draft: &'a Draft, name: &str) -> (Option<&'a Connection>, Option<&'a Connection>) {
    (draft.before.as_ref().and_then(|config| config.connections.get(name)), draft.after.connections.get(name))
}

fn changed(draft: &Draft, connection: &str) -> Vec<Changed> {
    schedule_keys::changes(&draft.file.text, &draft.text, connection)
}

fn tell<W: Write>(draft: &Draft, connection: &str, output: &mut Output<W>) -> Result<(), Failure> {
    if !draft.changes() {
        return output.line(&nothing_to_change(connection));
    }
    let present = Present::new();
    let (before, after) = was_and_is(draft, connection);
    let words = after.and_then(auto).map_or_else(|| "by hand only".to_owned(), documents::schedule_in_words);
    output.line(&format!("{connection}: {words}"))?;
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    for Changed { key, from, to } in changed(draft, connection) {
        output.line(&format!("  {key:<16} {} -> {}", or_none(from), or_none(to)))?;
    }
    let (old, new) = (present.next_in_words(before), present.next_in_words(after));
    let next = if old == new { format!("{new}, as before") } else { format!("{old} -> {new}") };
    output.line(&format!("  {:<16} {next}", "next run"))?;
    output.line(&format!("  {:<16} {}", "written to", draft.file.name().display()))
}

fn document(draft: &Draft, connection: &str, command: &str) -> Value {
    let present = Present::new();
    let (before, after) = was_and_is(draft, connection);
    json!({
        "connection": connection,
        "command": command,
        "file": draft.file.name(),
        "changed": draft.changes(),
        "dry_run": false,
        "changes": schedule_keys::document(&changed(draft, connection)),
        "schedule": after.and_then(auto).map(documents::schedule_in_words),
        "enabled": after.and_then(auto).is_some_and(|auto| auto.enabled),
        "previous_next_due": present.next_due(before),
        "next_due": present.next_due(after),
        "worker": null,
    })
}
