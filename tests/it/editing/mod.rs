//! Schedules and connections are changed from the command line, and the file stays its owner's.

mod connections;
mod files;
mod following;
mod schedules;

use std::fs;

use crate::support::Home;
use crate::support::shop::schedules as shop_file;

/// An address at which nobody answers.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A file as people write them, with a schedule.
const COMMENTED: &str = "# Ours.\n\n[connections.shop] # the shop\nregions = ['eu-west-1']\ncredentials.default_chain = {}\n\n\
                         # Every week.\n[connections.shop.auto_onboard]\nday = 'monday' # not Sunday\ntime = \"02:30\"\n\
                         timezone = \"Europe/London\"\n\n# The end.\n";

fn home(text: &str) -> Home {
    Home::new(NOWHERE, text)
}

/// The shop's file without a schedule.
fn unscheduled() -> Home {
    home(&shop_file("regions = [\"eu-west-1\"]"))
}

fn text(home: &Home) -> String {
    fs::read_to_string(home.path("schedules.toml")).unwrap()
}

/// Runs a command line that must be refused with this exit code and these words, and must leave the file as it was.
fn refused(home: &Home, words: &[&str], code: i32, said: &[&str]) -> String {
    let before = text(home);
    let refusal = home.run(words);
    assert_eq!(refusal.code, Some(code), "{words:?}: {refusal:?}");
    for part in said {
        assert!(refusal.stderr.contains(part), "{words:?}: `{part}` is not in {}", refusal.stderr);
    }
    assert_eq!(text(home), before, "{words:?}");
    refusal.stderr
}
