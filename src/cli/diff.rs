//! The difference of two texts, line by line, as `diff -U0` writes it.
//!
//! Without context lines: what stands beside a change may be what people do not want on a screen.

use std::fmt::Write;

/// The difference, without its two first lines where the texts are equal: then it is empty.
#[must_use]
pub(super) fn unified(old: &str, new: &str, old_name: &str, new_name: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let mut text = String::new();
    for hunk in hunks(&old, &new) {
        if text.is_empty() {
            let _ = writeln!(text, "--- {old_name}\n+++ {new_name}");
        }
        let Hunk { old: gone, new: come } = hunk;
        let _ = writeln!(text, "@@ -{} +{} @@", extent(&gone), extent(&come));
        for (mark, line) in old[gone].iter().map(|line| ('-', line)).chain(new[come].iter().map(|line| ('+', line))) {
            let shown = line.trim_end_matches(['\r', '\n']);
            let _ = writeln!(text, "{mark}{shown}");
            if !line.ends_with('\n') {
                text.push_str("\\ No newline at end of file\n");
            }
        }
    }
    text
}

struct Hunk {
    old: std::ops::Range<usize>,
    new: std::ops::Range<usize>,
}

/// `line,count`; of no lines, the line before them.
fn extent(lines: &std::ops::Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        count => format!("{},{count}", lines.start + 1),
    }
}

/// The places where the texts differ, by the shortest way from one to the other (Myers 1986). Few lines change in an edit, so the
/// states of each step are kept for the way back.
fn hunks(old: &[&str], new: &[&str]) -> Vec<Hunk> {
    let (rows, columns) = (old.len(), new.len());
    let offset = rows + columns + 1;
    // The furthest row reached on each diagonal `row - column`.
    let mut furthest = vec![0_usize; 2 * offset + 1];
    let mut states: Vec<Vec<usize>> = Vec::new();
    'search: for steps in 0..=rows + columns {
        states.push(furthest[offset - steps..=offset + steps].to_vec());
        for index in (offset - steps..=offset + steps).step_by(2) {
            let down =
                index == offset - steps || (index != offset + steps && furthest[index - 1] < furthest[index + 1]);
            let mut row = if down { furthest[index + 1] } else { furthest[index - 1] + 1 };
            let mut column = row + offset - index;
            while row < rows && column < columns && old[row] == new[column] {
                (row, column) = (row + 1, column + 1);
            }
            furthest[index] = row;
            if row >= rows && column >= columns {
                break 'search;
            }
        }
    }
    back(&states, rows, columns)
}

/// The way back from the end: each step takes out or puts in one line, and what lies between is equal.
fn back(states: &[Vec<usize>], mut row: usize, mut column: usize) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    for (steps, state) in states.iter().enumerate().skip(1).rev() {
        // `state` holds the diagonals from -steps to steps as they were before this step.
        let index = row + steps - column;
        let reached = |index: usize| state.get(index).copied().unwrap_or_default();
        let down = index == 0 || (index != 2 * steps && reached(index - 1) < reached(index + 1));
        let before = if down { reached(index + 1) } else { reached(index - 1) };
        // Row and column after the step, before the equal lines.
        let (to_row, to_column) =
            if down { (before, before + steps - index) } else { (before + 1, before + 1 + steps - index) };
        let (old, new) =
            if down { (to_row..to_row, to_column - 1..to_column) } else { (before..to_row, to_column..to_column) };
        match hunks.last_mut() {
            Some(next) if next.old.start == old.end && next.new.start == new.end => {
                (next.old.start, next.new.start) = (old.start, new.start);
            }
            _ => hunks.push(Hunk { old: old.clone(), new: new.clone() }),
        }
        (row, column) = (old.start, new.start);
    }
    hunks.reverse();
    hunks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_difference_reads_as_that_of_diff() {
        let (old, new) = ("a\nb\nc\nd\n", "a\nx\nc\nd\ne");
        assert_eq!(
            unified(old, new, "one", "two"),
            "--- one\n+++ two\n@@ -2 +2 @@\n-b\n+x\n@@ -4,0 +5 @@\n+e\n\\ No newline at end of file\n"
        );
        assert_eq!(unified("a\n", "a\n", "one", "two"), "");
        assert_eq!(unified("", "a\n", "one", "two"), "--- one\n+++ two\n@@ -0,0 +1 @@\n+a\n");
        assert_eq!(unified("a\nb\n", "", "one", "two"), "--- one\n+++ two\n@@ -1,2 +0,0 @@\n-a\n-b\n");
    }

    proptest! {
        #[test]
        fn the_hunks_lead_from_one_text_to_the_other(
            old in proptest::collection::vec(0_u8..4, 0..12),
            new in proptest::collection::vec(0_u8..4, 0..12),
        ) {
            const LINES: [&str; 4] = ["a\n", "b\n", "c\n", "d\n"];
            let lines = |of: &[u8]| of.iter().map(|line| LINES[usize::from(*line)]).collect::<Vec<_>>();
            let (old, new) = (lines(&old), lines(&new));
            let (mut made, mut at) = (Vec::new(), 0);
            for hunk in hunks(&old, &new) {
                made.extend_from_slice(&old[at..hunk.old.start]);
                made.extend_from_slice(&new[hunk.new]);
                at = hunk.old.end;
            }
            made.extend_from_slice(&old[at..]);
            prop_assert_eq!(made, new);
        }
    }
}
