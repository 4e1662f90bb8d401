//! An edit of the schedule file from the command to the disk: made, checked as a whole, written, written down, and told to the worker.

use std::sync::Arc;

use serde_json::Value;

use super::after_edit::{self, Followed};
use super::args::Global;
use super::edit_file::EditFile;
use super::exit::Failure;
use super::setup::Loaded;
use super::{naming, setup};
use crate::config::edit::{self, Edit, EditError};
use crate::config::{self, Checked, Config, Place};
use crate::worker::service::source::Text;

/// An edit that would leave a valid file.
#[derive(Debug)]
pub(super) struct Draft {
    /// The file as it is.
    pub(super) file: EditFile,
    /// What it says, where that is valid.
    pub(super) before: Option<Config>,
    /// What it would say.
    pub(super) after: Config,
    /// Its text then.
    pub(super) text: String,
    edit: Edit,
}

impl Draft {
    /// Makes an edit of the schedule file, in memory.
    ///
    /// # Errors
    /// What is to be edited is not there, or what would result is not valid: every mistake of it is in the message.
    pub(super) fn make(global: &Global, edit: &Edit) -> Result<Self, Failure> {
        Self::of(global, EditFile::read(&setup::file(global))?, edit)
    }

    /// The same edit of the file as it is now, which others may have changed while somebody was asked; from here to [`Draft::write`] no
    /// other command edits it.
    ///
    /// # Errors
    /// As [`Draft::make`].
    pub(super) fn last_look(self, global: &Global) -> Result<Self, Failure> {
        let file = EditFile::read_and_hold(self.file.name())?;
        if file.hash() == self.file.hash() { Ok(Self { file, ..self }) } else { Self::of(global, file, &self.edit) }
    }

    fn of(global: &Global, file: EditFile, edit: &Edit) -> Result<Self, Failure> {
        let before = config::parse(&file.text, &Place::new(file.name()));
        let text = match (edit::edit(&file.text, edit), &before) {
            (Ok(text), _) => text,
            // Not even TOML, or another mistake may be why it is not found.
            (Err(EditError::NotToml(_) | EditError::NoConnection(_)), Err(problems)) => {
                return Err(setup::rejected(problems, &file.name().display().to_string()));
            }
            (Err(EditError::NoConnection(name)), Ok(Checked { config, .. })) => {
                return Err(naming::no_connection(config, &name));
            }
            (Err(error), _) => return Err(refused(&error)),
        };
        let edited = format!("{} (edited)", file.name().display());
        let after = config::parse(&text, &Place::new(edited.as_ref()));
        let Checked { config: after, warnings } = after.map_err(|problems| {
            let mistakes = setup::rejected(&problems, &edited);
            let hint = match before {
                Ok(_) => "nothing was written",
                Err(_) => "nothing was written; the file has mistakes without this edit, too",
            };
            mistakes.hint(hint)
        })?;
        let known: Vec<String> =
            before.iter().flat_map(|checked| &checked.warnings).map(|said| said.message.clone()).collect();
        if !global.quiet {
            for warning in warnings.iter().filter(|warning| !known.contains(&warning.message)) {
                super::say(&format!("warning: {warning}"));
            }
        }
        Ok(Self { file, before: before.ok().map(|checked| checked.config), after, text, edit: edit.clone() })
    }

    /// Whether the edit changes the file.
    pub(super) fn changes(&self) -> bool {
        self.text != self.file.text
    }

    /// Writes the file, writes down who did it, and has the running worker follow it; answers what the worker made of it.
    ///
    /// # Errors
    /// The file cannot be written, or was changed meanwhile: then nothing was done.
    pub(super) async fn write(&mut self, global: &Global, done: &Done<'_>) -> Result<Followed, Failure> {
        let hash = self.file.replace(&self.text)?;
        let loaded = Loaded {
            config: Arc::new(self.after.clone()),
            file: self.file.name().to_owned(),
            warnings: Vec::new(),
            text: Text { text: self.text.clone(), hash: hash.clone() },
            agent: None,
        };
        let registry = setup::registry_path(global, &loaded);
        after_edit::record_edit(&registry, self.file.name(), done, &hash);
        Ok(after_edit::tell_worker(&registry, &self.file).await)
    }
}

/// What an edit did, for the audit trail.
#[derive(Clone, Debug)]
pub(super) struct Done<'a> {
    /// Of which connection.
    pub(super) connection: &'a str,
    /// What, in the words of the command line, such as `schedule set`.
    pub(super) command: &'static str,
    /// The keys that changed, with their old and new values.
    pub(super) changes: Value,
}

fn refused(error: &EditError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        EditError::NoSchedule(name) => failure.hint(format!(
            "make one, such as `aboard schedule set {name} --frequency weekly --day monday --time 02:30 --timezone Europe/London`"
        )),
        EditError::ConnectionExists(name) => failure.hint(format!("`aboard schedule show {name}` shows its schedule")),
        EditError::NotToml(_) | EditError::NoConnection(_) | EditError::Unwritable(_) => failure,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli::args::{Format, LogFormat};

    #[test]
    fn what_others_wrote_while_a_person_was_asked_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("schedules.toml");
        let table =
            |name: &str| format!("[connections.{name}]\nregions = [\"eu-west-1\"]\ncredentials.default_chain = {{}}\n");
        fs::write(&path, table("shop") + &table("other")).unwrap();
        let global = Global {
            config: Some(path.clone()),
            registry: None,
            output: Format::Text,
            log_format: LogFormat::Text,
            verbose: 0,
            quiet: true,
        };
        let remove = |name: &str| Edit::RemoveConnection { connection: name.to_owned() };
        let draft = Draft::make(&global, &remove("shop")).unwrap();
        fs::write(&path, table("shop") + &table("third")).unwrap();
        let mut draft = draft.last_look(&global).unwrap();
        assert!(draft.before.as_ref().is_some_and(|config| config.connections.contains_key("third")));
        draft.file.replace(&draft.text).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), table("third"));
        // Somebody else has done it meanwhile.
        let draft = Draft::make(&global, &remove("third")).unwrap();
        fs::write(&path, "").unwrap();
        assert!(draft.last_look(&global).is_err());
    }
}
