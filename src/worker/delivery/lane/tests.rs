use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::clock;
use crate::config::{DirectoryTarget, Event, Filter, InstanceChoice, Patterns, PublishedBy, Retry, TargetKind};
use crate::inventory::{
    Api, ApiId, Details, Family, Instance, InstanceKind, Listing, Protocol, Scope, ScopeLook, Stage,
};
use crate::notice::Notice;
use crate::plan::{Rules, plan};
use crate::registry::{CommitScope, DeliveryFilter, DeliveryState, NewRun, Registry, Trigger};
use crate::targets::Memory;

/// Answers from a script, `Delivered` when that is over; remembers what it was handed.
#[derive(Debug, Default)]
struct Scripted {
    script: Mutex<VecDeque<Vec<Verdict>>>,
    seen: Mutex<Vec<String>>,
    handed: Notify,
    hangs: bool,
    /// How long each hand-over takes.
    takes: Duration,
    side_by_side: (AtomicUsize, AtomicUsize),
}

impl Target for Scripted {
    fn in_flight(&self) -> usize {
        2
    }

    fn deliver<'a>(&'a self, deliveries: &'a [Delivery], _: &'a dyn Memory) -> BoxFuture<'a, Vec<Verdict>> {
        async move {
            let under_way = self.side_by_side.0.fetch_add(1, SeqCst) + 1;
            self.side_by_side.1.fetch_max(under_way, SeqCst);
            let api = |delivery: &Delivery| delivery.notice.api.as_ref().unwrap().api_id.clone();
            self.seen.lock().unwrap().extend(deliveries.iter().map(api));
            self.handed.notify_one();
            if self.hangs {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(self.takes).await;
            tokio::task::yield_now().await;
            self.side_by_side.0.fetch_sub(1, SeqCst);
            let scripted = self.script.lock().unwrap().pop_front();
            scripted.unwrap_or_else(|| deliveries.iter().map(|_| Verdict::Delivered(None)).collect())
        }
        .boxed()
    }

    fn test<'a>(&'a self, _: &'a Notice) -> BoxFuture<'a, Result<String, Failure>> {
        async { Ok(String::new()) }.boxed()
    }
}

struct Shop {
    _directory: TempDir,
    lane: Lane,
    target: Arc<Scripted>,
}

/// A registry in which so many APIs are due for a target that answers by this script.
fn shop(apis: usize, retry: Retry, target: Scripted) -> Shop {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("aboard.db");
    let mut registry = Registry::create_or_open(&path).unwrap();
    let scope = Scope {
        partition: "aws".to_owned(),
        account_id: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        family: Family::Rest,
    };
    let rules = Rules {
        stages: Patterns::default(),
        include: Filter::default(),
        exclude: Filter::default(),
        published_after: None,
        published_by: PublishedBy::FirstPublished,
        targets: vec!["catalog".to_owned()],
        events: [("catalog".to_owned(), BTreeSet::from([Event::Onboarded]))].into(),
        selection: None,
    };
    let look = ScopeLook {
        scope: scope.clone(),
        account_name: None,
        listing: Listing::Whole { without_list: false },
        apis: (0..apis).map(|number| api(&format!("api{number}"))).collect(),
        domains_read: true,
        notes: Vec::new(),
        calls: 1,
        throttled: 0,
    };
    let now = clock::now();
    let new = NewRun {
        connection: "payments",
        trigger: Trigger::Manual,
        due_at: None,
        due: None,
        resumes: None,
        selected: false,
        request: &json!({}),
        host: None,
    };
    let run_id = registry.begin_run(&new, now).unwrap();
    let known = registry.known("payments", &scope).unwrap();
    let plan = plan(&look, &known, &rules, now);
    let commit = CommitScope {
        run_id,
        connection: "payments",
        known: &known,
        plan: &plan,
        account_name: None,
        explained: false,
        calls: 1,
        throttled: 0,
        notes: &[],
        digests: &BTreeSet::new(),
        approved_by: None,
    };
    registry.commit_scope(&commit, now).unwrap();
    for entry in &plan.entries {
        registry.store_export(&entry.api.id, &[], now).unwrap();
    }
    let target = Arc::new(target);
    let lane = Lane {
        settings: Settings {
            name: "catalog".to_owned(),
            events: vec![Event::Onboarded],
            retry,
            instances: InstanceChoice::All,
            digest: false,
            renamed_from: None,
            kind: TargetKind::Directory(DirectoryTarget { path: "unused".into(), prune: false, git: None }),
        },
        target: Ok(Arc::clone(&target) as Arc<dyn Target>),
        path: registry.path().to_owned(),
        registry: Arc::new(Mutex::new(registry)),
        clock: clock::now,
        lasts: false,
        paused: Arc::default(),
        progress: Arc::default(),
    };
    Shop { _directory: directory, lane, target }
}

fn api(api_id: &str) -> Api {
    let id = |part: &str| part.to_owned();
    let stage = Stage {
        name: id("prod"),
        deployment_id: Some(id("d1")),
        auto_deploy: false,
        created_at: None,
        deployed_at: None,
    };
    let instance = Instance {
        stage: id("prod"),
        url: format!("https://{api_id}.example.com/prod"),
        kind: InstanceKind::ExecuteApi,
        callable: true,
        created_at: None,
        deployed_at: None,
    };
    Api {
        id: ApiId { partition: id("aws"), account_id: id("111122223333"), region: id("eu-west-1"), api_id: id(api_id) },
        protocol: Protocol::Rest,
        name: id(api_id),
        description: None,
        version: None,
        endpoint_type: None,
        tags: std::collections::BTreeMap::new(),
        created_at: None,
        details: Details::Read(vec![stage]),
        instances: vec![instance],
    }
}

fn milliseconds(first: u64, max: u64, give_up: u64) -> Retry {
    let of = Duration::from_millis;
    Retry { first: of(first), max: of(max), give_up: of(give_up) }
}

fn failed(effect: Effect) -> Vec<Verdict> {
    vec![Verdict::Failed(Failure { effect, ..Failure::passing("it is down") })]
}

impl Shop {
    async fn attempt_once(&self) {
        self.lane.work(Until::Attempted(clock::now()), &Notify::new(), &Ending::default()).await;
    }

    /// Delivers until nothing waits any more.
    async fn work_to_the_end(&self) {
        let ending = Ending::default();
        let kick = Notify::new();
        let work = self.lane.work(Until::Stopped, &kick, &ending);
        let watch = async {
            loop {
                let progress = self.lane.progress.notified();
                if !self.states().iter().any(|state| matches!(state, DeliveryState::Queued | DeliveryState::Leased)) {
                    break ending.stop.cancel();
                }
                progress.await;
            }
        };
        tokio::join!(work, watch);
    }

    fn states(&self) -> Vec<DeliveryState> {
        let mut rows = lock(&self.lane.registry).deliveries(&DeliveryFilter::default()).unwrap();
        rows.reverse();
        rows.into_iter().map(|row| row.state).collect()
    }

    fn errors(&self) -> Vec<Option<String>> {
        let mut rows = lock(&self.lane.registry).deliveries(&DeliveryFilter::default()).unwrap();
        rows.reverse();
        rows.into_iter().map(|row| row.last_error).collect()
    }

    fn seen(&self) -> Vec<String> {
        self.target.seen.lock().unwrap().clone()
    }
}

fn answers(script: Vec<Vec<Verdict>>) -> Scripted {
    Scripted { script: Mutex::new(script.into()), ..Scripted::default() }
}

#[tokio::test]
async fn everything_that_is_due_is_attempted_once_and_no_more_than_so_many_side_by_side() {
    let shop = shop(20, Retry::default(), Scripted::default());
    shop.attempt_once().await;
    assert_eq!(shop.states(), [DeliveryState::Delivered; 20]);
    assert_eq!(shop.seen().len(), 20);
    assert_eq!(shop.target.side_by_side.1.load(SeqCst), 2);
}

#[tokio::test]
async fn what_fails_once_stays_queued_for_who_only_waits_for_first_attempts() {
    let shop = shop(1, milliseconds(1, 1, 60_000), answers(vec![failed(Effect::Retry)]));
    shop.attempt_once().await;
    assert_eq!(shop.states(), [DeliveryState::Queued]);
    assert_eq!(shop.errors(), [Some("it is down".to_owned())]);
}

#[tokio::test]
async fn what_fails_is_tried_again_until_it_arrives() {
    let script = vec![failed(Effect::Retry), failed(Effect::Pause), failed(Effect::Retry)];
    let shop = shop(1, milliseconds(1, 5, 60_000), answers(script));
    shop.work_to_the_end().await;
    assert_eq!(shop.states(), [DeliveryState::Delivered]);
    assert_eq!(shop.seen().len(), 4);
}

#[tokio::test]
async fn what_never_arrives_is_given_up_when_its_time_is_over() {
    let script = (0..200).map(|_| failed(Effect::Retry)).collect();
    let shop = shop(1, milliseconds(1, 5, 40), answers(script));
    shop.work_to_the_end().await;
    assert_eq!(shop.states(), [DeliveryState::Dead]);
    assert!(shop.seen().len() > 2, "{:?}", shop.seen());
}

#[tokio::test]
async fn what_needs_a_person_is_not_tried_again() {
    let shop = shop(2, Retry::default(), answers(vec![failed(Effect::GiveUp), failed(Effect::Ambiguous)]));
    shop.work_to_the_end().await;
    let mut states = shop.states();
    states.sort();
    assert_eq!(states, [DeliveryState::Dead, DeliveryState::Ambiguous]);
}

#[tokio::test]
async fn a_busy_receiver_is_left_alone_until_its_time_comes() {
    let busy = Verdict::Failed(Failure {
        effect: Effect::Pause,
        retry_after: Some(Duration::from_mins(10)),
        ..Failure::passing("429 Too Many Requests")
    });
    let shop = shop(20, Retry::default(), answers(vec![vec![busy]]));
    shop.attempt_once().await;
    let waiting = shop.states().iter().filter(|state| **state == DeliveryState::Queued).count();
    assert!(waiting >= 18, "only what was under way besides is over: {:?}", shop.states());
}

#[tokio::test]
async fn a_receiver_that_wants_no_more_switches_its_target_off_and_loses_nothing() {
    let shop = shop(5, Retry::default(), answers(vec![failed(Effect::Disable), failed(Effect::Disable)]));
    shop.attempt_once().await;
    assert!(shop.states().iter().all(|state| *state == DeliveryState::Queued), "{:?}", shop.states());
    let off = lock(&shop.lane.registry).disabled_targets().unwrap();
    assert_eq!(off["catalog"].reason, "it is down");
    shop.attempt_once().await;
    assert_eq!(shop.seen().len(), 2, "nothing is sent while it is off");
}

#[tokio::test]
async fn a_target_that_says_too_little_is_asked_again() {
    let shop = shop(1, milliseconds(1, 1, 60_000), answers(vec![Vec::new()]));
    shop.attempt_once().await;
    let error = shop.errors().remove(0).unwrap();
    assert!(error.contains("fault of aboard"), "{error}");
    assert_eq!(shop.states(), [DeliveryState::Queued]);
}

#[tokio::test]
async fn whoever_is_stopped_writes_down_what_was_under_way() {
    let shop = shop(3, Retry::default(), Scripted { hangs: true, ..Scripted::default() });
    let ending = Ending { grace: Duration::from_millis(1), ..Ending::default() };
    let kick = Notify::new();
    let stop = async {
        shop.target.handed.notified().await;
        ending.stop.cancel();
    };
    tokio::join!(shop.lane.work(Until::Stopped, &kick, &ending), stop);
    assert_eq!(shop.states(), [DeliveryState::Queued; 3]);
    let stopped = shop.errors().into_iter().flatten().filter(|error| error.contains("was stopped")).count();
    assert!(stopped >= 1, "{:?}", shop.errors());
}

#[tokio::test]
async fn one_process_at_a_time_delivers_to_a_target() {
    let shop = shop(1, Retry::default(), Scripted::default());
    let held = locks::lock_lane(&shop.lane.path, "catalog", clock::now()).unwrap();
    let patience = Some(Duration::from_millis(1));
    let ending = Ending { patience, ..Ending::default() };
    shop.lane.work(Until::Attempted(clock::now()), &Notify::new(), &ending).await;
    assert_eq!(shop.states(), [DeliveryState::Queued]);
    drop(held);
    shop.attempt_once().await;
    assert_eq!(shop.states(), [DeliveryState::Delivered]);
}

#[tokio::test]
async fn a_target_that_cannot_be_set_up_fails_each_attempt_with_its_cause() {
    let mut shop = shop(1, Retry::default(), Scripted::default());
    shop.lane.target = Err(Failure::passing("the CA file is missing"));
    shop.attempt_once().await;
    assert_eq!(shop.errors(), [Some("the CA file is missing".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn who_only_waits_for_first_attempts_does_not_wait_for_a_receiver_that_never_answers() {
    let script = (0..200).map(|_| failed(Effect::Retry)).collect();
    let takes = Duration::from_secs(30);
    let shop = shop(100, Retry::default(), Scripted { takes, ..answers(script) });
    let begun = tokio::time::Instant::now();
    shop.attempt_once().await;
    assert!(begun.elapsed() <= Duration::from_mins(2), "{:?}", begun.elapsed());
    assert_eq!(shop.states(), [DeliveryState::Queued; 100]);
    assert!((4..=8).contains(&shop.seen().len()), "{:?}", shop.seen());
}

#[tokio::test(start_paused = true)]
async fn a_slow_receiver_that_answers_gets_everything() {
    let takes = Duration::from_secs(30);
    let shop = shop(20, Retry::default(), Scripted { takes, ..Scripted::default() });
    shop.attempt_once().await;
    assert_eq!(shop.states(), [DeliveryState::Delivered; 20]);
}
