use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::*;

const LONG: Duration = Duration::from_secs(30);
const NEVER: Duration = Duration::from_hours(1);

/// Only events count: no look from time to time would come before the test ends.
const EVENTS: WatchTimes = WatchTimes {
    stat: NEVER,
    read: NEVER,
    quiet: Duration::from_millis(20),
    at_most: Duration::from_millis(200),
    settle: Duration::from_millis(10),
};

/// Only looks from time to time count: events wait for longer than the test takes.
const LOOKS: WatchTimes = WatchTimes { stat: Duration::from_millis(20), quiet: NEVER, ..EVENTS };

struct World {
    folder: TempDir,
    notices: UnboundedReceiver<Notice>,
    cancel: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl World {
    /// A watch on `schedules.toml`, past its first look.
    async fn new(times: WatchTimes, lay_out: impl Fn(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path());
        let (sender, notices) = unbounded_channel();
        let tell = move |notice| drop(sender.send(notice));
        let cancel = CancellationToken::new();
        tokio::spawn(watch(folder.path().join("schedules.toml"), times, tell, cancel.clone()));
        let mut world = Self { folder, notices, cancel };
        assert_eq!(world.next().await, Notice::Look(ReloadTrigger::Poll), "the first look");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn next(&mut self) -> Notice {
        timeout(LONG, self.notices.recv()).await.expect("something is noticed").unwrap()
    }
}

fn plain(folder: &Path) {
    fs::write(folder.join("schedules.toml"), "0").unwrap();
}

fn linked(folder: &Path) {
    fs::create_dir(folder.join("far")).unwrap();
    fs::write(folder.join("far/real.toml"), "0").unwrap();
    symlink("far/real.toml", folder.join("schedules.toml")).unwrap();
}

fn config_map(folder: &Path) {
    fs::create_dir(folder.join("..0")).unwrap();
    fs::write(folder.join("..0/schedules.toml"), "0").unwrap();
    symlink("..0", folder.join("..data")).unwrap();
    symlink("..data/schedules.toml", folder.join("schedules.toml")).unwrap();
}

type LayOut = fn(&Path);
type Change = fn(&Path, u32);

fn in_place(folder: &Path, n: u32) {
    fs::write(folder.join("schedules.toml"), n.to_string()).unwrap();
}

fn renamed(folder: &Path, n: u32) {
    fs::write(folder.join("new"), n.to_string()).unwrap();
    fs::rename(folder.join("new"), folder.join("schedules.toml")).unwrap();
}

fn moved_away_and_written_anew(folder: &Path, n: u32) {
    fs::rename(folder.join("schedules.toml"), folder.join("schedules.toml~")).unwrap();
    fs::write(folder.join("schedules.toml"), n.to_string()).unwrap();
}

fn where_the_link_leads(folder: &Path, n: u32) {
    fs::write(folder.join("far/new"), n.to_string()).unwrap();
    fs::rename(folder.join("far/new"), folder.join("far/real.toml")).unwrap();
}

fn swapped(folder: &Path, n: u32) {
    fs::create_dir(folder.join(format!("..{n}"))).unwrap();
    fs::write(folder.join(format!("..{n}/schedules.toml")), n.to_string()).unwrap();
    symlink(format!("..{n}"), folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    fs::remove_dir_all(folder.join(format!("..{}", n - 1))).unwrap();
}

fn vanished_or_back(folder: &Path, n: u32) {
    if n % 2 == 1 { fs::remove_file(folder.join("schedules.toml")).unwrap() } else { in_place(folder, n) }
}

const CHANGES: [(&str, LayOut, Change); 6] = [
    ("in place", plain, in_place),
    ("renamed over it", plain, renamed),
    ("moved away and written anew", plain, moved_away_and_written_anew),
    ("where the link leads", linked, where_the_link_leads),
    ("Kubernetes", config_map, swapped),
    ("vanished and back", plain, vanished_or_back),
];

#[tokio::test]
async fn the_file_system_tells_of_each_of_three_changes() {
    for (name, lay_out, change) in CHANGES {
        let mut world = World::new(EVENTS, lay_out).await;
        for n in 1..=3 {
            change(world.folder.path(), n);
            assert_eq!(world.next().await, Notice::Look(ReloadTrigger::Watch), "{name} {n}");
            // Events of this change may still come; those of the next one may not be taken for them.
            while timeout(EVENTS.at_most, world.notices.recv()).await.is_ok() {}
        }
    }
}

#[tokio::test]
async fn a_look_from_time_to_time_sees_each_of_three_changes() {
    for (name, lay_out, change) in CHANGES {
        let mut world = World::new(LOOKS, lay_out).await;
        for n in 1..=3 {
            change(world.folder.path(), n);
            assert_eq!(world.next().await, Notice::Look(ReloadTrigger::Poll), "{name} {n}");
            while timeout(LOOKS.stat * 5, world.notices.recv()).await.is_ok() {}
        }
    }
}

#[tokio::test]
async fn reading_the_file_and_writing_beside_it_is_nothing() {
    let mut world = World::new(EVENTS, plain).await;
    for n in 0..5 {
        assert_eq!(fs::read_to_string(world.path("schedules.toml")).unwrap(), "0");
        fs::write(world.path("aboard.db-wal"), n.to_string()).unwrap();
    }
    let noticed = timeout(EVENTS.at_most * 3, world.notices.recv()).await;
    assert!(noticed.is_err(), "{noticed:?}");
    in_place(world.folder.path(), 1);
    assert_eq!(world.next().await, Notice::Look(ReloadTrigger::Watch));
}

#[tokio::test]
async fn a_folder_that_took_the_place_of_another_is_watched() {
    let mut world = World::new(WatchTimes { stat: Duration::from_millis(20), ..EVENTS }, linked).await;
    fs::rename(world.path("far"), world.path("away")).unwrap();
    linked_folder(&world.path("far"));
    assert!(matches!(world.next().await, Notice::Look(_)));
    while timeout(EVENTS.at_most, world.notices.recv()).await.is_ok() {}
    let told = loop {
        // Whether an event or a look is first is a race here; an event proves that the new folder is watched.
        where_the_link_leads(world.folder.path(), 7);
        if world.next().await == Notice::Look(ReloadTrigger::Watch) {
            break true;
        }
    };
    assert!(told);
}

fn linked_folder(path: &Path) {
    fs::create_dir(path).unwrap();
    fs::write(path.join("real.toml"), "0").unwrap();
}

#[tokio::test]
async fn the_whole_file_is_asked_for_from_time_to_time_whatever_it_looks_like() {
    let times = WatchTimes { read: Duration::from_millis(20), ..EVENTS };
    let mut world = World::new(times, plain).await;
    for _ in 0..3 {
        assert_eq!(world.next().await, Notice::Look(ReloadTrigger::Poll));
    }
}

#[tokio::test]
async fn a_file_in_a_folder_that_is_not_there_yet_is_seen_when_it_comes() {
    let nothing = |_: &Path| {};
    let mut world = World::new(LOOKS, nothing).await;
    in_place(world.folder.path(), 1);
    assert_eq!(world.next().await, Notice::Look(ReloadTrigger::Poll));
}

#[test]
fn only_what_changes_something_counts_as_an_event() {
    use notify::event::{CreateKind, Flag};
    let heard = Heard::default();
    let names = [OsString::from("schedules.toml")];
    let event = |kind, path: &str| Ok(notify::Event::new(kind).add_path(PathBuf::from(path)));
    let ask = |event| {
        heard.hear(event, &names);
        (heard.anything.swap(false, Ordering::AcqRel), heard.by_name.swap(false, Ordering::AcqRel))
    };
    let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    assert_eq!(ask(event(opened, "/etc/schedules.toml")), (false, false));
    assert_eq!(ask(event(written, "/etc/schedules.toml")), (true, true));
    assert_eq!(ask(event(EventKind::Create(CreateKind::Any), "/etc/..data")), (true, false));
    assert_eq!(
        ask(Ok(notify::Event::new(EventKind::Other).set_flag(Flag::Rescan))),
        (true, true),
        "the queue was full"
    );
    assert_eq!(ask(Err(notify::Error::generic("lost"))), (true, true));
}
