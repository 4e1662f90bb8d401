//! A directory of specifications: a file for each stage, an index, and a commit where it stands in a git work tree.
//!
//! The index is written last, so that whatever it names is there; what is pruned goes after the index has stopped naming it. A
//! delivery that was carried out in part is carried out again from its beginning and finds what is done already done.

mod index;
mod keeping;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::folder::Folder;
use super::git::{self, Commit};
use super::{Delivery, Failure, Memory, Target, Verdict, remembered, summary};
use crate::config::{DirectoryTarget, Git};
use crate::notice::Notice;
use index::Index;

/// The name of the index.
const INDEX: &str = "index.json";

/// As many as a run registers without approval, by default: what a run brings goes into one commit.
const BATCH: usize = 500;

/// A directory as a target.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    name: String,
    path: PathBuf,
    prune: bool,
    git: Option<Git>,
    /// One at a time, also where somebody stopped waiting for the one before.
    turn: Arc<Mutex<()>>,
}

impl Directory {
    pub(super) fn new(name: &str, settings: &DirectoryTarget) -> Self {
        let DirectoryTarget { path, prune, git } = settings;
        Self { name: name.to_owned(), path: path.clone(), prune: *prune, git: git.clone(), turn: Arc::default() }
    }

    /// Writes what came, then commits it. `known` is how many APIs stood in the index.
    async fn carry_out(self, deliveries: Vec<Delivery>, known: u64) -> Result<(Vec<Verdict>, u64), String> {
        let _turn = self.turn.lock().await;
        let message = summary::of(&self.name, &deliveries);
        let here = self.clone();
        let written = tokio::task::spawn_blocking(move || keeping::keep(&here.path, here.prune, &deliveries, known));
        let keeping::Kept { verdicts, files, apis } = written.await.map_err(|_ended| ENDED.to_owned())??;
        if let Some(git) = &self.git {
            // Also where nothing was written: an earlier attempt may have got no further.
            git::commit(git, &Commit { folder: &self.path, what: None, files: &files, message: &message }).await?;
        }
        Ok((verdicts, apis))
    }

    async fn tried(&self, deliveries: &[Delivery], memory: &dyn Memory) -> Result<Vec<Verdict>, String> {
        let known = remembered::recall(memory).await?;
        // In a task of its own: whoever waits may stop, and a commit should not be cut off half-way.
        let task = tokio::spawn(self.clone().carry_out(deliveries.to_vec(), known));
        let (verdicts, apis) = task.await.map_err(|_ended| ENDED.to_owned())??;
        remembered::keep(memory, known, apis).await?;
        Ok(verdicts)
    }
}

const ENDED: &str = "the writing ended without an answer; the log says why";

impl Target for Directory {
    fn batch(&self) -> usize {
        BATCH
    }

    fn waits_for_runs(&self) -> bool {
        true
    }

    fn wants_documents(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, deliveries: &'a [Delivery], memory: &'a dyn Memory) -> BoxFuture<'a, Vec<Verdict>> {
        Box::pin(async move {
            self.tried(deliveries, memory).await.unwrap_or_else(|message| {
                deliveries.iter().map(|_| Verdict::Failed(Failure::passing(message.clone()))).collect()
            })
        })
    }

    fn test<'a>(&'a self, _notice: &'a Notice) -> BoxFuture<'a, Result<String, Failure>> {
        Box::pin(async move {
            let here = self.clone();
            let tried = tokio::task::spawn_blocking(move || {
                let mut folder = Folder::open(&here.path, &here.name)?;
                folder.try_out()?;
                let index = folder.read(INDEX)?.filter(|bytes| !bytes.is_empty());
                let index = index.map(|bytes| Index::parse(&bytes)).transpose();
                index.map_err(|error| format!("{}: {error}", here.path.join(INDEX).display()))
            });
            let index = tried.await.map_err(|_ended| Failure::passing(ENDED))?.map_err(Failure::passing)?;
            let apis = index.map_or(0, |index| index.entries.len());
            let mut said = format!("{} can be written to and holds {apis} APIs", self.path.display());
            if let Some(git) = &self.git {
                said.push_str(&git::look(git, &self.path, INDEX).await.map_err(Failure::passing)?);
            }
            Ok(said)
        })
    }
}
