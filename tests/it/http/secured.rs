use std::fs;
use std::net::TcpListener;

use super::{HTTP, Site, open, schedules};
use crate::support::shop;
use crate::support::{CANARY, Home};

const READS: [&str; 5] =
    ["/api/v1/connections", "/api/v1/apis", "/api/v1/runs", "/api/v1/runs/1", "/api/v1/openapi.json"];

#[test]
fn a_worker_that_others_can_reach_shows_nothing_but_health_and_metrics_without_the_token() {
    let text = schedules().replace("127.0.0.1:0", "0.0.0.0:0");
    let (_sim, home) = shop::open_with(shop::stocked(), &text);
    home.ok(&["onboard", "shop"]);
    let site = Site::start(&home);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(site.get(path).status, 200, "{path}");
    }
    for path in READS {
        assert_eq!(site.get(path).status, 401, "{path}");
        assert_eq!(site.ask("GET", path, &["Authorization: Bearer canary"], "").status, 401, "{path}");
        assert_eq!(site.ask("GET", path, &[&format!("Authorization: Bearer {CANARY}")], "").status, 200, "{path}");
    }
    assert_eq!(site.ask("POST", "/api/v1/connections/shop/pause", &[], "").status, 401);
    assert_eq!(home.book().pauses().unwrap().len(), 0);
    site.stop();
}

#[test]
fn a_token_in_a_file_is_read_anew() {
    let text = schedules()
        .replace("env:SECRET", "file:token.txt")
        .replace("secret_access_key = \"file:token.txt\"", "secret_access_key = \"env:SECRET\"");
    let (_sim, home) = shop::open_with(shop::stocked(), &text);
    home.write("token.txt", "first\n");
    let site = Site::start(&home);
    let pause = |token: &str| {
        site.ask("POST", "/api/v1/connections/shop/pause", &[&format!("Authorization: Bearer {token}")], "").status
    };
    assert_eq!((pause("first"), pause("second")), (200, 401));
    home.write("token.txt", "second\n");
    assert_eq!((pause("first"), pause("second")), (401, 200));
    site.stop();
}

#[test]
fn no_answer_and_no_log_shows_the_token() {
    let (_sim, home, site) = open();
    let bearer = format!("Authorization: Bearer {CANARY}");
    let wrong = format!("Authorization: Basic {CANARY}");
    for path in READS.into_iter().chain(["/healthz", "/readyz", "/metrics", "/nowhere", "/api/v1/runs?cursor=x"]) {
        for headers in [&[][..], &[bearer.as_str()], &[wrong.as_str()]] {
            let answer = site.ask("GET", path, headers, "");
            assert!(!answer.head.contains(CANARY) && !answer.body.contains(CANARY), "{path}: {answer:?}");
        }
    }
    assert_eq!(site.post("/api/v1/connections/shop/pause", "{}").status, 200);
    let cmdline = fs::read(format!("/proc/{}/cmdline", site.running.as_ref().unwrap().pid())).unwrap();
    assert!(!String::from_utf8_lossy(&cmdline).contains(CANARY));
    let ended = site.stop();
    assert!(!ended.said.stderr.contains(CANARY) && !ended.said.stdout.contains(CANARY), "{ended:?}");
    for (path, content) in home.files() {
        assert!(!content.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()), "{}", path.display());
    }
}

#[test]
fn a_port_that_is_taken_stops_the_start_with_one_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let home = Home::new("http://127.0.0.1:9", &schedules().replace("127.0.0.1:0", &address.to_string()));
    let said = home.run(&["run"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let expected = format!("aboard: cannot listen on {address} for [http]: another process listens there");
    assert!(said.stderr.contains(&expected), "{said:?}");
}

#[test]
fn without_its_table_nothing_listens() {
    let home = Home::new("http://127.0.0.1:9", &schedules().replace(HTTP, ""));
    let mut worker = home.start(&["-v", "run"]);
    worker.wait_until_said("following");
    worker.signal(nix::sys::signal::Signal::SIGTERM);
    let ended = worker.end();
    assert!(!ended.said.stderr.contains("listening"), "{ended:?}");
}
