//! The parts of an inline table: what stands between its commas.
//!
//! The text is known to be TOML, so strings and brackets close.

use std::ops::Range;

/// The extents of the pairs of an inline table, each from its key to the end of its value, without blanks and comments around it.
/// `braces` is the table's extent.
pub(super) fn parts(text: &str, braces: &Range<usize>) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut at, close) = (braces.start + 1, braces.end - 1);
    let (mut parts, mut part): (Vec<Range<usize>>, Option<Range<usize>>) = (Vec::new(), None);
    let mut depth = 0_usize;
    while at < close {
        let next = match bytes[at] {
            b'#' => {
                at = line_end(bytes, at);
                continue;
            }
            b'"' | b'\'' => string_end(bytes, at),
            byte => {
                match byte {
                    b'[' | b'{' => depth += 1,
                    b']' | b'}' => depth = depth.saturating_sub(1),
                    b',' if depth == 0 => {
                        parts.extend(part.take());
                        at += 1;
                        continue;
                    }
                    _ => {}
                }
                at + 1
            }
        };
        if !bytes[at].is_ascii_whitespace() {
            part = Some(part.map_or(at, |part| part.start)..next);
        }
        at = next;
    }
    parts.extend(part);
    parts
}

/// The comma after a part, if there is one.
pub(super) fn comma_after(text: &str, part: &Range<usize>, braces: &Range<usize>) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = part.end;
    while at < braces.end - 1 {
        match bytes[at] {
            b'#' => at = line_end(bytes, at),
            b',' => return Some(at),
            _ => at += 1,
        }
    }
    None
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |found| at + found)
}

/// Where the string that begins at `at` ends.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let triple = bytes[at..].starts_with(&[quote; 3]);
    let mut end = at + if triple { 3 } else { 1 };
    while end < bytes.len() {
        match bytes[end] {
            b'\\' if quote == b'"' => end += 2,
            byte if byte != quote => end += 1,
            _ if !triple => return end + 1,
            _ if bytes[end..].starts_with(&[quote; 3]) => {
                end += 3;
                // Up to two more quotes belong to the text.
                let more = bytes[end..].iter().take(2).take_while(|byte| **byte == quote).count();
                return end + more;
            }
            _ => end += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(table: &str) -> Vec<&str> {
        parts(table, &(0..table.len())).into_iter().map(|part| &table[part]).collect()
    }

    #[test]
    fn commas_in_texts_lists_and_tables_separate_nothing() {
        assert_eq!(seen("{}"), Vec::<&str>::new());
        assert_eq!(
            seen("{ a = 1 , b.\"c,d\" = 'x,\\', e = [1, { f = 2, g = 3 }] }"),
            ["a = 1", "b.\"c,d\" = 'x,\\'", "e = [1, { f = 2, g = 3 }]"]
        );
        assert_eq!(seen("{ a = \"\"\"x,\"\"\"\"\", b = \"\\\",\" }"), ["a = \"\"\"x,\"\"\"\"\"", "b = \"\\\",\""]);
    }

    #[test]
    fn comments_are_no_part_of_a_pair() {
        let table = "{\n  # one, two\n  a = 1, # b = 2,\n  c = 3 # d }\n}";
        assert_eq!(seen(table), ["a = 1", "c = 3"]);
        let all = parts(table, &(0..table.len()));
        assert!(comma_after(table, &all[0], &(0..table.len())).is_some());
        assert_eq!(comma_after(table, &all[1], &(0..table.len())), None);
    }
}
