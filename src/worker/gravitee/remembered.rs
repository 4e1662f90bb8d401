//! What was seen before, for an answer in time where every API would cost a call: from the registry, where a run saw the scope whole
//! within a day, else from this process's own last look.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::brief::{Brief, Common};
use super::offer::{self, Offer};
use crate::config::{Config, Connection};
use crate::inventory::{Api, Details, Scope};
use crate::plan::ApiState;
use crate::registry::{Reader, RegistryError};
use crate::worker::book::away;

/// What is older than this is read anew before it is shown.
const FRESH_FOR: TimeDelta = TimeDelta::days(1);

/// What this process has seen, by connection and scope, while one file was in force.
#[derive(Default)]
pub(super) struct Remembered(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    of: Option<Arc<Config>>,
    looks: BTreeMap<(String, Scope), (DateTime<Utc>, Vec<Offer>)>,
    /// Whether it was said that HTTP APIs may not be listed.
    denial_told: bool,
}

impl Kept {
    fn is_of(&self, brief: &Brief) -> bool {
        self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, &brief.config))
    }
}

impl Remembered {
    /// Forgets everything where another file is in force now.
    pub(super) fn is_of(&self, brief: &Brief) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.is_of(brief) {
            *kept = Kept { of: Some(Arc::clone(&brief.config)), ..Kept::default() };
        }
    }

    /// Keeps what was just seen of a scope, whole; but not where somebody who began by an earlier file saw it, which may call APIs
    /// otherwise and offer other stages.
    pub(super) fn keep(&self, brief: &Brief, connection: &str, scope: &Scope, offers: &[Offer], now: DateTime<Utc>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_of(brief) {
            kept.looks.insert((connection.to_owned(), scope.clone()), (now, offers.to_owned()));
        }
    }

    /// Whether nobody has said yet, by the file in force, that HTTP APIs may not be listed.
    pub(super) fn is_first_denial(&self) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !std::mem::replace(&mut kept.denial_told, true)
    }

    fn of(&self, brief: &Brief, connection: &str, scope: &Scope) -> Option<(DateTime<Utc>, Vec<Offer>)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.is_of(brief) {
            return None;
        }
        kept.looks.get(&(connection.to_owned(), scope.clone())).cloned()
    }
}

/// What is offered of a scope by what was seen within a day; `None` where nobody saw it whole.
pub(super) async fn recall(
    common: &Common,
    remembered: &Remembered,
    brief: &Brief,
    connection: &Connection,
    scope: &Scope,
) -> Option<Vec<Offer>> {
    let now = (common.clock)();
    let is_fresh = |at: DateTime<Utc>| (TimeDelta::zero()..FRESH_FOR).contains(&(now - at));
    let own = remembered.of(brief, &connection.name, scope).filter(|(at, _)| is_fresh(*at));
    let (registry, name, wanted) = (common.registry.clone(), connection.name.clone(), scope.clone());
    let known = away(move || registry.look_up(|reader| seen_whole(reader, &name, &wanted))).await;
    let known = match known {
        Ok(known) => known.flatten().filter(|(at, _)| is_fresh(*at)),
        Err(error) => {
            tracing::warn!(integration = brief.name, "the registry cannot be read, so {scope} is looked at: {error}");
            None
        }
    };
    match (own, known) {
        (Some((seen, offers)), Some((at, _))) if seen >= at => Some(offers),
        (_, Some((_, apis))) => {
            Some(apis.into_iter().flat_map(|api| offer::offers(brief, connection, api, None)).collect())
        }
        (own, None) => own.map(|(_, offers)| offers),
    }
}

/// When a scope was seen whole, and its APIs.
type SeenWhole = (DateTime<Utc>, Vec<Api>);

/// The APIs of a scope that was seen whole, and when that was.
fn seen_whole(reader: &Reader, connection: &str, scope: &Scope) -> Result<Option<SeenWhole>, RegistryError> {
    let Some(at) = reader.seen_whole(connection, scope)? else { return Ok(None) };
    let known = reader.known(connection, scope)?;
    // One whose stages could not be read then would be missing now, and its scope was not seen whole.
    if known.apis.values().any(|known| is_there(known.state) && matches!(known.api.details, Details::Unreadable { .. }))
    {
        return Ok(None);
    }
    let there = known.apis.into_values().filter(|known| is_there(known.state) && known.absent_since.is_none());
    Ok(Some((at, there.map(|known| known.api).collect())))
}

fn is_there(state: Option<ApiState>) -> bool {
    matches!(state, Some(ApiState::Onboarded | ApiState::Excluded | ApiState::Seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::inventory::Family;

    fn brief() -> Brief {
        let file = "[connections.shop]\nregions = [\"eu-west-1\"]\n[connections.shop.credentials.default_chain]\n\
                    [integrations.apim.gravitee]\nendpoints = [\"http://one:8072\"]\ntoken = \"env:TOKEN\"\nintegration_id = \"i-1\"\n";
        let loaded = config::parse(file, &config::Place::new(std::path::Path::new("/f/schedules.toml"))).unwrap();
        let config = Arc::new(loaded.config);
        let config::IntegrationKind::Gravitee(gravitee) = config.integrations["apim"].kind.clone();
        Brief { name: "apim".to_owned(), gravitee: *gravitee, config }
    }

    #[test]
    fn what_was_seen_by_an_earlier_file_is_neither_kept_nor_shown_by_a_later_one() {
        let (earlier, later, remembered) = (brief(), brief(), Remembered::default());
        let scope = Scope {
            partition: "aws".to_owned(),
            account_id: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            family: Family::Rest,
        };
        let now = DateTime::UNIX_EPOCH;
        let is_there = |brief: &Brief| remembered.of(brief, "shop", &scope).is_some();
        remembered.is_of(&earlier);
        remembered.is_of(&later);
        // A look that began before the reload comes to its end after it.
        remembered.keep(&earlier, "shop", &scope, &[], now);
        assert!(!is_there(&later) && !is_there(&earlier));
        remembered.keep(&later, "shop", &scope, &[], now);
        assert!(is_there(&later) && !is_there(&earlier));
    }
}
