//! The Backstage target: its file as other YAML readers see it, and against Backstage's own catalog.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aboard_simulator::{RestApi, Simulator};
use serde_json::Value;

use crate::http::Site;
use crate::support::shop::{self, ACCOUNT, REGION, count, meddle};
use crate::support::web::ask;
use crate::support::{Home, Running, venv};

const ONBOARD: [&str; 2] = ["onboard", "shop"];

fn schedules(target: &str) -> String {
    let limits = "[limits]\nrequests_per_second = 0\n[http]\nlisten = \"127.0.0.1:PORT\"\ntoken = \"env:SECRET\"\n";
    let port = free_port().to_string();
    let connection = shop::connection("shop", "regions = [\"eu-west-1\"]");
    format!("{limits}[targets.portal.backstage]\npath = \"catalog-info.yaml\"\n{target}\n{connection}")
        .replace("PORT", &port)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs until everything was told, or what is not was tried.
fn onboard(home: &Home) {
    home.ok(&ONBOARD);
    meddle(&home.registry(), "UPDATE deliveries SET export_until = NULL");
    home.ok(&ONBOARD);
}

/// Prints, one a line as JSON, the documents of a stream as Python's yaml module (YAML 1.1) reads them.
const READ: &str = "import json, sys, yaml\nfor one in yaml.safe_load_all(sys.stdin): print(json.dumps(one))";

#[test]
fn the_catalog_file_is_the_same_to_a_yaml_reader_and_is_served() {
    let odd = "Orders: \"v2\" #1\u{85}\u{2028}\u{7f} \u{1f600}";
    let world = shop::stocked().rest(ACCOUNT, REGION, shop::rest(odd, "oddapi0001").tag("team", "on"));
    let (_sim, home) = shop::open_with(world, &schedules("owner_tag = \"team\""));
    onboard(&home);
    let text = fs::read_to_string(home.path("catalog-info.yaml")).unwrap();
    let mut python = Command::new(venv::bin().join("python"));
    python.args(["-c", READ]).stdin(File::open(home.path("catalog-info.yaml")).unwrap());
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    let read: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let written: Vec<Value> = text.split("---\n").skip(1).map(|part| serde_json::from_str(part).unwrap()).collect();
    assert_eq!(read, written);
    assert_eq!(read.len(), 4);
    let odd_one = read.iter().find(|one| one["metadata"]["title"] == odd).unwrap();
    assert_eq!(odd_one["spec"]["owner"], "on", "a text, and no truth value");

    let site = Site::of(home.start(&["-v", "run"]));
    for path in ["/catalog/portal.yaml", "/catalog/portal"] {
        let answer = site.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/yaml")));
        assert_eq!(answer.body, text);
    }
    let answer = site.get("/catalog/portals.yaml");
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["hint"], "there are portal");
}

/// A Backstage with its catalog alone; it ends with the test.
struct Backstage {
    child: Child,
    address: SocketAddr,
}

impl Drop for Backstage {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Backstage {
    /// Installs it where it is not, and starts it. It may read from `source`.
    fn start(source: SocketAddr, folder: &Path) -> Self {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backstage");
        let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("backstage");
        fs::create_dir_all(&place).unwrap();
        for file in ["package.json", "index.js", "app-config.yaml"] {
            fs::copy(home.join(file), place.join(file)).unwrap();
        }
        if !place.join("node_modules/@backstage/plugin-catalog-backend").exists() {
            let words = ["install", "--no-package-lock", "--no-audit", "--no-fund"];
            let done = Command::new("npm").args(words).current_dir(&place).status();
            assert!(done.expect("npm, of Node 20 or 22").success(), "npm install");
        }
        let port = free_port();
        let log = File::create(folder.join("backstage.log")).unwrap();
        let child = Command::new("node")
            .args(["index.js", "--config", "app-config.yaml"])
            .current_dir(&place)
            .env("PORT", port.to_string())
            .env("SOURCE", source.to_string())
            .env("DATA", folder.join("backstage-data"))
            .env("TOKEN", crate::support::CANARY)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut backstage = Self { child, address };
        let until = Instant::now() + Duration::from_mins(2);
        while TcpStream::connect(address).is_err() || !backstage.is_up() {
            let said = || fs::read_to_string(folder.join("backstage.log")).unwrap_or_default();
            assert!(backstage.child.try_wait().unwrap().is_none(), "it ended: {}", said());
            assert!(Instant::now() < until, "it does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(500));
        }
        backstage
    }

    fn get(&self, path: &str) -> crate::support::web::Answer {
        let token = format!("Authorization: Bearer {}", crate::support::CANARY);
        ask(self.address, "GET", path, &[&token], "")
    }

    fn is_up(&self) -> bool {
        self.get("/api/catalog/entity-facets?facet=kind").status == 200
    }

    /// The entities of kind API by name, with their addresses.
    fn apis(&self) -> std::collections::BTreeMap<String, usize> {
        let answer = self.get("/api/catalog/entities?filter=kind=api&fields=metadata.name,metadata.links");
        let list: Value = serde_json::from_str(&whole(&answer)).unwrap();
        let entity = |one: &Value| {
            let name = one["metadata"]["name"].as_str().unwrap().to_owned();
            (name, one["metadata"]["links"].as_array().map_or(0, Vec::len))
        };
        list.as_array().unwrap().iter().map(entity).collect()
    }
}

/// The body of an answer, put together where it came in chunks.
fn whole(answer: &crate::support::web::Answer) -> String {
    if !answer.head.to_lowercase().contains("transfer-encoding: chunked") {
        return answer.body.clone();
    }
    let (mut body, mut rest) = (String::new(), answer.body.as_str());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        body.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    body
}

/// Has what waits tried again until nothing does.
fn until_delivered(home: &Home) {
    let until = Instant::now() + Duration::from_mins(5);
    loop {
        let waiting = "SELECT count(*) FROM deliveries WHERE state <> 'delivered'";
        if count(&home.registry(), waiting) == 0 {
            return;
        }
        assert!(Instant::now() < until, "{:#}", home.json(&["deliveries"]));
        meddle(&home.registry(), "UPDATE deliveries SET export_until = NULL");
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
#[ignore = "installs Backstage from npm, 400 MB: `cargo test --test it -- --ignored --nocapture a_real_backstage`"]
fn a_real_backstage_shows_forty_apis_the_change_of_one_and_ten_that_go() {
    let begun = Instant::now();
    let say = |what: &str| eprintln!("{:>6.1} s  {what}", begun.elapsed().as_secs_f64());
    let world = (0..40).fold(shop::world(), |world, number| {
        let api = RestApi::new(format!("Orders {number}")).id(format!("ordersap{number:02}")).stage("prod");
        world.rest(ACCOUNT, REGION, api.tag("team", "payments"))
    });
    let sim = Simulator::start(world);
    let source = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let folder = tempfile::tempdir().unwrap();
    let backstage = Backstage::start(source, folder.path());
    say("Backstage's catalog is up");
    let keys = format!(
        "url = \"http://{}\"\ntoken = \"env:SECRET\"\nlocation = \"http://{source}/catalog/portal.yaml\"\nowner_tag = \"team\"\n\
         retry = {{ first = \"2s\", max = \"5s\", give_up = \"10m\" }}",
        backstage.address
    );
    let text = schedules(&keys);
    let old = text.lines().find(|line| line.starts_with("listen")).unwrap().to_owned();
    let home = Home::new(&sim.url(), &text.replace(&old, &format!("listen = \"{source}\"")));
    let worker = Site::of(Running::start(home.command(&["-v", "run"])));

    home.ok(&ONBOARD);
    until_delivered(&home);
    let apis = backstage.apis();
    say(&format!("{} entities of kind API, such as {:?}", apis.len(), apis.first_key_value()));
    assert_eq!(apis.len(), 40);
    assert!(apis.values().all(|links| *links == 1));
    let answer = backstage.get("/api/catalog/entities/by-name/api/default/orders-7-111122223333-eu-west-1-ordersap07");
    let entity: Value = serde_json::from_str(&whole(&answer)).unwrap();
    let definition: Value = serde_json::from_str(entity["spec"]["definition"].as_str().unwrap()).unwrap();
    say(&format!("one: owner {}, openapi {}, {}", entity["spec"]["owner"], definition["openapi"], definition["info"]));
    assert!(definition["openapi"].as_str().unwrap().starts_with("3.0"));

    sim.change(|world| {
        world.region(ACCOUNT, REGION).edit_rest("ordersap07", |api| *api = api.clone().stage("beta"));
    });
    home.ok(&ONBOARD);
    until_delivered(&home);
    let apis = backstage.apis();
    let changed: Vec<_> = apis.iter().filter(|(_, links)| **links == 2).collect();
    say(&format!("changed: {changed:?}"));
    assert_eq!(changed.len(), 1);

    for number in 10..20 {
        sim.change(|world| assert!(world.region(ACCOUNT, REGION).remove(&format!("ordersap{number:02}"))));
    }
    home.ok(&ONBOARD);
    meddle(&home.registry(), "UPDATE apis SET absent_since = absent_since - 7200000");
    home.ok(&ONBOARD);
    until_delivered(&home);
    let apis = backstage.apis();
    say(&format!("{} entities of kind API after ten went", apis.len()));
    assert_eq!(apis.len(), 30);

    let tries =
        "SELECT group_concat(n || ' x ' || c, ', ') FROM (SELECT attempts n, count(*) c FROM deliveries GROUP BY 1)";
    let registry = rusqlite::Connection::open(home.registry()).unwrap();
    let attempts: String = registry.query_row(tries, [], |row| row.get(0)).unwrap();
    say(&format!("attempts x deliveries: {attempts}"));
    let notes = home.json(&["deliveries", "--state", "delivered"]);
    say(&format!("the last delivery: {}", notes[0]));
    drop(worker);
}
