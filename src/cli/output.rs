//! Standard output: results and nothing else. Everything else goes to standard error.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use chrono::{DateTime, Utc};
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use super::exit::Failure;

/// A list is written in pieces of about so many bytes.
const PIECE: usize = 64 * 1024;

/// Where results go.
#[derive(Debug)]
pub(super) struct Output<W> {
    to: W,
    closed: bool,
}

impl<W: Write> Output<W> {
    /// Results go to `to`.
    pub(super) fn new(to: W) -> Self {
        Self { to, closed: false }
    }

    /// Writes a line.
    ///
    /// # Errors
    /// The output cannot be written. A reader that went away (`| head`) is no error: the rest is not written.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.write(format_args!("{text}\n"))
    }

    /// Writes text as it is.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub(super) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.write(format_args!("{text}"))
    }

    fn write(&mut self, text: fmt::Arguments<'_>) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        match self.to.write_fmt(text).and_then(|()| self.to.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(Failure::failed(format!("cannot write to standard output: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Writes a value as one line of JSON.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        self.line(&json_text(value)?)
    }

    /// Writes values as one line of JSON, a list; no more than some of them are held at a time.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(super) fn json_list<T: Serialize>(&mut self, values: impl IntoIterator<Item = T>) -> Result<(), Failure> {
        let mut text = "[".to_owned();
        for (number, value) in values.into_iter().enumerate() {
            if number > 0 {
                text.push(',');
            }
            text.push_str(&json_text(&value)?);
            if text.len() >= PIECE {
                self.text(&text)?;
                text.clear();
            }
        }
        text.push(']');
        self.line(&text)
    }

    /// Writes rows as CSV with a header.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(super) fn csv<'a>(
        &mut self,
        header: &[&str],
        rows: impl Iterator<Item = Vec<String>> + 'a,
    ) -> Result<(), Failure> {
        let cannot = |error: csv::Error| Failure::failed(format!("cannot form CSV: {error}"));
        let mut record = |fields: &[String]| -> Result<(), Failure> {
            let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
            writer.write_record(fields).map_err(cannot)?;
            let bytes = writer.into_inner().map_err(|error| Failure::failed(format!("cannot form CSV: {error}")))?;
            self.line(String::from_utf8_lossy(&bytes).trim_end_matches('\n'))
        };
        record(&header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        rows.into_iter().try_for_each(|row| record(&row))
    }

    /// Writes rows in columns below a header; nothing at all where there is no row.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(super) fn table(
        &mut self,
        header: &[&str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Result<(), Failure> {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        // Whatever the width of the terminal, a row stays a line, so that grep and awk see whole rows.
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header.to_vec());
        for row in rows {
            table.add_row(row.into_iter().map(|cell| one_line(&cell)).collect::<Vec<_>>());
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        if table.is_empty() { Ok(()) } else { self.line(&table.trim_fmt()) }
    }
}

fn json_text(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::failed(format!("cannot form JSON: {error}")))
}

/// Text from AWS on one line, without characters that a terminal would act upon.
#[must_use]
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// A number with its noun: `1 target`, `2 targets`.
#[must_use]
pub(super) fn count(number: impl TryInto<u64>, noun: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

/// An instant as a person reads it: UTC to the second.
#[must_use]
pub(super) fn when(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Whether progress bars and questions are in order.
#[must_use]
pub(super) fn is_interactive() -> bool {
    io::stderr().is_terminal()
}
