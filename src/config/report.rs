//! Collects what is wrong while a file is read, and clears at the end what of its lines may be shown.
//!
//! Lines can only be cleared when the whole file was walked: a secret may share its line with an earlier mistake.

use std::ops::Range;

use super::Place;
use super::problem::{Excerpt, Problem};

/// A message with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Complaint {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(super) fn maybe(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }
}

/// How much of a line must not be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cover {
    /// Nothing of any line that it touches: a secret.
    Line,
    /// Nothing from its beginning on: a value that nobody knows the meaning of.
    Value,
}

#[derive(Debug)]
struct Finding {
    span: Range<usize>,
    path: String,
    complaint: Complaint,
}

/// The findings about one file.
#[derive(Debug)]
pub(super) struct Report<'a> {
    text: &'a str,
    file: String,
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
    covers: Vec<(Range<usize>, Cover)>,
}

impl<'a> Report<'a> {
    pub(super) fn new(text: &'a str, place: &Place) -> Self {
        let file = place.file().display().to_string();
        Self { text, file, errors: Vec::new(), warnings: Vec::new(), covers: Vec::new() }
    }

    pub(super) fn error(&mut self, span: &Range<usize>, path: &str, complaint: Complaint) {
        self.errors.push(Finding { span: span.clone(), path: path.to_owned(), complaint });
    }

    pub(super) fn warning(&mut self, span: &Range<usize>, path: &str, complaint: Complaint) {
        self.warnings.push(Finding { span: span.clone(), path: path.to_owned(), complaint });
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// A secret is there: no line that it touches is ever shown.
    pub(super) fn cover_secret(&mut self, span: &Range<usize>) {
        self.covers.push((span.clone(), Cover::Line));
    }

    /// Something unknown is there, which may be a misplaced secret: its line is shown up to it at most.
    pub(super) fn cover_unknown(&mut self, span: &Range<usize>) {
        self.covers.push((span.clone(), Cover::Value));
    }

    /// Errors and warnings, each in the order of the file.
    pub(super) fn finish(mut self) -> (Vec<Problem>, Vec<Problem>) {
        let lines = Lines::new(self.text);
        let errors = std::mem::take(&mut self.errors);
        let warnings = std::mem::take(&mut self.warnings);
        (self.problems(&lines, errors), self.problems(&lines, warnings))
    }

    fn problems(&self, lines: &Lines<'_>, mut findings: Vec<Finding>) -> Vec<Problem> {
        findings.sort_by_key(|finding| finding.span.start);
        findings.into_iter().map(|finding| self.problem(lines, finding)).collect()
    }

    fn problem(&self, lines: &Lines<'_>, finding: Finding) -> Problem {
        let Finding { span, path, complaint } = finding;
        let (number, line) = lines.at(span.start);
        let start = lines.boundary(span.start.clamp(line.start, line.end));
        let before = lines.text[line.start..start].chars().count();
        let excerpt = self.excerpt(lines, &line, &span, before);
        let Complaint { message, hint } = complaint;
        Problem { file: self.file.clone(), line: number, column: before + 1, path, message, hint, excerpt }
    }

    fn excerpt(&self, lines: &Lines<'_>, line: &Range<usize>, span: &Range<usize>, before: usize) -> Option<Excerpt> {
        // A finding about the file as a whole has no place in it.
        if *span == (0..0) {
            return None;
        }
        let touching = || self.covers.iter().filter(|(cover, _)| cover.start < line.end && line.start < cover.end);
        if touching().any(|(cover, kind)| *kind == Cover::Line || cover.start < line.start) {
            return None;
        }
        let covered_from = touching().map(|(cover, _)| cover.start).min();
        // The place itself must be in what is left of the line.
        if covered_from.is_some_and(|covered| covered < span.start) {
            return None;
        }
        // A comment is cut off: people leave old secrets in them. It is last on its line, hence after the place.
        let place_ends = if span.end <= line.end { span.end } else { span.start };
        let place_ends = lines.boundary(place_ends.clamp(line.start, line.end));
        let comment = lines.text[place_ends..line.end].find('#').map(|at| place_ends + at);
        let shown_to = covered_from.or(comment).unwrap_or(line.end).min(line.end);
        let shown = &lines.text[line.start..lines.boundary(shown_to)];
        // What is covered begins right after the blank behind its `=`, which stays; a comment takes its blanks along.
        let shown = if covered_from.is_some() { shown } else { shown.trim_end() };
        let visible = line.start..line.start + shown.len();
        let mut text = shown.to_owned();
        if covered_from.is_some() {
            text.push('…');
        }
        if text.trim().is_empty() || text.chars().any(|c| c.is_control() && c != '\t') {
            return None;
        }
        let end = lines.boundary(span.end.clamp(visible.start, visible.end));
        let start = lines.boundary(span.start.clamp(visible.start, end));
        let width = lines.text[start..end].chars().count().max(1);
        let before = before.min(text.chars().count());
        Some(Excerpt { text, before, width })
    }
}

/// Where the lines of a text begin.
#[derive(Debug)]
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The number, from 1, and the extent, without its end of line, of the line that `offset` is in.
    fn at(&self, offset: usize) -> (usize, Range<usize>) {
        let number = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(number.saturating_sub(1)).copied().unwrap_or_default();
        let line = self.text[start..].split('\n').next().unwrap_or_default();
        (number, start..start + line.trim_end_matches('\r').len())
    }

    /// The nearest character boundary at or before `offset`.
    fn boundary(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn single(text: &str, span: Range<usize>, cover: impl Fn(&mut Report<'_>)) -> Problem {
        let mut report = Report::new(text, &Place::new(Path::new("s.toml")));
        report.error(&span, "key", Complaint::new("is wrong"));
        cover(&mut report);
        report.finish().0.remove(0)
    }

    #[test]
    fn columns_count_characters_and_carets_end_with_their_line() {
        let problem = single("a = 1\r\n\"äöü\" = [\n1]\r\n", 16..22, |_| {});
        assert_eq!((problem.line, problem.column), (2, 7));
        let problem = single("é = [\n1]", 5..9, |_| {});
        assert_eq!(problem.excerpt.unwrap(), Excerpt { text: "é = [".to_owned(), before: 4, width: 1 });
    }

    #[test]
    fn a_line_that_a_secret_touches_is_not_shown() {
        let text = "x = { a = 1, s = '''one\ntwo''', b = 2 }\ny = 1";
        for span in [6..7, 32..33] {
            assert_eq!(single(text, span, |report| report.cover_secret(&(17..30))).excerpt, None);
        }
        assert!(single(text, 40..41, |report| report.cover_secret(&(17..30))).excerpt.is_some());
    }

    #[test]
    fn a_line_with_an_unknown_value_is_shown_up_to_it() {
        let problem = single("tokn = \"hunter2\"", 0..4, |report| report.cover_unknown(&(7..16)));
        assert_eq!(problem.excerpt.unwrap(), Excerpt { text: "tokn = …".to_owned(), before: 0, width: 4 });
        let after = single("a = [\n1], b", 10..11, |report| report.cover_unknown(&(4..8)));
        assert_eq!(after.excerpt, None);
    }

    #[test]
    fn a_comment_is_not_shown() {
        let problem = single("a = \"#1\" # hunter2", 4..8, |_| {});
        assert_eq!(problem.excerpt.unwrap(), Excerpt { text: "a = \"#1\"".to_owned(), before: 4, width: 4 });
        let problem = single("a = [ # hunter2\n]", 4..17, |_| {});
        assert_eq!(problem.excerpt.unwrap(), Excerpt { text: "a = [".to_owned(), before: 4, width: 1 });
    }

    #[test]
    fn findings_come_in_the_order_of_the_file() {
        let mut report = Report::new("a\nb\nc", &Place::new(Path::new("s.toml")));
        for at in [4, 0, 2] {
            report.error(&(at..at + 1), "", Complaint::new("is wrong"));
        }
        let (errors, _) = report.finish();
        assert_eq!(errors.iter().map(|problem| problem.line).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
