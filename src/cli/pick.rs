//! `--pick`: asks on the terminal which of the new APIs to register.

use std::io::{self, BufRead, IsTerminal, Write};

use super::exit::Failure;
use super::output::one_line;
use crate::worker::{Candidate, Pick};

/// A person at the terminal.
#[derive(Debug)]
pub(super) struct Terminal(());

impl Terminal {
    /// # Errors
    /// Nobody is there to ask.
    pub(super) fn new() -> Result<Self, Failure> {
        if io::stdin().is_terminal() && io::stderr().is_terminal() { Ok(Self(())) } else { Err(nobody()) }
    }
}

/// Nobody is there to ask.
pub(super) fn nobody() -> Failure {
    Failure::usage("--pick asks on a terminal, and there is none").hint("name the APIs with --api instead")
}

impl Pick for Terminal {
    fn pick(&self, candidates: &[Candidate]) -> Result<Vec<bool>, String> {
        ask(candidates, &mut io::stdin().lock(), &mut io::stderr().lock())
    }
}

fn ask(candidates: &[Candidate], input: &mut impl BufRead, output: &mut impl Write) -> Result<Vec<bool>, String> {
    let unreadable = |error: io::Error| format!("cannot ask on the terminal: {error}");
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    for (number, Candidate { id, name, urls }) in candidates.iter().enumerate() {
        writeln!(output, "{:>4}  {}  {id}", number + 1, one_line(name)).map_err(unreadable)?;
        for url in urls {
            writeln!(output, "        {url}").map_err(unreadable)?;
        }
    }
    loop {
        write!(output, "Register which? Numbers and ranges (1 3-5), all, or none: ").map_err(unreadable)?;
        output.flush().map_err(unreadable)?;
        let mut answer = String::new();
        if input.read_line(&mut answer).map_err(unreadable)? == 0 {
            return Err("the terminal was closed before an answer; nothing was registered".to_owned());
        }
        match chosen(&answer, candidates.len()) {
            Ok(chosen) => return Ok(chosen),
            Err(problem) => writeln!(output, "{problem}").map_err(unreadable)?,
        }
    }
}

fn chosen(answer: &str, count: usize) -> Result<Vec<bool>, String> {
    let answer = answer.trim();
    match answer {
        "all" => return Ok(vec![true; count]),
        "none" => return Ok(vec![false; count]),
        "" => return Err("say all, none, or which".to_owned()),
        _ => {}
    }
    let mut chosen = vec![false; count];
    for word in answer.split([' ', ',']).filter(|word| !word.is_empty()) {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let number = |text: &str| text.parse::<usize>().ok().filter(|number| (1..=count).contains(number));
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return Err(format!("{word} is no number or range from 1 to {count}"));
        };
        if first > last {
            return Err(format!("{word} runs backwards"));
        }
        chosen[first - 1..last].fill(true);
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(count: usize) -> Vec<Candidate> {
        let one = |number| Candidate { id: format!("1/r/{number}"), name: format!("api {number}"), urls: vec![] };
        (1..=count).map(one).collect()
    }

    #[test]
    fn numbers_and_ranges_choose_and_a_slip_is_asked_again() {
        let mut shown = Vec::new();
        let mut typed = "7\n2-1\n\n1, 3-4\n".as_bytes();
        let chosen = ask(&candidates(5), &mut typed, &mut shown).unwrap();
        assert_eq!(chosen, [true, false, true, true, false]);
        let shown = String::from_utf8(shown).unwrap();
        assert!(
            shown.contains("7 is no number or range from 1 to 5") && shown.contains("2-1 runs backwards"),
            "{shown}"
        );
    }

    #[test]
    fn an_end_of_input_registers_nothing() {
        assert!(
            ask(&candidates(1), &mut "".as_bytes(), &mut Vec::new()).unwrap_err().contains("nothing was registered")
        );
    }

    #[test]
    fn nobody_is_asked_where_there_is_nothing_to_choose() {
        assert_eq!(ask(&[], &mut "".as_bytes(), &mut Vec::new()), Ok(vec![]));
    }
}
