//! All applications, paged through once a run and shared by the deliveries that are under way side by side.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use super::wire::{Application, Session};
use crate::clock;
use crate::targets::Failure;

/// For how long a listing serves its run; what people did there since is not seen.
const LONGEST_USED: Duration = Duration::from_mins(10);

/// A server that gives page after page without end is given up.
const MOST_PAGES: usize = 10_000;

/// The listing that was made last.
#[derive(Debug, Default)]
pub(super) struct Listing(Mutex<Option<Listed>>);

#[derive(Debug)]
struct Listed {
    begun: Instant,
    begun_at: DateTime<Utc>,
    /// The newest run that it was made for. It serves older ones too: it is newer than they asked for.
    run: i64,
    applications: Vec<Application>,
}

/// How new a listing must be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Needed {
    /// For this run or a later one; without a run any will do that is not too old.
    pub(super) run: Option<i64>,
    /// Begun after this instant.
    pub(super) since: Option<DateTime<Utc>>,
}

impl Listed {
    fn serves(&self, needed: Needed, now: DateTime<Utc>) -> bool {
        self.begun.elapsed() < LONGEST_USED
            && needed.run.is_none_or(|run| run <= self.run)
            // One from the future was made before the clock was set back.
            && self.begun_at <= now
            && needed.since.is_none_or(|since| since < self.begun_at)
    }
}

impl Listing {
    /// Looks through all applications. Whoever comes while they are being listed waits for that listing.
    pub(super) async fn look<T>(
        &self,
        session: &Session<'_>,
        needed: Needed,
        look: impl FnOnce(&[Application]) -> T,
    ) -> Result<T, Failure> {
        let mut held = self.0.lock().await;
        if let Some(listed) = held.as_ref().filter(|listed| listed.serves(needed, clock::now())) {
            return Ok(look(&listed.applications));
        }
        *held = None;
        let (begun, begun_at) = (Instant::now(), clock::now());
        let applications = all(session).await?;
        let listed = held.insert(Listed { begun, begun_at, run: needed.run.unwrap_or(0), applications });
        Ok(look(&listed.applications))
    }

    /// Adds what we created since.
    pub(super) async fn add(&self, application: Application) {
        if let Some(listed) = self.0.lock().await.as_mut() {
            listed.applications.push(application);
        }
    }

    /// Has the next look list them anew.
    pub(super) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

/// Every application. A page that cannot be read fails the whole: what is not seen might be created a second time.
async fn all(session: &Session<'_>) -> Result<Vec<Application>, Failure> {
    let mut applications = Vec::new();
    let mut tokens = HashSet::new();
    let mut next: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = session.applications(next.as_deref()).await?;
        applications.extend(page.applications);
        next = page.next_token.filter(|token| !token.is_empty());
        let Some(token) = &next else { return Ok(applications) };
        if !tokens.insert(token.clone()) {
            return Err(Failure::passing("listing the applications: APIsec gave the same page token twice"));
        }
    }
    Err(Failure::passing(format!("listing the applications: there are more than {MOST_PAGES} pages")))
}
