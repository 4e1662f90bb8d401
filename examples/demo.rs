//! The main job on a simulated AWS account: `cargo run --example demo`.
//!
//! Starts the simulator on a loopback port, writes a small schedule file, and runs the commands that a person would type,
//! each as a process of its own. Nothing but the loopback interface is used, and everything is in a temporary folder.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it shows something to a person")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use aboard_simulator::{Domain, HttpApi, RestApi, Simulator, World};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

const SCHEDULES: &str = r#"[targets.catalog.webhook]
url = "https://catalog.example.com/hooks/apis"

[connections.shop]
regions = ["eu-west-1", "eu-west-2"]
stages = ["prod", "$default"]
exclude = { names = ["*-sandbox"] }

[connections.shop.credentials.aws_user]
access_key_id = "AKIADEMODEMODEMODEMO"
secret_access_key = "env:DEMO_SECRET"

[connections.shop.auto_onboard]
frequency = "weekly"
day = "monday"
time = "02:30"
timezone = "Europe/London"
"#;

/// The example starts itself with this as its first argument to be `aboard`.
const AS_ABOARD: &str = "as-aboard";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let own_name = arguments.next();
    if arguments.next().is_some_and(|first| first == AS_ABOARD) {
        return aboard::cli::main(own_name.into_iter().chain(arguments)).into();
    }
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn show() -> Result<(), Box<dyn Error>> {
    let world = World::new()
        .user("AKIADEMODEMODEMODEMO", ACCOUNT)
        .rest(ACCOUNT, REGION, RestApi::new("orders").id("ordersapi1").tag("team", "shop").stage("prod"))
        .rest(ACCOUNT, REGION, RestApi::new("orders-sandbox").id("sandboxap1").stage("prod"))
        .rest(ACCOUNT, "eu-west-2", RestApi::new("reports").id("reportsap1").stage("dev"))
        .http(ACCOUNT, REGION, HttpApi::new("basket").id("basketapi1").stage("$default"))
        .http(ACCOUNT, REGION, HttpApi::websocket("live-prices").id("pricesapi1").stage("prod"))
        .domain(ACCOUNT, REGION, Domain::new("api.shop.example").mapping("orders", "ordersapi1", "prod"));
    let simulator = Simulator::start(world);
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("schedules.toml"), SCHEDULES)?;
    println!("A simulated AWS account answers at {}; the schedule file is\n\n{}", simulator.url(), indented(SCHEDULES));

    let aboard = |words: &str| run(&simulator, folder.path(), words);
    say("Is the file good, and do the credentials allow what it needs?");
    aboard("check")?;
    aboard("test shop")?;
    say("What is there, and what would be done? (Writes nothing.)");
    aboard("discover shop")?;
    say("Do it.");
    aboard("onboard shop")?;
    aboard("apis")?;
    say("A team publishes one more API. The next run onboards that one and nothing else.");
    simulator.change(|world| {
        world.region(ACCOUNT, REGION).add_rest(RestApi::new("payments").id("paymentsa1").stage("prod"));
    });
    aboard("onboard shop")?;
    say("And why is the sandbox not there?");
    aboard("explain sandboxap1")?;
    aboard("registry info")?;
    Ok(())
}

fn say(text: &str) {
    println!("\n# {text}");
}

fn indented(text: &str) -> String {
    text.lines().flat_map(|line| ["    ", line, "\n"]).collect()
}

fn run(simulator: &Simulator, folder: &Path, words: &str) -> Result<(), Box<dyn Error>> {
    println!("\n$ aboard {words}");
    let status: ExitStatus = Command::new(std::env::current_exe()?)
        .arg(AS_ABOARD)
        .args(words.split(' '))
        .current_dir(folder)
        .env("AWS_ENDPOINT_URL", simulator.url())
        .env("DEMO_SECRET", "a secret that the simulator does not check")
        .env_remove("ABOARD_CONFIG")
        .env_remove("ABOARD_REGISTRY")
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("aboard {words} ended with {status}").into()) }
}
