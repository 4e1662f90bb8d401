//! Backstage: a catalog file with an entity for each API, and its registration as a location.
//!
//! Backstage pulls. What is not in the file any more leaves the catalog, so one file and one location are all that upserting and pruning
//! take. The file is its own memory; what the settings say of owners and the like holds for what is written from then on.

mod catalog;
mod entity;
mod registration;
#[cfg(test)]
mod tests;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::client::Client;
use super::folder::Folder;
use super::git::{self, Commit};
use super::{Delivery, Failure, Memory, Setup, Target, Verdict, remembered, summary};
use crate::config::{BackstageTarget, Definition};
use crate::notice::Notice;
use catalog::{Catalog, Expected};
use registration::{Backstage, Tried, failure_of};

/// As many as a run registers without approval, by default.
const BATCH: usize = 500;
/// Limit for one request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long Backstage has to show what it was told. It looked at a new location within 5 s, and at a changed one within 35 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// A Backstage as a target.
#[derive(Clone, Debug)]
pub(super) struct BackstageCatalog {
    name: String,
    settings: Arc<BackstageTarget>,
    backstage: Option<Backstage>,
    patience: Duration,
    /// One at a time, also where somebody stopped waiting for the one before.
    turn: Arc<Mutex<()>>,
}

impl BackstageCatalog {
    /// # Errors
    /// The certificate file cannot be used.
    pub(super) fn new(name: &str, settings: &BackstageTarget, setup: &Setup) -> Result<Self, Failure> {
        let backstage = settings.registration.as_ref().map(|registration| {
            Client::new(&setup.network, TIMEOUT).map(|client| Backstage::new(client, registration.clone()))
        });
        Ok(Self {
            name: name.to_owned(),
            settings: Arc::new(settings.clone()),
            backstage: backstage.transpose()?,
            patience: PATIENCE,
            turn: Arc::default(),
        })
    }

    /// The folder and the name of the file in it.
    fn place(&self) -> Result<(PathBuf, String), String> {
        let path = &self.settings.path;
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| format!("{} does not name a file", path.display()))?.to_owned();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Ok((folder.map_or_else(|| PathBuf::from("."), PathBuf::from), name))
    }

    fn read(&self, folder: &Folder, name: &str, held: u64) -> Result<Catalog, String> {
        let path = &self.settings.path;
        match remembered::content(folder.read(name)?, held, path)? {
            Some(bytes) => Catalog::parse(&bytes).map_err(|error| format!("{}: {error}", path.display())),
            None => Ok(Catalog::default()),
        }
    }

    fn write(&self, deliveries: &[Delivery], held: u64) -> Result<Written, String> {
        let (folder, name) = self.place()?;
        let mut folder = Folder::open(&folder, &name)?;
        let mut catalog = self.read(&folder, &name, held)?;
        let taken: Vec<_> = deliveries.iter().map(|delivery| catalog.take(&self.settings, delivery)).collect();
        folder.write(&name, catalog.to_text().as_bytes())?;
        folder.sync()?;
        Ok(Written { taken, entities: catalog.len() })
    }

    /// Writes the file, and commits it where that is asked.
    async fn carry_out(self, deliveries: Vec<Delivery>, held: u64) -> Result<Written, String> {
        let _turn = self.turn.lock().await;
        let message = summary::of(&self.name, &deliveries);
        let here = self.clone();
        let written = tokio::task::spawn_blocking(move || here.write(&deliveries, held));
        let written = written.await.map_err(|_ended| ENDED.to_owned())??;
        if let Some(git) = &self.settings.git {
            let (folder, name) = self.place()?;
            let files = [name.clone()];
            let commit = Commit { folder: &folder, what: Some(&name), files: &files, message: &message };
            git::commit(git, &commit).await?;
        }
        Ok(written)
    }

    async fn tried(&self, deliveries: &[Delivery], memory: &dyn Memory) -> Result<Vec<Verdict>, Failure> {
        let held = remembered::recall(memory).await.map_err(Failure::passing)?;
        // In a task of its own: whoever waits may stop, and a commit should not be cut off half-way.
        let task = tokio::spawn(self.clone().carry_out(deliveries.to_vec(), held));
        let written = task.await.map_err(|_ended| Failure::passing(ENDED))?.map_err(Failure::passing)?;
        remembered::keep(memory, held, written.entities).await.map_err(Failure::passing)?;
        let Some(backstage) = &self.backstage else { return Ok(written.verdicts()) };
        let expected: Vec<Expected> = written.taken.iter().filter_map(|(_, expected)| expected.clone()).collect();
        if expected.is_empty() {
            return Ok(written.verdicts());
        }
        backstage.refresh().await?;
        let shown = backstage.read_back(&expected, self.patience).await?;
        let judged = written.taken.into_iter().map(|(verdict, expected)| {
            let Some(expected) = expected else { return verdict };
            match shown.get(&expected.reference) {
                None => Verdict::Delivered(Some("written, and the location read anew; not read back".to_owned())),
                Some(shown) => failure_of(&expected, shown).map_or_else(
                    || {
                        let word = if expected.version.is_some() { "shows" } else { "shows no more" };
                        Verdict::Delivered(Some(format!("Backstage {word} {}", expected.reference)))
                    },
                    Verdict::Failed,
                ),
            }
        });
        Ok(judged.collect())
    }
}

/// What came of a batch, as far as the file.
#[derive(Debug)]
struct Written {
    taken: Vec<(Verdict, Option<Expected>)>,
    entities: u64,
}

impl Written {
    fn verdicts(self) -> Vec<Verdict> {
        self.taken.into_iter().map(|(verdict, _)| verdict).collect()
    }
}

const ENDED: &str = "the writing ended without an answer; the log says why";

impl Target for BackstageCatalog {
    fn batch(&self) -> usize {
        BATCH
    }

    fn waits_for_runs(&self) -> bool {
        true
    }

    fn wants_documents(&self) -> bool {
        self.settings.definition == Definition::Embed
    }

    fn deliver<'a>(&'a self, deliveries: &'a [Delivery], memory: &'a dyn Memory) -> BoxFuture<'a, Vec<Verdict>> {
        Box::pin(async move {
            self.tried(deliveries, memory)
                .await
                .unwrap_or_else(|failure| deliveries.iter().map(|_| Verdict::Failed(failure.clone())).collect())
        })
    }

    fn test<'a>(&'a self, _notice: &'a Notice) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let here = self.clone();
            let tried = tokio::task::spawn_blocking(move || {
                let (folder, name) = here.place()?;
                let mut folder = Folder::open(&folder, &name)?;
                folder.try_out()?;
                here.read(&folder, &name, 0)
            });
            let catalog = tried.await.map_err(|_ended| Failure::passing(ENDED))?.map_err(Failure::passing)?;
            let mut said = format!("{} can be written and holds {} APIs", self.settings.path.display(), catalog.len());
            if let Some(git) = &self.settings.git {
                let (folder, name) = self.place().map_err(Failure::passing)?;
                said.push_str(&git::look(git, &folder, &name).await.map_err(Failure::passing)?);
            }
            if let Some(backstage) = &self.backstage {
                let Tried { exists, entities } = backstage.try_out().await?;
                let known = if exists { "knows" } else { "does not know yet" };
                said = format!("{said}; Backstage reads {entities} entities at the location, which it {known}");
            }
            Ok(said)
        })
    }
}
