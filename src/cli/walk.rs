//! `discover` and `onboard`: runs over one connection or many, each shown as it ends.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use futures_util::StreamExt;
use futures_util::stream;

use super::args::{Discover, Format, Onboard, Where, Which};
use super::desk::{Desk, Schedules};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::{naming, summary};
use crate::config::{Config, Connection, Credentials, Regions};
use crate::registry::Outcome;
use crate::worker::report::RunReport;
use crate::worker::{self, Context, Mode, Pick, Request, Shelf, delivery};

/// Shows what is there; writes nothing.
pub(super) async fn discover<W: Write>(desk: &Desk, asked: &Discover, output: &mut Output<W>) -> Result<Exit, Failure> {
    let loaded = desk.load()?;
    let connections = within(chosen(desk, &loaded, &asked.which)?, &asked.which, &asked.place)?;
    let registry = desk.registry_to_look_at(&loaded)?;
    let requests =
        connections.into_iter().map(|connection| (connection, placed(Request::manual(Mode::Look), &asked.place)));
    walk(desk, &loaded, registry, requests.collect(), summary::Detail::Everything, output).await
}

/// Runs now, by the same rules as the schedule.
pub(super) async fn onboard<W: Write>(desk: &Desk, asked: &Onboard, output: &mut Output<W>) -> Result<Exit, Failure> {
    let loaded = desk.load()?;
    let connections = within(chosen(desk, &loaded, &asked.which)?, &asked.which, &asked.place)?;
    if let Some(target) = &asked.redeliver {
        tells(&loaded.config, target, &connections, asked.which.all)?;
    }
    // All that can be refused is refused before a registry is made.
    let pick: Option<Arc<dyn Pick>> = if asked.pick { Some(desk.asks()?) } else { None };
    asked.api.iter().try_for_each(|api| naming::parse(api).map(|_| ()))?;
    let (mode, registry) = if asked.dry_run {
        (Mode::Look, desk.registry_to_look_at(&loaded)?)
    } else {
        (Mode::Commit, desk.registry_of_run(&loaded)?)
    };
    let request = Request {
        apis: naming::resolve_all(&asked.api, &registry, asked.place.region.as_deref())?,
        stages: asked.stage.iter().cloned().collect::<BTreeSet<_>>(),
        past_max_new: asked.yes,
        pick,
        by: desk.actor.clone(),
        ..placed(Request::manual(mode), &asked.place)
    };
    let dated = |connection: Connection| {
        let published_after = asked.published_after.map(|day| midnight(day, &connection));
        let redeliver = asked.redeliver.clone().filter(|target| connection.targets.contains(target));
        (connection, Request { published_after, redeliver, ..request.clone() })
    };
    let detail = match asked {
        Onboard { api, .. } if !api.is_empty() => summary::Detail::Named,
        Onboard { dry_run: true, .. } => summary::Detail::Everything,
        _ if desk.global.verbose > 0 => summary::Detail::Everything,
        _ => summary::Detail::News,
    };
    walk(desk, &loaded, registry, connections.into_iter().map(dated).collect(), detail, output).await
}

fn placed(request: Request, place: &Where) -> Request {
    Request { account: place.account.clone(), region: place.region.clone(), ..request }
}

/// The connections that were named, in the order in which they were.
pub(super) fn chosen(desk: &Desk, loaded: &Schedules, which: &Which) -> Result<Vec<Connection>, Failure> {
    let config = &*loaded.config;
    if which.all {
        if config.connections.is_empty() && !desk.global.quiet {
            desk.say(&format!("there is nothing to do: {} has no connections", loaded.file.display()));
        }
        return Ok(config.connections.values().cloned().collect());
    }
    let find = |name: &String| config.connections.get(name).cloned().ok_or_else(|| naming::no_connection(config, name));
    let mut seen = BTreeSet::new();
    which.connections.iter().filter(|name| seen.insert(*name)).map(find).collect()
}

/// Those of the connections that look at the place that was asked for, as far as the file says. One that was named must.
fn within(connections: Vec<Connection>, which: &Which, place: &Where) -> Result<Vec<Connection>, Failure> {
    let mut inside = Vec::with_capacity(connections.len());
    let mut refused = None;
    for connection in connections {
        match outside(&connection, place) {
            None => inside.push(connection),
            Some(why) => refused = refused.or(Some(why)),
        }
    }
    match refused {
        Some(why) if !which.all || inside.is_empty() => Err(Failure::usage(why)),
        _ => Ok(inside),
    }
}

/// What is wrong about a place for a connection; nothing where only AWS can tell.
fn outside(connection: &Connection, place: &Where) -> Option<String> {
    let name = &connection.name;
    if let (Some(region), Regions::Named(regions)) = (&place.region, &connection.regions)
        && !regions.contains(region)
    {
        return Some(format!("{name} does not look at region {region}, only at {}", regions.join(", ")));
    }
    if let (Some(account), Credentials::AssumeRole(role)) = (&place.account, &connection.credentials)
        && role.role_arn.account_id != *account
    {
        return Some(format!("{name} does not look at account {account}, only at {}", role.role_arn.account_id));
    }
    None
}

/// Refuses a target that the connections do not register with; of all connections one is enough.
fn tells(config: &Config, target: &String, connections: &[Connection], all: bool) -> Result<(), Failure> {
    if !config.targets.contains_key(target) {
        return Err(naming::no_target(config, target));
    }
    let mut others = connections.iter().filter(|connection| !connection.targets.contains(target));
    match others.next() {
        Some(_) if all && connections.iter().any(|connection| connection.targets.contains(target)) => Ok(()),
        Some(_) if all => Err(Failure::usage(format!("no connection registers with target {target}"))),
        Some(Connection { name, targets, .. }) => {
            let failure = Failure::usage(format!("{name} does not register with target {target}"));
            Err(failure.hint(match targets.len() {
                0 => format!("{name} has no targets"),
                _ => format!("{name} registers with {}", targets.join(", ")),
            }))
        }
        None => Ok(()),
    }
}

/// The first instant of a day in the connection's time zone, or in UTC where it has no schedule.
fn midnight(day: NaiveDate, connection: &Connection) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    match &connection.auto_onboard {
        Some(auto) => crate::config::instant_of(midnight, auto.timezone),
        None => midnight.and_utc(),
    }
}

async fn walk<W: Write>(
    desk: &Desk,
    loaded: &Schedules,
    registry: Shelf,
    requests: Vec<(Connection, Request)>,
    detail: summary::Detail,
    output: &mut Output<W>,
) -> Result<Exit, Failure> {
    let config = &loaded.config;
    let context = desk.context(config, registry).await?;
    let _watch = desk.watch();
    // A question and a bar would write over each other.
    let asks = requests.iter().any(|(_, request)| request.pick.is_some());
    let bar = desk.follow(context.progress.clone(), desk.global.quiet || asks);
    let runs = stream::iter(&requests).map(|(connection, request)| run_and_deliver(&context, connection, request));
    let mut runs = std::pin::pin!(runs.buffered(config.limits.parallel_runs));
    let mut exits = Vec::with_capacity(requests.len());
    while let Some(walked) = runs.next().await {
        let (report, exit) = walked?;
        exits.push(exit);
        bar.hide_while(|| show(desk, &report, detail, output))?;
    }
    Ok(Exit::of_all(&exits))
}

/// A run, and then one attempt for what it queued and for what waits for those targets besides; the rest stays queued. How that
/// ended is settled here: whoever is interrupted while the result is shown has it whole.
async fn run_and_deliver(
    context: &Context,
    connection: &Connection,
    request: &Request,
) -> Result<(RunReport, Exit), Failure> {
    let before = if request.mode == Mode::Commit { delivery::mark(context).await? } else { 0 };
    let mut report = worker::run(context, connection, request).await;
    if report.run_id.is_some() && report.outcome != Outcome::Interrupted {
        report.targets =
            context.courier.first_attempts(context, std::slice::from_ref(&connection.name), before).await?;
        // What was still to be delivered waits.
        let waits = report.targets.values().any(|tally| tally.failed + tally.waiting > 0);
        if waits && context.cancel.is_cancelled() {
            return Ok((report, Exit::Interrupted));
        }
    }
    let exit = Exit::of_run(&report);
    Ok((report, exit))
}

fn show<W: Write>(
    desk: &Desk,
    report: &RunReport,
    detail: summary::Detail,
    output: &mut Output<W>,
) -> Result<(), Failure> {
    match desk.global.output {
        Format::Json => output.json(report),
        Format::Text | Format::Csv => summary::run(report, detail, output),
    }
}
