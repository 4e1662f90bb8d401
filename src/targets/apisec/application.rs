//! Step one: the application that an API is, by its kept id, else among all that there are, else created.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::finding::{Found, find, shown};
use super::kept::{Creating, Kept};
use super::listing::Needed;
use super::wire::{Application, was_refused};
use super::{Job, name};
use crate::clock;
use crate::config::Event;
use crate::targets::{Effect, Failure};

/// What is left of a wait that began at `at`; nothing where it is over, or was begun by a clock that has been set back since.
pub(super) fn remaining(at: DateTime<Utc>, wait: Duration, now: DateTime<Utc>) -> Option<Duration> {
    let age = (now - at).to_std().ok()?;
    wait.checked_sub(age).filter(|left| !left.is_zero())
}

enum Look {
    Nothing,
    One(Application),
    Unclear(String),
}

impl Job<'_> {
    /// The application as it is there now; nothing where a change came for one that a person deleted.
    pub(super) async fn application(&mut self) -> Result<Option<Application>, Failure> {
        let mut lost = None;
        if let Some(id) = self.kept.application_id.clone() {
            if let Some(application) = self.session.application(&id).await? {
                if self.kept.gone {
                    self.kept.gone = false;
                    self.save().await?;
                }
                self.said.push(format!("application {}", shown(&application)));
                return Ok(Some(application));
            }
            if self.event == Event::Changed {
                self.said.push(format!("application {id} was deleted in APIsec; a change does not create it again"));
                return Ok(None);
            }
            // What was created a moment ago may not be shown yet.
            if let Some(at) = self.kept.created_at
                && let Some(left) = remaining(at, self.apisec.settle(), clock::now())
            {
                return Err(wait(&format!("application {id} was created and is not shown yet"), left));
            }
            lost = Some(id);
        }
        match self.look(lost.as_deref()).await? {
            Look::One(application) => self.take_over(&application).await.map(Some),
            Look::Unclear(reason) => Err(Failure { effect: Effect::Ambiguous, ..Failure::passing(reason) }),
            Look::Nothing => {
                if let Some(Creating { name, at, .. }) = &self.kept.creating
                    && let Some(left) = remaining(*at, self.apisec.settle(), clock::now())
                {
                    let message =
                        format!("no answer came when application \"{name}\" was created, and it is not there (yet)");
                    return Err(wait(&message, left));
                }
                self.create().await.map(Some)
            }
        }
    }

    /// Looks for it among all applications, except for one that is known to be deleted.
    async fn look(&self, lost: Option<&str>) -> Result<Look, Failure> {
        let addresses: Vec<String> =
            self.delivery.addresses.iter().chain(self.wanted()).map(|it| it.url.clone()).collect();
        let name = name(&self.apisec.config, self.api);
        let mut names = vec![name.as_str()];
        let mut since = None;
        if let Some(creating) = &self.kept.creating {
            names.push(&creating.name);
            // Only a listing that began when the creation was over proves that it left nothing.
            let (now, settled) = (clock::now(), creating.at + self.settle());
            since = Some(if settled <= now { settled } else { creating.at.min(now) });
        }
        let needed = Needed { run: self.notice.run_id, since };
        let look = |applications: &[Application]| match find(applications, &addresses, &names, lost) {
            Found::Nothing => Look::Nothing,
            Found::One(application) => Look::One(application.clone()),
            Found::Unclear { reason, .. } => Look::Unclear(reason),
        };
        self.apisec.listing.look(&self.session, needed, look).await
    }

    fn settle(&self) -> TimeDelta {
        // The configured limit is minutes at most.
        TimeDelta::from_std(self.apisec.settle()).unwrap_or(TimeDelta::MAX)
    }

    /// Keeps an application that was there, and reads it: what was listed may be minutes old.
    async fn take_over(&mut self, listed: &Application) -> Result<Application, Failure> {
        self.kept.take_over(listed);
        self.save().await?;
        let verb = if self.kept.created_by_us { "went on with" } else { "adopted" };
        self.said.push(format!("{verb} application {}", shown(listed)));
        let application = self.session.application(&listed.id).await?;
        application.ok_or_else(|| Failure::passing(format!("application {} was deleted meanwhile", shown(listed))))
    }

    async fn create(&mut self) -> Result<Application, Failure> {
        let (specification, loaded) = self.first_specification();
        let name = name(&self.apisec.config, self.api);
        let creating = Creating { name: name.clone(), at: clock::now(), loaded: loaded.clone() };
        self.kept = Kept { creating: Some(creating), ..Kept::default() };
        self.save().await?;
        let id = match self.session.create(&name, &self.apisec.config.origin, &specification).await {
            Ok(id) => id,
            Err(failure) if was_refused(&failure) => {
                self.kept.creating = None;
                self.save().await?;
                return Err(failure);
            }
            Err(failure) => {
                self.apisec.listing.forget().await;
                return Err(failure);
            }
        };
        self.kept = Kept {
            application_id: Some(id.clone()),
            name: name.clone(),
            created_by_us: true,
            created_at: Some(clock::now()),
            loaded: Some(loaded),
            ..Kept::default()
        };
        self.save().await?;
        let created = Application { id, name, instances: Vec::new() };
        self.apisec.listing.add(created.clone()).await;
        self.said.push(format!("created application {}", shown(&created)));
        // It may have been given instances by what the specification says of servers.
        Ok(self.session.application(&created.id).await?.unwrap_or(created))
    }
}

/// A failure until what was begun can be told from what never arrived.
pub(super) fn wait(message: &str, left: Duration) -> Failure {
    Failure {
        retry_after: Some(left),
        ..Failure::passing(format!("{message}; it is looked for again before anything is sent"))
    }
}
