//! Noticing that the schedule file may have changed.
//!
//! The file system's events are fast and miss things: they follow inodes, so a file must be watched through its folder, and then a
//! file that is mounted by itself, a network file system or a full queue tells nothing. So the file is also looked at every few
//! seconds and read whole every minute. Neither says what changed, and neither is trusted with more than "look again"; reading and
//! judging are for the reload.

mod look;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;

use super::reload::{Notice, ReloadTrigger};
use look::{Folder, Look};

/// How often and how patiently the file is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchTimes {
    /// From one look at size, times and inode to the next.
    pub stat: Duration,
    /// From one reading of the whole file to the next.
    pub read: Duration,
    /// How long no event must come before the file is read.
    pub quiet: Duration,
    /// The longest that events which do not end are waited for.
    pub at_most: Duration,
    /// How long a file that changed must stay the same before it is taken over.
    pub settle: Duration,
}

impl Default for WatchTimes {
    fn default() -> Self {
        Self {
            stat: Duration::from_secs(5),
            read: Duration::from_mins(1),
            quiet: Duration::from_millis(300),
            at_most: Duration::from_secs(2),
            settle: Duration::from_millis(100),
        }
    }
}

/// Tells whenever `file` may have changed, until `cancel`. The first look comes at once, so that nothing is missed that happened
/// between the start's reading and the watch.
pub async fn watch(file: PathBuf, times: WatchTimes, tell: impl Fn(Notice) + Send + Sync, cancel: CancellationToken) {
    tokio::select! {
        () = cancel.cancelled() => {}
        () = Watch::new(file, times, tell).run() => {}
    }
}

struct Watch<T> {
    file: PathBuf,
    times: WatchTimes,
    tell: T,
    heard: Arc<Heard>,
    /// None where the system has no watch to give.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeMap<PathBuf, Folder>,
    /// Why not everything is watched.
    deaf: Option<String>,
    last: Look,
}

/// Events come; nothing is read before they end.
#[derive(Clone, Copy, Debug)]
struct Unrest {
    began: Instant,
    until: Instant,
}

impl Unrest {
    fn begins(times: &WatchTimes) -> Self {
        let now = Instant::now();
        Self { began: now, until: now + times.quiet }
    }

    /// Once more, where events came meanwhile; none where they have been waited for long enough.
    fn goes_on(self, times: &WatchTimes) -> Option<Self> {
        (self.began.elapsed() < times.at_most).then(|| Self { began: self.began, until: Instant::now() + times.quiet })
    }
}

/// Ends when it should be quiet; never where there is no unrest.
async fn until(unrest: Option<Unrest>) {
    match unrest {
        Some(unrest) => sleep_until(unrest.until).await,
        None => std::future::pending().await,
    }
}

/// What the watcher's thread heard since it was last asked.
#[derive(Debug, Default)]
struct Heard {
    anything: AtomicBool,
    /// Something about a file of the schedule file's name.
    by_name: AtomicBool,
    wake: Notify,
}

impl<T: Fn(Notice) + Send + Sync> Watch<T> {
    fn new(file: PathBuf, times: WatchTimes, tell: T) -> Self {
        let heard = Arc::<Heard>::default();
        Self { file, times, tell, heard, watcher: None, watched: BTreeMap::new(), deaf: None, last: Look::default() }
    }

    async fn run(mut self) {
        self.listen();
        let mut stat = interval_at(Instant::now() + self.times.stat, self.times.stat);
        let mut read = interval(self.times.read);
        stat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        read.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let heard = Arc::clone(&self.heard);
        let mut unrest: Option<Unrest> = None;
        // The reading interval ticks at once, which is the first look.
        loop {
            tokio::select! {
                biased;
                _ = read.tick() => {
                    if self.watcher.is_none() || self.deaf.is_some() {
                        self.listen();
                    }
                    self.look(true).await;
                    (self.tell)(Notice::Look(ReloadTrigger::Poll));
                }
                _ = stat.tick() => {
                    if self.look(false).await {
                        (self.tell)(Notice::Look(ReloadTrigger::Poll));
                    }
                }
                () = until(unrest) => {
                    let more = heard.anything.swap(false, Ordering::AcqRel);
                    unrest = unrest.filter(|_| more).and_then(|unrest| unrest.goes_on(&self.times));
                    if unrest.is_none() {
                        let by_name = heard.by_name.swap(false, Ordering::AcqRel);
                        // Much else may be written beside the file, the registry for one.
                        if self.look(false).await || by_name {
                            (self.tell)(Notice::Look(ReloadTrigger::Watch));
                        }
                    }
                }
                () = heard.wake.notified(), if unrest.is_none() => {
                    if heard.anything.swap(false, Ordering::AcqRel) {
                        unrest = Some(Unrest::begins(&self.times));
                    }
                }
            }
        }
    }

    /// Looks at the file and its folders and watches the folders that are there now. Says whether anything looks otherwise than
    /// before; `mounts` asks for a look at the mounts also where nothing does.
    async fn look(&mut self, mounts: bool) -> bool {
        let (file, before) = (self.file.clone(), self.last.clone());
        let Ok(now) = spawn_blocking(move || look::look(&file, &before, mounts)).await else { return false };
        let mut other = now.stamp != self.last.stamp;
        if now.detached != self.last.detached {
            (self.tell)(Notice::Detached(now.detached));
        }
        if now.folders != self.watched {
            self.follow(&now.folders);
            // What happened before the watch began was not heard.
            other = true;
        }
        self.last = now;
        other
    }

    /// Begins to listen, to nothing yet.
    fn listen(&mut self) {
        self.watched.clear();
        let (heard, names) = (Arc::clone(&self.heard), names(&self.file));
        let on_event = move |event: notify::Result<notify::Event>| heard.hear(event, &names);
        match notify::recommended_watcher(on_event) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => {
                self.watcher = None;
                self.deafened(Some(error.to_string()));
            }
        }
    }

    fn follow(&mut self, folders: &BTreeMap<PathBuf, Folder>) {
        let Some(watcher) = &mut self.watcher else {
            self.watched.clone_from(folders);
            return;
        };
        // A folder that could not be watched is tried again when everything is.
        let mut deaf = self.deaf.clone().filter(|_| !self.watched.is_empty());
        for (path, folder) in &self.watched {
            if folders.get(path) != Some(folder) {
                // The system forgets a folder that is gone by itself.
                let _ = watcher.unwatch(path);
            }
        }
        for (path, folder) in folders {
            if self.watched.get(path) != Some(folder)
                && let Err(error) = watcher.watch(path, RecursiveMode::NonRecursive)
            {
                deaf = Some(error.to_string());
            }
        }
        self.watched.clone_from(folders);
        self.deafened(deaf);
    }

    fn deafened(&mut self, why: Option<String>) {
        if self.deaf.is_some() != why.is_some() {
            (self.tell)(Notice::PollingOnly(why.clone()));
        }
        self.deaf = why;
    }
}

/// The names under which the file is changed: its own, and that of what a link leads to.
fn names(file: &Path) -> Vec<OsString> {
    let real = file.canonicalize().ok();
    [Some(file), real.as_deref()]
        .into_iter()
        .flatten()
        .filter_map(|path| path.file_name().map(ToOwned::to_owned))
        .collect()
}

impl Heard {
    fn hear(&self, event: notify::Result<notify::Event>, names: &[OsString]) {
        let by_name = match event {
            // Our own reading makes such events too; they would never end.
            Ok(event) if is_only_reading(event.kind) => return,
            Ok(event) => {
                let named = |path: &PathBuf| path.file_name().is_some_and(|name| names.iter().any(|own| own == name));
                event.need_rescan() || event.paths.iter().any(named)
            }
            // Something was lost.
            Err(_) => true,
        };
        self.by_name.fetch_or(by_name, Ordering::AcqRel);
        self.anything.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}

fn is_only_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

#[cfg(test)]
mod tests;
