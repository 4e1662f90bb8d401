//! The command line: one file a command group, text and JSON.
//!
//! Results go to standard output and everything else to standard error. Nothing here decides about APIs.

mod after_edit;
mod agent_settings;
mod approve;
pub mod args;
mod audit;
mod check;
mod client;
mod confirm;
mod connection;
mod coverage;
mod deliveries;
mod desk;
mod diff;
mod due;
mod edit_file;
mod editing;
mod exit;
mod explain;
mod fold;
mod health;
mod hosted;
mod iam;
mod ignore;
mod instant;
mod integrations;
mod listing;
mod logging;
mod naming;
mod output;
mod pause;
mod pick;
mod places;
mod progress;
mod registry;
mod reload;
mod run;
mod runs;
mod schedule;
mod schedule_keys;
mod setup;
mod signals;
mod spec;
mod start;
mod summary;
mod support;
mod targets;
mod test;
mod upcoming;
mod walk;

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Instant;

use clap::Parser;
use tokio::runtime::Runtime;

pub use exit::{Exit, Failure};

use args::{Cli, Command, Format, Targets};
use desk::Desk;
use logging::Usual;
use output::Output;

/// Runs one command line and says how it ended.
pub fn main(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Exit {
    let begun = Instant::now();
    let words: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(error) => {
            let shown = error.print();
            return if error.use_stderr() || shown.is_err() { Exit::Usage } else { Exit::Done };
        }
    };
    let usual = if matches!(cli.command, Command::Run(_)) { Usual::Runs } else { Usual::Warnings };
    logging::start(&cli.global, usual);
    #[cfg(debug_assertions)]
    if let Err(failure) = arm_crash() {
        return complain(&failure);
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&Failure::failed(format!("cannot start: {error}"))),
    };
    let mut output = Output::new(io::stdout().lock());
    let ended = runtime.block_on(carry_out(&cli, &words, begun, &mut output));
    // A question on the terminal or a look that was given up may still hold a thread; nobody waits for it.
    runtime.shutdown_background();
    ended.unwrap_or_else(|failure| complain(&failure))
}

/// Two threads at least, also where there is one processor: one that is busy must not keep the other from the clock. The variable that
/// tokio itself knows goes before.
fn runtime() -> io::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let few = std::thread::available_parallelism().is_ok_and(|threads| threads.get() < 2);
    if few && crate::environment::path("TOKIO_WORKER_THREADS").is_none() {
        builder.worker_threads(2);
    }
    builder.enable_all().build()
}

/// Debug builds die at the commit that `ABOARD_CRASH_AT` names, so that tests can prove what a crash leaves behind.
#[cfg(debug_assertions)]
fn arm_crash() -> Result<(), Failure> {
    const CRASH_AT: &str = "ABOARD_CRASH_AT";
    let refuse = |message: String| Failure::usage(format!("{CRASH_AT}: {message}"));
    match crate::environment::text(CRASH_AT).map_err(|error| Failure::usage(error.to_string()))? {
        Some(point) => crate::registry::arm_crash(&point).map_err(refuse),
        None => Ok(()),
    }
}

/// Says something beside the result.
fn say(text: &str) {
    // Where standard error is closed nobody can be told.
    let _ = writeln!(io::stderr().lock(), "aboard: {text}");
}

/// Who runs this process, for the history.
fn actor() -> String {
    let uid = nix::unistd::Uid::current();
    match nix::unistd::User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => format!("uid {uid}"),
    }
}

fn complain(failure: &Failure) -> Exit {
    say(&failure.to_string());
    failure.exit
}

/// Whether a command prints one table of equal rows.
fn has_csv(command: &Command) -> bool {
    matches!(
        command,
        Command::Apis(_)
            | Command::Audit(_)
            | Command::Coverage(_)
            | Command::Deliveries(args::Deliveries { id: None, action: None, .. })
            | Command::Runs { id: None, .. }
            | Command::Connection(args::Connection::List)
    )
}

async fn carry_out<W: Write>(
    cli: &Cli,
    words: &[OsString],
    begun: Instant,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    let Cli { global, command } = cli;
    // Before anything is done: a command that was refused must not have changed anything.
    if global.output == Format::Csv && !has_csv(command) {
        return Err(Failure::usage(
            "only lists can be printed as csv: apis, audit, coverage, connection list, and deliveries and runs without a number",
        )
        .hint("use -o text or -o json"));
    }
    match command {
        Command::Run(asked) => run::run(global, asked, begun).await,
        Command::Check { next } => check::check(global, *next, output),
        Command::Audit(asked) => audit::audit(global, asked, output),
        Command::Reload(asked) => reload::reload(global, asked, output).await,
        Command::Health(asked) => health::health(global, asked, output).await,
        Command::Apis(filters) => listing::apis(global, filters, output),
        Command::Explain { api } => explain::explain(global, api, output),
        Command::Spec(asked) => spec::spec(global, asked, output),
        Command::Runs { id, connection, limit } => runs::runs(global, *id, connection.as_deref(), *limit, output),
        Command::Coverage(asked) => coverage::coverage(global, asked, output),
        Command::Deliveries(asked) if asked.action.is_none() => deliveries::list(global, asked, output),
        Command::Targets(Targets::List) => targets::list(global, output),
        Command::Schedule(action) => schedule::schedule(global, action, output).await,
        Command::Connection(action) => connection::connection(global, action, output).await,
        // Who assumes a role is asked with the worker's credentials where there is a worker.
        Command::Iam(asked) if !asked.asks_aws() => iam::iam(&Desk::own(global), asked, output).await,
        Command::Registry(action) => registry::registry(global, action, output),
        Command::Schema => support::schema(output),
        Command::Completions { shell } => support::completions(*shell, output),
        Command::Man { dir } => support::man(dir.as_deref(), output),
        _ => by_worker_or_here(cli, words, output).await,
    }
}

/// Carries out what is the worker's where one has the registry, and else here.
async fn by_worker_or_here<W: Write>(cli: &Cli, words: &[OsString], output: &mut Output<W>) -> Result<Exit, Failure> {
    let desk = Desk::own(&cli.global);
    match client::worker(&cli.global).await? {
        Some(worker) => {
            if let Some(why) = client::bad_file(&cli.global) {
                say(&format!("warning: {why}; the running worker goes on by what it had"));
            }
            let call = client::call(&cli.global, words)?;
            worker.carry_out(&desk, call, hosted::ends_cleanly(&cli.command), output).await
        }
        None => hosted::carry_out(&desk, &cli.command, output).await,
    }
}
