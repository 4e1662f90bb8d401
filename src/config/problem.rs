//! What is wrong with a schedule file, as it is shown to a person.
//!
//! A problem is made whole here: nothing in it may hold a secret, so what is echoed was cleared before.

use std::fmt;

/// One mistake, or one warning, at one place of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// The key's path, such as `connections.payments.auto_onboard.time`; empty where the mistake is in no key.
    pub path: String,
    /// What is wrong, one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line, where it may be shown.
    pub excerpt: Option<Excerpt>,
}

/// A line of the file with the place that is meant; never one that holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, or what of it may be shown.
    pub text: String,
    /// How many characters of it come before the place.
    pub before: usize,
    /// How many characters are meant; at least 1.
    pub width: usize,
}

impl Problem {
    /// The problem in one line, without the excerpt.
    #[must_use]
    pub fn headline(&self) -> String {
        let Self { file, line, column, path, message, hint, excerpt: _ } = self;
        let separator = if path.is_empty() { "" } else { ": " };
        let hint = hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{file}:{line}:{column}: {path}{separator}{message}{hint}")
    }
}

impl fmt::Display for Problem {
    /// The headline, and below it the line with carets where it may be shown. No newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        let Some(excerpt) = &self.excerpt else { return Ok(()) };
        // Tabs stay tabs, so that the carets stand below their characters however wide a tab is.
        let padding: String =
            excerpt.text.chars().take(excerpt.before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "\n    {}\n    {padding}{}", excerpt.text, "^".repeat(excerpt.width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(excerpt: Option<Excerpt>) -> Problem {
        Problem {
            file: "schedules.toml".to_owned(),
            line: 12,
            column: 8,
            path: "connections.payments.regions".to_owned(),
            message: "the list is empty".to_owned(),
            hint: Some("name a region".to_owned()),
            excerpt,
        }
    }

    #[test]
    fn carets_stand_below_the_place_that_is_meant_also_after_a_tab() {
        let excerpt = Excerpt { text: "\tregions = []".to_owned(), before: 11, width: 2 };
        let expected = "schedules.toml:12:8: connections.payments.regions: the list is empty; name a region\n    \
                        \tregions = []\n    \t          ^^";
        assert_eq!(problem(Some(excerpt)).to_string(), expected);
    }

    #[test]
    fn without_an_excerpt_a_problem_is_one_line() {
        assert_eq!(problem(None).to_string(), problem(None).headline());
    }

    #[test]
    fn a_problem_of_the_whole_file_has_no_path() {
        let whole = Problem { path: String::new(), hint: None, ..problem(None) };
        assert_eq!(whole.headline(), "schedules.toml:12:8: the list is empty");
    }
}
