//! Names made from what is known of an API: text with placeholders, such as `{name} ({account_id}/{region}/{api_id})`.

mod identity;

use std::fmt;

use super::format::quoted;
use super::report::Complaint;
use super::suggest;

pub use identity::IdentityTemplate;

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The API's own name.
    Name,
    /// The account's id.
    AccountId,
    /// The account's name, or its id where the name is not known.
    AccountName,
    /// The region.
    Region,
    /// The API's id.
    ApiId,
}

impl Placeholder {
    /// Together they name one API, whatever else stands around them.
    const IDENTITY: [Self; 3] = [Self::AccountId, Self::Region, Self::ApiId];

    /// As it is written between braces.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::AccountId => "account_id",
            Self::AccountName => "account_name",
            Self::Region => "region",
            Self::ApiId => "api_id",
        }
    }
}

impl Known for Placeholder {
    const ALL: &'static [Self] = &[Self::Name, Self::AccountId, Self::AccountName, Self::Region, Self::ApiId];

    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// Placeholders that a kind of template knows.
trait Known: Copy + PartialEq + 'static {
    const ALL: &'static [Self];

    /// As it is written between braces.
    fn word(self) -> &'static str;
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part<P> {
    Text(String),
    Placeholder(P),
}

/// Takes a text apart.
fn parts<P: Known>(text: &str) -> Result<Vec<Part<P>>, Complaint> {
    const UNPAIRED: &str = "a \"{\" or \"}\" stands alone; they enclose placeholders";
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        let inside = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let (word, after) = inside.ok_or_else(|| Complaint::new(UNPAIRED))?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let known = P::ALL.iter().find(|placeholder| placeholder.word() == word);
        parts.push(Part::Placeholder(*known.ok_or_else(|| unknown::<P>(word))?));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    if text.contains(char::is_control) {
        return Err(Complaint::new("a name cannot hold a line end or another control character"));
    }
    Ok(parts)
}

/// Puts it together again, with `value` for each placeholder.
fn filled<'a, P: Known>(parts: &[Part<P>], value: impl Fn(P) -> &'a str) -> String {
    let mut whole = String::new();
    for part in parts {
        match part {
            Part::Text(text) => whole.push_str(text),
            Part::Placeholder(placeholder) => whole.push_str(value(*placeholder)),
        }
    }
    whole
}

/// As it was written.
fn write<P: Known>(parts: &[Part<P>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    parts.iter().try_for_each(|part| match part {
        Part::Text(text) => f.write_str(text),
        Part::Placeholder(placeholder) => write!(f, "{{{}}}", placeholder.word()),
    })
}

fn unknown<P: Known>(word: &str) -> Complaint {
    let all: Vec<String> = P::ALL.iter().map(|placeholder| format!("{{{}}}", placeholder.word())).collect();
    Complaint::new(format!("{} is no placeholder; there are {}", quoted(word), all.join(", ")))
        .maybe(suggest::did_you_mean(word, P::ALL.iter().map(|placeholder| placeholder.word())))
}

/// A template of names of which no two APIs get the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate(Vec<Part<Placeholder>>);

impl NameTemplate {
    /// Reads one.
    pub(super) fn parse(text: &str) -> Result<Self, Complaint> {
        let parts = parts(text)?;
        let lacking: Vec<String> = Placeholder::IDENTITY
            .into_iter()
            .filter(|needed| !parts.contains(&Part::Placeholder(*needed)))
            .map(|needed| format!("{{{}}}", needed.as_str()))
            .collect();
        if !lacking.is_empty() {
            return Err(Complaint::new(format!("{} is not in it, so two APIs could get one name", lacking.join(", "))));
        }
        Ok(Self(parts))
    }

    /// The name, with `value` for each placeholder: one line without control characters or doubled spaces.
    pub fn render<'a>(&self, value: impl Fn(Placeholder) -> &'a str) -> String {
        let whole = filled(&self.0, value);
        let plain: String = whole.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        plain.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = "{name} ({account_id}/{region}/{api_id})";

    fn shop(placeholder: Placeholder) -> &'static str {
        match placeholder {
            Placeholder::Name => "orders\n  v2",
            Placeholder::AccountId => "111122223333",
            Placeholder::AccountName => "shop",
            Placeholder::Region => "eu-west-1",
            Placeholder::ApiId => "a1b2c3d4e5",
        }
    }

    #[test]
    fn a_name_is_one_line_of_text_and_values() {
        let template = NameTemplate::parse(USUAL).unwrap();
        assert_eq!(template.render(shop), "orders v2 (111122223333/eu-west-1/a1b2c3d4e5)");
        assert_eq!(template.to_string(), USUAL);
    }

    #[test]
    fn what_could_give_two_apis_one_name_is_refused() {
        for (text, said) in [
            ("{name}", "{account_id}, {region}, {api_id} is not in it, so two APIs could get one name"),
            ("{api_id}{region}", "{account_id} is not in it, so two APIs could get one name"),
        ] {
            assert_eq!(NameTemplate::parse(text).unwrap_err().message, said);
        }
    }

    #[test]
    fn a_placeholder_that_there_is_not_is_named_with_the_nearest() {
        let complaint = NameTemplate::parse("{account_id} {regoin} {api_id}").unwrap_err();
        assert!(complaint.message.starts_with("\"regoin\" is no placeholder"), "{complaint:?}");
        assert!(complaint.hint.unwrap().contains("region"));
        for alone in ["{", "}", "a}b", "{name", "{a{b}"] {
            assert!(NameTemplate::parse(alone).is_err(), "{alone}");
        }
    }
}
