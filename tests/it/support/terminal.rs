//! A person at a terminal.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use std::process::Command;

use super::{Home, Said};

/// Runs a command line on a terminal of its own, and types `answer` when it asks `question`. What is seen there is its standard output.
pub(crate) fn on_a_terminal(home: &Home, words: &[&str], question: &str, answer: &str) -> Said {
    Said::of(at_a_terminal(home, words, question, answer).output().unwrap())
}

/// The same, to be started by the caller.
pub(crate) fn at_a_terminal(home: &Home, words: &[&str], question: &str, answer: &str) -> Command {
    const PROGRAM: &str = "import os, pty, sys\n\
        question, answer = sys.argv[1].encode(), sys.argv[2].encode()\n\
        child, terminal = pty.fork()\n\
        if child == 0:\n\
        \x20   os.execv(sys.argv[3], sys.argv[3:])\n\
        seen = b''\n\
        while True:\n\
        \x20   try:\n\
        \x20       part = os.read(terminal, 65536)\n\
        \x20   except OSError:\n\
        \x20       break\n\
        \x20   if not part:\n\
        \x20       break\n\
        \x20   seen += part\n\
        \x20   if answer and question in seen:\n\
        \x20       os.write(terminal, answer)\n\
        \x20       answer = b''\n\
        sys.stdout.buffer.write(seen)\n\
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))";
    let aboard = home.command(words);
    let mut command = Command::new("python3");
    command.args(["-c", PROGRAM, question, answer]).arg(aboard.get_program()).args(aboard.get_args());
    command.current_dir(home.path(""));
    for (key, value) in aboard.get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    command.env("TERM", "xterm");
    command
}
