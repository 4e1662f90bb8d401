use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::SystemTime;

use super::*;

/// Gives sessions of a length, counted.
#[derive(Debug)]
struct Counting {
    asked: Arc<AtomicU32>,
    lasts: Option<TimeDelta>,
}

impl ProvideCredentials for Counting {
    fn provide_credentials<'a>(&'a self) -> CredentialsFuture<'a>
    where
        Self: 'a,
    {
        let number = self.asked.fetch_add(1, Relaxed);
        let until = self.lasts.map(|lasts| SystemTime::from(clock::now() + lasts));
        CredentialsFuture::ready(Ok(Credentials::new(format!("ASIA{number}"), "secret", None, until, "test")))
    }
}

async fn asked_for(lasts: Option<TimeDelta>, forget: bool) -> u32 {
    let asked = Arc::new(AtomicU32::new(0));
    let provider = SharedCredentialsProvider::new(Counting { asked: Arc::clone(&asked), lasts });
    let kept = Arc::new(Kept { provider, held: Mutex::default() });
    let shared = Shared(Arc::clone(&kept));
    futures_util::future::join_all((0..20).map(|_| shared.provide_credentials())).await;
    if forget {
        kept.forget(0).await;
        shared.provide_credentials().await.unwrap();
        kept.forget(1).await;
        shared.provide_credentials().await.unwrap();
    }
    asked.load(Relaxed)
}

#[tokio::test]
async fn a_session_is_shared_until_shortly_before_its_end() {
    assert_eq!(asked_for(Some(TimeDelta::hours(1)), false).await, 1);
    assert_eq!(asked_for(None, false).await, 1, "what has no end is kept");
    assert_eq!(asked_for(Some(TimeDelta::minutes(1)), false).await, 20, "what is about to end is not given away");
}

#[tokio::test]
async fn a_session_that_was_refused_is_begun_anew_once_for_all() {
    assert_eq!(asked_for(Some(TimeDelta::hours(1)), true).await, 2);
}
