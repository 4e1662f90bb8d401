//! The commands that need the worker's credentials or write its state. Where a worker runs, it carries them out.

use std::io::{self, Write};
use std::path::Path;

use clap::Parser;
use tokio::runtime::Handle;

use super::args::{Cli, Command};
use super::desk::Desk;
use super::exit::{Exit, Failure};
use super::output::Output;
use super::{approve, deliveries, iam, ignore, pause, targets, test, walk};
use crate::worker::control::{Call, Client};
use crate::worker::service::{Commands, ReloadTrigger, Service};

/// Whether a command ends cleanly when it is interrupted; the others end at once.
pub(super) fn ends_cleanly(command: &Command) -> bool {
    matches!(command, Command::Discover(_) | Command::Onboard(_) | Command::Deliveries(_))
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
        Command::Approve { connection } => approve::approve(desk, connection, output).await,
        Command::Ignore { api, reason, until } => ignore::ignore(desk, api, reason, *until, output),
        Command::Unignore { api } => ignore::unignore(desk, api, output),
        Command::Pause(pause) => pause::pause(desk, pause, output),
        Command::Iam(asked) => iam::iam(desk, asked, output).await,
        Command::Deliveries(asked) => deliveries::retry(desk, asked, output).await,
        Command::Targets(asked) => targets::targets(desk, asked, output).await,
        Command::Resume(which) => pause::resume(desk, which, output),
        _ => Err(Failure::usage("the worker carries out no such command")),
    }
}

/// Carries out in the worker's process what clients of its control socket want.
#[derive(Debug)]
pub(super) struct Hosted;

impl Commands for Hosted {
    fn run(&self, service: &Service, call: &Call, client: &Client) -> u8 {
        let words = std::iter::once("aboard").chain(call.args.iter().map(String::as_str));
        let cli = match Cli::try_parse_from(words) {
            Ok(cli) => cli,
            Err(error) => {
                client.err(&error.render().to_string());
                return Exit::Usage.code();
            }
        };
        let desk = Desk::of_client(cli.global, service, call, client);
        match other_file(service.file(), call) {
            None => take_up(&desk, service, call),
            Some(_) if desk.global.quiet => {}
            Some(theirs) => {
                let ours = service.file().display();
                desk.say(&format!("warning: the running worker follows {ours}, not {theirs}; what {ours} says counts"));
            }
        }
        let mut output = Output::new(Outlet { client, text: Vec::new() });
        let done = Handle::current().block_on(async {
            tokio::select! {
                biased;
                done = carry_out(&desk, &cli.command, &mut output) => done,
                () = desk.cancel.cancelled(), if !ends_cleanly(&cli.command) => Ok(Exit::Interrupted),
            }
        });
        if matches!(done, Ok(Exit::Interrupted)) && service.stop().is_cancelled() {
            desk.say("the worker was told to stop, and ended this too");
        }
        done.unwrap_or_else(|failure| {
            desk.say(&failure.to_string());
            failure.exit
        })
        .code()
    }
}

/// Whoever edits the file and gives a command at once means what the file says now, whether the worker has noticed or not.
fn take_up(desk: &Desk, service: &Service, call: &Call) {
    let Some(hash) = call.hash.as_ref().filter(|hash| **hash != service.reload_state().hash) else { return };
    let report = Handle::current().block_on(service.reload(ReloadTrigger::Command, false, Some(desk.actor.clone())));
    if *hash != service.reload_state().hash && !desk.global.quiet {
        let file = service.file().display();
        let why = report.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        desk.say(&format!("warning: {file} has changed and the worker goes on by what it had{why}"));
    }
}

/// The schedule file that the client would have followed, where it is not the worker's.
fn other_file<'a>(ours: &Path, call: &'a Call) -> Option<&'a str> {
    let theirs = call.file.as_deref()?;
    let ours = ours.canonicalize().ok()?;
    (ours != Path::new(theirs)).then_some(theirs)
}

/// Results on their way to a client.
#[derive(Debug)]
struct Outlet<'a> {
    client: &'a Client,
    text: Vec<u8>,
}

impl Write for Outlet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.client.out(&String::from_utf8_lossy(&self.text));
        self.text.clear();
        Ok(())
    }
}
