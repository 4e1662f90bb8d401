//! The commands that need the worker's credentials or write its state. Where a worker runs, it carries them out.

use std::io::Write;

use super::args::Command;
use super::desk::Desk;
use super::exit::{Exit, Failure};
use super::output::Output;
use super::{approve, ignore, test, walk};

/// Whether a command ends cleanly when it is interrupted; the others end at once.
pub(super) fn ends_cleanly(command: &Command) -> bool {
    matches!(command, Command::Discover(_) | Command::Onboard(_))
}

/// Carries such a command out, wherever its desk stands.
pub(super) async fn carry_out<W: Write>(
    desk: &Desk,
    command: &Command,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    match command {
        Command::Test(which) => test::test(desk, which, output).await,
        Command::Discover(discover) => walk::discover(desk, discover, output).await,
        Command::Onboard(onboard) => walk::onboard(desk, onboard, output).await,
        Command::Approve { connection } => approve::approve(desk, connection, output),
        Command::Ignore { api, reason, until } => ignore::ignore(desk, api, reason, *until, output),
        Command::Unignore { api } => ignore::unignore(desk, api, output),
        _ => Err(Failure::usage("the worker carries out no such command")),
    }
}
