//! The one use of tokio-cron-scheduler: an absolute one-shot that wakes the dispatcher at the earliest due instant.
//!
//! The scheduler knows no recurrence of ours. Its own zoned jobs keep the UTC offset of the day on which they were made (issue 107),
//! its repeated jobs stop for ever after one long delay (issue 113), and removing a job or making a second scheduler leaks; an absolute
//! `next_tick` is the one thing that is exact whatever the clock does. A wake-up that turns out to be out of date is harmless: the
//! dispatcher looks what is due, and job and closure delete themselves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// Wakes the dispatcher.
pub(super) struct Alarm {
    scheduler: JobScheduler,
    wake: Arc<Notify>,
    /// Seconds for which a wake-up is set.
    set: BTreeSet<u64>,
}

impl Alarm {
    /// An alarm that notifies `wake`.
    ///
    /// # Errors
    /// The scheduler does not start.
    pub(super) async fn new(wake: Arc<Notify>) -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        scheduler.start().await?;
        Ok(Self { scheduler, wake, set: BTreeSet::new() })
    }

    /// Makes sure that there is a wake-up at or before `at`, but not before `now`.
    ///
    /// # Errors
    /// The scheduler does not take the job; the heartbeat serves what is due all the same.
    pub(super) async fn set(&mut self, at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), JobSchedulerError> {
        let (second, now) = (whole_second(at), u64::try_from(now.timestamp()).unwrap_or_default());
        // One that is due now has fired, or is about to: it does not stand for a later instant.
        self.set.retain(|set| *set > now);
        if self.set.range(..=second).next().is_some() {
            return Ok(());
        }
        let wake = Arc::clone(&self.wake);
        let mut job = Job::new_one_shot_async(Duration::ZERO, move |_, _| {
            let wake = Arc::clone(&wake);
            Box::pin(async move { wake.notify_one() })
        })?;
        let mut data = job.job_data()?;
        data.next_tick = second;
        job.set_job_data(data)?;
        self.scheduler.add(job).await?;
        self.set.insert(second);
        Ok(())
    }

    /// Ends it. One more wake-up may still come.
    pub(super) async fn end(&mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::debug!("the alarm did not end: {error}");
        }
    }
}

/// The first whole second that is not before `at`: the scheduler counts in seconds, and must never be early.
fn whole_second(at: DateTime<Utc>) -> u64 {
    let second = at.timestamp() + i64::from(at.timestamp_subsec_nanos() > 0);
    u64::try_from(second).unwrap_or_default()
}
