//! The real binary on a terminal of its own, with a person who answers.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use std::process::Command;

use super::{Home, Said};

impl Home {
    /// Runs a command line on a terminal of its own, and types `answer` when it is asked.
    pub(crate) fn on_a_terminal(&self, words: &[&str], answer: &str) -> Said {
        const PROGRAM: &str = "import os, pty, sys\n\
            answer = sys.argv[1].encode()\n\
            child, terminal = pty.fork()\n\
            if child == 0:\n\
            \x20   os.execv(sys.argv[2], sys.argv[2:])\n\
            seen = b''\n\
            while True:\n\
            \x20   try:\n\
            \x20       part = os.read(terminal, 65536)\n\
            \x20   except OSError:\n\
            \x20       break\n\
            \x20   if not part:\n\
            \x20       break\n\
            \x20   seen += part\n\
            \x20   if answer and b'Register which?' in seen:\n\
            \x20       os.write(terminal, answer)\n\
            \x20       answer = b''\n\
            sys.stdout.buffer.write(seen)\n\
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))";
        let aboard = self.command(words);
        let mut command = Command::new("python3");
        command.args(["-c", PROGRAM, answer]).arg(aboard.get_program()).args(aboard.get_args());
        command.current_dir(self.path(""));
        for (key, value) in aboard.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        command.env("TERM", "xterm");
        Said::of(command.output().unwrap())
    }
}
