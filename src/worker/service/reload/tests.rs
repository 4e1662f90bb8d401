use std::fmt::Write;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeZone;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::*;

const SETTLE: Duration = Duration::from_millis(100);
const HELD: u32 = 1000;

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
}

/// Connections with a schedule at `time`.
fn schedules(names: &[&str], time: &str) -> String {
    let mut text = String::new();
    for name in names {
        write!(
            text,
            "[connections.{name}]\nregions = [\"eu-west-1\"]\ncredentials.default_chain = {{}}\n\
             [connections.{name}.auto_onboard]\nday = \"monday\"\ntime = \"{time}\"\ntimezone = \"UTC\"\n"
        )
        .unwrap();
    }
    text
}

/// A swap that remembers, and can be held or made to fail.
#[derive(Debug)]
struct Dispatcher {
    taken: Mutex<Vec<(Arc<Config>, Diff)>>,
    begun: AtomicUsize,
    gate: Semaphore,
    fails: Mutex<Option<String>>,
}

impl Swap for Arc<Dispatcher> {
    async fn swap(&self, new: Arc<Config>, diff: &Diff) -> Result<(), String> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let _pass = self.gate.acquire().await.unwrap();
        if let Some(error) = self.fails.lock().unwrap().clone() {
            return Err(error);
        }
        self.taken.lock().unwrap().push((new, diff.clone()));
        Ok(())
    }
}

struct World {
    folder: TempDir,
    reloads: Reloads,
    dispatcher: Arc<Dispatcher>,
    audit: Arc<Mutex<Vec<ReloadRecord>>>,
    cancel: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl World {
    /// A worker that was started with `running` while `text` stands in the file.
    fn started_with(running: &str, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schedules.toml");
        fs::write(&file, running).unwrap();
        let Loaded { config, text: read, .. } = source::load(&file).unwrap();
        fs::write(&file, text).unwrap();
        let registry = folder.path().join("aboard.db");
        let followed =
            Followed { file, registry, config: Arc::new(config), text: read, warnings: Vec::new(), fixed: false };
        let dispatcher = Arc::new(Dispatcher {
            taken: Mutex::default(),
            begun: AtomicUsize::new(0),
            gate: Semaphore::new(HELD as usize),
            fails: Mutex::default(),
        });
        let audit = Arc::<Mutex<Vec<ReloadRecord>>>::default();
        let records = Arc::clone(&audit);
        let write: Audit = Arc::new(move |record| records.lock().unwrap().push(record));
        let (prepared, reloads) = prepare(followed, noon, SETTLE);
        let reloader = prepared.with(Arc::clone(&dispatcher), write);
        let cancel = CancellationToken::new();
        tokio::spawn(reloader.run(cancel.clone()));
        Self { folder, reloads, dispatcher, audit, cancel }
    }

    fn new(text: &str) -> Self {
        Self::started_with(text, text)
    }

    fn write(&self, text: &str) {
        fs::write(self.folder.path().join("schedules.toml"), text).unwrap();
    }

    async fn command(&self) -> ReloadReport {
        self.reloads.reload(ReloadTrigger::Command, false, Some("ann".to_owned())).await
    }

    async fn accept(&self) -> ReloadReport {
        self.reloads.reload(ReloadTrigger::Command, true, Some("ann".to_owned())).await
    }

    async fn by_itself(&self, trigger: ReloadTrigger) -> ReloadReport {
        self.reloads.reload(trigger, false, None).await
    }

    fn taken(&self) -> usize {
        self.dispatcher.taken.lock().unwrap().len()
    }

    fn count(&self, result: ReloadResult, trigger: ReloadTrigger) -> u64 {
        let counts = self.reloads.state().counts;
        counts.iter().find(|count| count.result == result && count.trigger == trigger).unwrap().count
    }

    fn total(&self) -> u64 {
        self.reloads.state().counts.iter().map(|count| count.count).sum()
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_file_is_taken_over_once_and_everybody_hears_of_it() {
    let world = World::new(&schedules(&["a", "b"], "02:30"));
    let new = schedules(&["a", "c"], "03:30");
    world.write(&new);
    let report = world.command().await;
    assert_eq!(report.result, ReloadResult::Applied, "{report:?}");
    let diff = report.diff.unwrap();
    assert_eq!(diff.to_string(), "+1 ~1 -1 =0");
    {
        let taken = world.dispatcher.taken.lock().unwrap();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].0.connections.keys().collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(taken[0].1, diff);
    }
    let state = world.reloads.state();
    assert!(state.ok && state.trouble.is_none() && state.degraded().is_empty(), "{state:?}");
    assert_eq!((state.diff, state.loaded_at), (Some(diff), noon()));
    assert_eq!(state.last_attempt.unwrap().hash, Some(state.hash.clone()));
    let record = world.audit.lock().unwrap()[0].clone();
    assert_eq!((record.by.as_deref(), record.hash), (Some("ann"), Some(state.hash)));
    assert_eq!(record.diff, "+1 ~1 -1 =0; added c; changed a (auto_onboard.time); removed b");
    assert_eq!(fs::read_to_string(world.folder.path().join("aboard.db.last-good.toml")).unwrap(), new);
    assert_eq!(world.count(ReloadResult::Applied, ReloadTrigger::Command), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bad_file_changes_nothing_and_is_visible_until_it_is_cured() {
    let good = schedules(&["a"], "02:30");
    let world = World::new(&good);
    world.write(&good.replace("02:30", "26:30").replace("regions", "region"));
    let report = world.by_itself(ReloadTrigger::Watch).await;
    assert_eq!(report.result, ReloadResult::Rejected);
    assert!(report.errors.len() > 1 && report.errors[0].contains("schedules.toml:"), "all at once: {report:?}");
    for _ in 0..3 {
        world.by_itself(ReloadTrigger::Poll).await;
    }
    assert_eq!(world.total(), 1, "the same file is judged once");
    let state = world.reloads.state();
    let trouble = state.trouble.clone().unwrap();
    assert!(!state.ok && trouble.kind == FaultKind::Invalid && trouble.prevents_start, "{state:?}");
    assert!(state.degraded()[0].ends_with("it will not load at the next start"), "{state:?}");
    assert_eq!(world.command().await.errors, report.errors, "whoever asks hears the errors again");
    assert_eq!(world.taken(), 0);
    assert_eq!(fs::read_to_string(world.folder.path().join("aboard.db.last-good.toml")).unwrap(), good);

    world.write(&good);
    world.by_itself(ReloadTrigger::Watch).await;
    let state = world.reloads.state();
    assert!(state.ok && state.trouble.is_none(), "put back: {state:?}");
    assert_eq!(world.taken(), 0, "nothing was taken over, for nothing is new");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_cured_by_another_good_one_is_taken_over() {
    let world = World::new(&schedules(&["a"], "02:30"));
    world.write("nonsense");
    world.by_itself(ReloadTrigger::Watch).await;
    world.write(&schedules(&["a"], "03:30"));
    assert_eq!(world.by_itself(ReloadTrigger::Watch).await.result, ReloadResult::Applied);
    assert!(world.reloads.state().ok);
}

#[tokio::test(start_paused = true)]
async fn an_empty_file_and_the_removal_of_most_connections_wait_for_a_person() {
    let many = schedules(&["a", "b", "c", "d"], "02:30");
    for (text, kind) in [
        ("# nothing\n".to_owned(), FaultKind::Empty),
        (String::new(), FaultKind::Empty),
        (schedules(&["a"], "02:30"), FaultKind::RemovesMost),
        ("[limits]\n".to_owned(), FaultKind::RemovesMost),
    ] {
        for trigger in ReloadTrigger::ALL {
            let world = World::new(&many);
            world.write(&text);
            let report = world.by_itself(trigger).await;
            assert_eq!(report.result, ReloadResult::NeedsAccept, "{trigger:?} {text:?}");
            assert!(report.errors[0].contains("aboard reload --accept"), "{report:?}");
            let trouble = world.reloads.state().trouble.unwrap();
            assert_eq!((trouble.kind, trouble.prevents_start), (kind, false), "{trigger:?} {text:?}");
            assert_eq!(world.taken(), 0);
            assert_eq!(world.accept().await.result, ReloadResult::Applied, "{trigger:?} {text:?}");
            assert_eq!(world.taken(), 1);
            assert!(world.reloads.state().ok);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_vanished_changes_nothing_and_cannot_be_accepted() {
    let text = schedules(&["a"], "02:30");
    let world = World::new(&text);
    fs::remove_file(world.folder.path().join("schedules.toml")).unwrap();
    assert_eq!(world.by_itself(ReloadTrigger::Watch).await.result, ReloadResult::Rejected);
    assert_eq!(world.accept().await.result, ReloadResult::Rejected);
    let trouble = world.reloads.state().trouble.unwrap();
    assert_eq!((trouble.kind, trouble.prevents_start), (FaultKind::Missing, true));
    world.by_itself(ReloadTrigger::Poll).await;
    assert_eq!(world.total(), 2);
    world.write(&text);
    world.by_itself(ReloadTrigger::Poll).await;
    assert!(world.reloads.state().ok);
}

#[tokio::test(start_paused = true)]
async fn the_reason_that_is_shown_is_that_of_the_last_look() {
    let world = World::new(&schedules(&["a"], "02:30"));
    let file = world.folder.path().join("schedules.toml");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    world.by_itself(ReloadTrigger::Poll).await;
    let shown = || world.reloads.state().trouble.unwrap().errors.concat();
    assert!(shown().contains("it is a directory"), "{}", shown());
    fs::remove_dir(&file).unwrap();
    std::os::unix::fs::symlink("schedules.toml", &file).unwrap();
    for _ in 0..2 {
        world.by_itself(ReloadTrigger::Poll).await;
        assert!(shown().contains("symbolic link"), "{}", shown());
    }
    assert_eq!(world.total(), 2, "each reason is told once");
}

#[tokio::test(start_paused = true)]
async fn a_swap_that_fails_leaves_everything_as_it_was_and_is_tried_again() {
    let old = schedules(&["a"], "02:30");
    let world = World::new(&old);
    *world.dispatcher.fails.lock().unwrap() = Some("the registry is locked".to_owned());
    world.write(&schedules(&["a"], "03:30"));
    let report = world.by_itself(ReloadTrigger::Watch).await;
    assert_eq!((report.result, report.errors), (ReloadResult::Rejected, vec!["the registry is locked".to_owned()]));
    let state = world.reloads.state();
    assert_eq!(state.trouble.unwrap().kind, FaultKind::NotTaken);
    assert_eq!(fs::read_to_string(world.folder.path().join("aboard.db.last-good.toml")).unwrap(), old);
    *world.dispatcher.fails.lock().unwrap() = None;
    assert_eq!(world.by_itself(ReloadTrigger::Poll).await.result, ReloadResult::Applied, "though the file is the same");
    assert!(world.reloads.state().ok);
}

#[tokio::test(start_paused = true)]
async fn a_swap_that_the_end_of_the_worker_overtakes_is_no_trouble() {
    let world = World::new(&schedules(&["a"], "02:30"));
    world.dispatcher.gate.forget_permits(HELD as usize);
    world.write(&schedules(&["a"], "03:30"));
    let asked = tokio::spawn({
        let reloads = world.reloads.clone();
        async move { reloads.reload(ReloadTrigger::Command, false, None).await }
    });
    sleep(SETTLE).await;
    world.cancel.cancel();
    *world.dispatcher.fails.lock().unwrap() = Some("the worker is stopping".to_owned());
    world.dispatcher.gate.add_permits(HELD as usize);
    let report = asked.await.unwrap();
    assert_eq!((report.result, report.errors), (ReloadResult::Rejected, vec!["the worker is stopping".to_owned()]));
    assert!(world.reloads.state().ok && world.audit.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_being_written_is_taken_over_when_it_stays_the_same() {
    let world = World::new(&schedules(&["a", "b"], "02:30"));
    let whole = schedules(&["a", "b"], "03:30");
    // Good in itself, and not what is meant.
    world.write(&whole[..whole.find("[connections.b").unwrap()]);
    world.reloads.notice(Notice::Look(ReloadTrigger::Watch));
    // Time stands still until everybody waits, so the first read is done when this ends.
    sleep(SETTLE / 2).await;
    world.write(&whole);
    let mut changes = world.reloads.changes();
    changes.wait_for(|state| state.last_attempt.is_some()).await.unwrap();
    assert_eq!(world.taken(), 1);
    assert_eq!(world.reloads.state().diff.unwrap().to_string(), "+0 ~2 -0 =0");
}

#[tokio::test(start_paused = true)]
async fn requests_that_come_during_a_reload_become_one() {
    let world = World::new(&schedules(&["a"], "02:30"));
    world.dispatcher.gate.forget_permits(HELD as usize);
    world.write(&schedules(&["a"], "03:30"));
    let first = tokio::spawn({
        let reloads = world.reloads.clone();
        async move { reloads.reload(ReloadTrigger::Command, false, None).await }
    });
    sleep(SETTLE).await;
    assert_eq!(world.dispatcher.begun.load(Ordering::SeqCst), 1);
    world.write(&schedules(&["a"], "04:30"));
    let later: Vec<_> = (0..5)
        .map(|n| {
            let reloads = world.reloads.clone();
            tokio::spawn(async move { reloads.reload(ReloadTrigger::Signal, false, Some(format!("p{n}"))).await })
        })
        .collect();
    sleep(SETTLE).await;
    world.dispatcher.gate.add_permits(HELD as usize);
    assert_eq!(first.await.unwrap().result, ReloadResult::Applied);
    for report in later {
        assert_eq!(report.await.unwrap().result, ReloadResult::Applied, "each hears how the file that it meant fared");
    }
    assert_eq!(world.taken(), 2);
    assert_eq!(world.audit.lock().unwrap()[1].by.as_deref(), Some("p0, p1, p2, p3, p4"));
}

#[tokio::test(start_paused = true)]
async fn settings_that_need_a_restart_are_listed_until_they_are_taken_back() {
    let text = schedules(&["a"], "02:30");
    let world = World::new(&text);
    world.write(&format!("[http]\nlisten = \"127.0.0.1:1\"\n[limits]\nburst = 3\n{text}"));
    let report = world.command().await;
    assert_eq!(report.needs_restart, ["http", "limits.burst"]);
    assert_eq!(world.taken(), 0, "there is nothing to take over");
    world.write(&format!("[limits]\nburst = 3\nparallel_runs = 1\n{}", text.replace("02:30", "03:30")));
    let report = world.command().await;
    assert_eq!(report.needs_restart, ["limits.burst"], "against the start, not against the last reload");
    {
        let taken = world.dispatcher.taken.lock().unwrap();
        let limits = &taken[0].0.limits;
        assert_eq!((limits.burst, limits.parallel_runs), (config::Limits::default().burst, 1), "what is in force");
    }
    assert!(world.reloads.state().degraded()[0].ends_with("wait for a restart: limits.burst"));
    world.write(&text);
    assert_eq!(world.command().await.needs_restart, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn another_comment_is_another_file_and_no_swap() {
    let text = schedules(&["a"], "02:30");
    let world = World::new(&text);
    world.write(&format!("# for the auditors\n{text}"));
    let report = world.by_itself(ReloadTrigger::Watch).await;
    assert_eq!((report.result, report.diff.unwrap().to_string()), (ReloadResult::Applied, "+0 ~0 -0 =1".to_owned()));
    assert_eq!(world.taken(), 0);
    assert_eq!(world.command().await.result, ReloadResult::Unchanged);
    let mut hashes = world.audit.lock().unwrap().iter().map(|record| record.hash.clone()).collect::<Vec<_>>();
    hashes.dedup();
    assert_eq!(hashes, [Some(world.reloads.state().hash)]);
}

#[tokio::test(start_paused = true)]
async fn a_start_from_the_last_good_file_shows_the_bad_one_at_the_first_look() {
    let world = World::started_with(&schedules(&["a"], "02:30"), "nonsense");
    world.by_itself(ReloadTrigger::Poll).await;
    assert_eq!(world.reloads.state().trouble.unwrap().kind, FaultKind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn what_the_watch_noticed_is_part_of_the_state() {
    let world = World::new(&schedules(&["a"], "02:30"));
    world.reloads.notice(Notice::Detached(true));
    world.reloads.notice(Notice::PollingOnly(Some("no watches left".to_owned())));
    let mut changes = world.reloads.changes();
    let state = changes.wait_for(|state| state.polling_only.is_some()).await.unwrap().clone();
    assert!(state.detached && state.ok, "{state:?}");
    assert!(state.degraded()[0].contains("mount the directory instead"), "{state:?}");
    world.reloads.notice(Notice::Detached(false));
    changes.wait_for(|state| !state.detached).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_the_end_whoever_asks_is_told_so() {
    let world = World::new(&schedules(&["a"], "02:30"));
    world.cancel.cancel();
    let report = world.command().await;
    assert_eq!(report.result, ReloadResult::Rejected);
    assert!(report.errors[0].contains("stopping"), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn of_many_mistakes_the_first_are_told_recorded_and_kept() {
    let mistakes: Vec<String> = (0..150).map(|n| format!("key{n} = 1\n")).collect();
    let world = World::started_with(&schedules(&["a"], "02:30"), &mistakes.concat());
    let report = world.command().await;
    let state = world.reloads.state();
    let recorded = world.audit.lock().unwrap().last().unwrap().errors.clone();
    for errors in [report.errors, state.trouble.unwrap().errors, recorded] {
        assert_eq!(errors.len(), 101, "{errors:?}");
        assert!(errors[99].contains("key99") && errors[100] == "and 50 more", "{errors:?}");
    }
}

#[test]
fn a_state_survives_json() {
    let mut state = ReloadState::new("s.toml".into(), "h".to_owned(), Vec::new(), noon());
    state.trouble = Some(Trouble::new(noon(), FaultKind::Invalid, vec!["a mistake".to_owned()]));
    assert_eq!(state.counts.len(), 20);
    let json = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<ReloadState>(&json).unwrap(), state);
}
