//! The main job on a simulated AWS account: `cargo run --example demo`.
//!
//! Starts the simulator and a webhook receiver on loopback ports, writes a small schedule file, and runs the commands that a person
//! would type, each as a process of its own. Nothing but the loopback interface is used, and everything is in a temporary folder.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it shows something to a person")]

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::mpsc::{Receiver, Sender, channel};

use aboard_simulator::{Domain, HttpApi, RestApi, Simulator, World};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";

const SCHEDULES: &str = r#"[targets.catalog.webhook]
url = "http://127.0.0.1:PORT/hooks/apis"
secret = "env:DEMO_WEBHOOK_SECRET"

[targets.specs.directory]
path = "specs"

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
    let (port, events) = receiver()?;
    let schedules = SCHEDULES.replace("PORT", &port.to_string());
    fs::write(folder.path().join("schedules.toml"), &schedules)?;
    println!(
        "A simulated AWS account answers at {}; the schedule file is\n\n{}",
        simulator.url(),
        indented(&schedules)
    );

    let aboard = |words: &str| run(&simulator, folder.path(), words);
    say("Is the file good, and do the credentials allow what it needs?");
    aboard("check")?;
    aboard("test shop")?;
    say("What is there, and what would be done? (Writes nothing.)");
    aboard("discover shop")?;
    say("Do it.");
    aboard("onboard shop")?;
    received(&events);
    aboard("apis")?;
    say("A team publishes one more API. The next run onboards that one and nothing else.");
    simulator.change(|world| {
        world.region(ACCOUNT, REGION).add_rest(RestApi::new("payments").id("paymentsa1").stage("prod"));
    });
    aboard("onboard shop")?;
    received(&events);
    say("What does it offer?");
    aboard("spec paymentsa1 --list")?;
    say("And why is the sandbox not there?");
    aboard("explain sandboxap1")?;
    aboard("registry info")?;
    Ok(())
}

/// What the webhook receiver was sent since it was last asked.
fn received(events: &Receiver<serde_json::Value>) {
    println!("\nThe webhook receiver was sent:");
    for event in events.try_iter() {
        let (api, key) = (&event["data"]["api"], event["id"].as_str().unwrap_or_default());
        let urls: Vec<&str> =
            event["data"]["instances"].as_array().into_iter().flatten().filter_map(|at| at["url"].as_str()).collect();
        let (kind, name) = (event["type"].as_str().unwrap_or_default(), api["name"].as_str().unwrap_or_default());
        println!("    {kind}  {name}  {}  (key {}…)", urls.join(" "), key.get(..12).unwrap_or(key));
    }
}

/// A webhook receiver that takes everything; the real one would verify the signature.
fn receiver() -> std::io::Result<(u16, Receiver<serde_json::Value>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let (took, taken) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let took = took.clone();
            std::thread::spawn(move || take(connection, &took));
        }
    });
    Ok((port, taken))
}

/// Takes one request after the other until the other side goes away.
fn take(mut connection: TcpStream, took: &Sender<serde_json::Value>) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    loop {
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or_default();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        // Whoever shows them may have gone.
        let _ = took.send(serde_json::from_slice(&body).unwrap_or_default());
        connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    }
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
        .env("DEMO_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .env_remove("ABOARD_CONFIG")
        .env_remove("ABOARD_REGISTRY")
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("aboard {words} ended with {status}").into()) }
}
