//! Asks before something stops.

use std::io::{self, BufRead, IsTerminal, Write};

use super::exit::{Exit, Failure};

/// Whether a person at the terminal agrees; without a terminal nobody is asked and the command is refused.
///
/// # Errors
/// Nobody can be asked, or the answer was not yes.
pub(super) fn confirm(what: &str, question: &str) -> Result<(), Failure> {
    if !is_possible() {
        return Err(Failure::usage(format!("{what}\nthis asks first, and there is no terminal"))
            .hint("say --yes to do it without being asked"));
    }
    let mut screen = io::stderr().lock();
    let asked = writeln!(screen, "{what}").and_then(|()| ask(question, &mut io::stdin().lock(), &mut screen));
    match asked {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure { exit: Exit::Failed, message: "nothing was changed".to_owned(), hint: None }),
        Err(error) => Err(Failure::failed(format!("cannot ask on the terminal: {error}"))),
    }
}

/// Whether somebody is there to be asked.
#[must_use]
pub(super) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The end of the input is a no.
fn ask(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<bool> {
    loop {
        write!(output, "{question} [y/N] ")?;
        output.flush()?;
        let mut answer = String::new();
        let ended = input.read_line(&mut answer)? == 0;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "n" | "no" | "" => return Ok(false),
            _ if ended => return Ok(false),
            _ => writeln!(output, "say yes or no")?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(typed: &str) -> (bool, String) {
        let mut shown = Vec::new();
        let agreed = ask("Do it?", &mut typed.as_bytes(), &mut shown).unwrap();
        (agreed, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for (typed, agreed) in [("y\n", true), ("YES\n", true), ("n\n", false), ("\n", false), ("", false)] {
            assert_eq!(answered(typed).0, agreed, "{typed:?}");
        }
        let (agreed, shown) = answered("sure\nyes\n");
        assert!(agreed && shown == "Do it? [y/N] say yes or no\nDo it? [y/N] ", "{shown}");
    }
}
