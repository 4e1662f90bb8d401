//! Serves a fleet from arguments, for benchmarks against other tools; see `--help`.

use std::collections::{BTreeSet, HashMap};
use std::process::ExitCode;
use std::time::Duration;

use aboard_simulator::{Fleet, Per, Simulator, Throttle, World};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

const USAGE: &str = "\
usage: aboard-simulator [OPTION VALUE]…

  --accounts N      accounts of the organization (3)
  --regions N       regions of each account, at most 17 (2)
  --rest N          REST APIs per account and region (40)
  --http N          HTTP and WebSocket APIs per account and region (7)
  --stages N        stages of each API (2)
  --latency-ms N    how long an answer takes (50)
  --rate N          API Gateway calls per second; 0 = no quota (0)
  --burst N         calls that may come at once (40)
  --per region|account   whose calls share a quota (region)
  --port N          loopback port; 0 = a free one (0)

Prints its URL, access keys and regions, serves until its standard input ends or SIGTERM or SIGINT arrives, then prints
what it counted as one line of JSON. Times in it are milliseconds since the URL was printed.
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut given = HashMap::new();
    while let Some(name) = arguments.next() {
        if name == "--help" || name == "-h" {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        let value = arguments.next().unwrap_or_default();
        given.insert(name, value);
    }
    match serve(given) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("aboard-simulator: {problem}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn serve(mut given: HashMap<String, String>) -> Result<(), String> {
    let mut number = |name: &str, default: u32| match given.remove(name) {
        None => Ok(default),
        Some(text) => text.parse::<u32>().map_err(|_| format!("{name} needs a number, not `{text}`")),
    };
    let accounts = number("--accounts", 3)? as usize;
    let regions = number("--regions", 2)? as usize;
    let (rest, http) = (number("--rest", 40)? as usize, number("--http", 7)? as usize);
    let stages = number("--stages", 2)? as usize;
    let latency = Duration::from_millis(u64::from(number("--latency-ms", 50)?));
    let (rate, burst) = (number("--rate", 0)?, number("--burst", 40)?);
    let port = number("--port", 0)?;
    let port = u16::try_from(port).map_err(|_| format!("--port cannot be {port}"))?;
    let per = match given.remove("--per").as_deref() {
        None | Some("region") => Per::Region,
        Some("account") => Per::Account,
        Some(other) => return Err(format!("--per is region or account, not `{other}`")),
    };
    if let Some(unknown) = given.keys().next() {
        return Err(format!("unknown option `{unknown}`"));
    }

    let mut world = World::fleet(accounts, regions, rest, http, stages).latency(latency);
    if rate > 0 {
        world = world.throttle(Throttle { rate: f64::from(rate), burst: f64::from(burst), per });
    }
    let simulator = Simulator::listen(world, port).map_err(|error| format!("cannot listen on port {port}: {error}"))?;
    // A reader who takes the first line as the origin of time is right to within the time of a print.
    simulator.reset_counts();
    println!("url {}", simulator.url());
    println!("central_role {}", Fleet::central_role_arn());
    for index in 0..accounts {
        println!("access_key {} account {}", Fleet::access_key(index), Fleet::account_id(index));
    }
    println!("regions {}", Fleet::regions(regions).join(" "));
    wait_for_the_end().map_err(|error| format!("cannot wait for signals: {error}"))?;
    println!("{}", counted(&simulator));
    Ok(())
}

fn wait_for_the_end() -> std::io::Result<()> {
    let (ended, end_of_input) = oneshot::channel();
    std::thread::spawn(move || {
        // What is written to the input does not matter, only that it ends.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = end_of_input => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}

/// The counts for another program; `buckets` are what AWS's quota of each account and region counts.
fn counted(simulator: &Simulator) -> Value {
    let counts = simulator.counts();
    let operations: Vec<Value> = simulator
        .arrivals()
        .into_iter()
        .map(|(operation, arrivals)| {
            json!({
                "operation": operation.to_string(),
                "calls": counts.of(operation),
                "first_ms": u64::try_from(arrivals.first.as_millis()).unwrap_or(u64::MAX),
                "last_ms": u64::try_from(arrivals.last.as_millis()).unwrap_or(u64::MAX),
                "per_second": arrivals.per_second,
            })
        })
        .collect();
    let refused = |place| counts.throttled_by_region.get(place).copied().unwrap_or_default();
    let buckets: Vec<Value> = counts
        .by_region
        .iter()
        .map(|(place, calls)| {
            json!({"account": place.0, "region": place.1, "calls": calls, "throttled": refused(place)})
        })
        .collect();
    let unknown_paths: BTreeSet<String> =
        simulator.log().into_iter().filter(|call| call.operation.is_none()).map(|call| call.path).collect();
    json!({
        "calls": counts.calls,
        "throttled": counts.throttled,
        "unknown": counts.unknown,
        "unknown_paths": unknown_paths.into_iter().take(20).collect::<Vec<_>>(),
        "peak_in_flight": counts.peak_in_flight,
        "operations": operations,
        "buckets": buckets,
    })
}
