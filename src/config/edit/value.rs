//! Values on their way into a file: how they are written, and whether the file says the same already.

use toml_edit::{Datetime, Value};

use crate::config::format::time;

/// A value for a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// A text.
    Text(String),
    /// A duration; another spelling of the same one is the same.
    Duration(String),
    /// Several texts.
    Texts(Vec<String>),
    /// Several durations.
    Durations(Vec<String>),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date, or a date and time.
    Moment(Datetime),
}

/// How a text is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    Double,
    Single,
}

impl Written {
    /// As TOML.
    pub(super) fn text(&self) -> String {
        self.in_quotes(Quotes::Double)
    }

    /// As TOML, with the quotes of the value that it takes the place of.
    pub(super) fn like(&self, written: &str) -> String {
        let single = written.find(['"', '\'']).is_some_and(|at| written[at..].starts_with('\''));
        self.in_quotes(if single { Quotes::Single } else { Quotes::Double })
    }

    fn in_quotes(&self, quotes: Quotes) -> String {
        match self {
            Self::Text(text) | Self::Duration(text) => quoted(text, quotes),
            Self::Texts(texts) | Self::Durations(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| quoted(text, quotes)).collect();
                format!("[{}]", texts.join(", "))
            }
            Self::Integer(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Moment(moment) => moment.to_string(),
        }
    }

    /// Whether a value of the file says the same.
    pub(super) fn is_said_by(&self, value: &Value) -> bool {
        match self {
            Self::Text(text) => value.as_str() == Some(text),
            Self::Duration(text) => value.as_str().is_some_and(|said| same_duration(text, said)),
            Self::Texts(texts) => list(value).is_some_and(|said| said == *texts),
            Self::Durations(texts) => list(value).is_some_and(|said| {
                said.len() == texts.len() && said.iter().zip(texts).all(|(said, text)| same_duration(text, said))
            }),
            Self::Integer(number) => value.as_integer() == Some(*number),
            Self::Boolean(truth) => value.as_bool() == Some(*truth),
            Self::Moment(moment) => value.as_datetime() == Some(moment),
        }
    }

    /// The same for a value given as TOML, such as a default.
    pub(super) fn is_said_by_text(&self, toml: &str) -> bool {
        toml.parse::<Value>().is_ok_and(|value| self.is_said_by(&value))
    }
}

fn same_duration(one: &str, other: &str) -> bool {
    one == other || matches!((time::duration(one), time::duration(other)), (Ok(one), Ok(other)) if one == other)
}

fn list(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

fn quoted(text: &str, quotes: Quotes) -> String {
    let plain = !text.contains('\'') && !text.chars().any(char::is_control);
    match quotes {
        Quotes::Single if plain => format!("'{text}'"),
        // The default form takes single quotes for a text with a double one in it; either is right.
        _ => Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Written {
        Written::Text(text.to_owned())
    }

    #[test]
    fn a_value_takes_the_quotes_of_the_one_before_it_where_it_can() {
        assert_eq!(text("02:30").text(), "\"02:30\"");
        assert_eq!(text("02:30").like("'01:00'"), "'02:30'");
        assert_eq!(text("it's").like("'x'"), "\"it's\"");
        assert_eq!(Written::Texts(vec!["1h".to_owned()]).like("[ '2h' ]"), "['1h']");
    }

    #[test]
    fn whatever_a_text_holds_it_is_read_again_as_it_was() {
        for odd in ["", "a\"b", "a'b", "a\\b", "a\nb", "\u{7f}", "é", "'''", "\"\"\""] {
            for like in ["\"x\"", "'x'"] {
                let value: Value = text(odd).like(like).parse().unwrap();
                assert_eq!(value.as_str(), Some(odd), "{}", text(odd).like(like));
            }
        }
    }

    #[test]
    fn durations_are_compared_by_how_long_they_are() {
        let hour = Written::Duration("1h".to_owned());
        assert!(hour.is_said_by_text("\"60m\"") && !hour.is_said_by_text("\"61m\""));
        let list = Written::Durations(vec!["1h".to_owned()]);
        assert!(list.is_said_by_text("['60m']") && !list.is_said_by_text("[]"));
    }
}
