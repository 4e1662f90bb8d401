use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock;
use crate::config::{self, Limits, Place};
use crate::discovery::{Aws, Progress};
use crate::inventory::{Family, Trouble};
use crate::worker::Shelf;

const FILE: &str = "[connections.shop]\nregions = [\"eu-west-1\"]\n[connections.shop.credentials.default_chain]\n";

/// A run that this set off and that has looked nowhere yet.
async fn begun(trigger: Trigger) -> Run {
    let config = config::parse(FILE, &Place::new(Path::new("schedules.toml"))).unwrap().config;
    let connection = config.connections["shop"].clone();
    let aws = Aws::new(&config.network, &Limits::default()).await.unwrap();
    let context = Context {
        config: Arc::new(config),
        aws: Arc::new(aws),
        registry: Shelf::Empty,
        progress: Progress::default(),
        cancel: CancellationToken::new(),
        wind_down: CancellationToken::new(),
        clock: clock::now,
        courier: crate::worker::delivery::Courier::default(),
        by_hand: Arc::default(),
    };
    Run {
        context,
        connection,
        request: Request { trigger, ..Request::manual(Mode::Look) },
        book: Book::new(Shelf::Empty),
        claim: Claim::none(),
        counts: Counts::default(),
        deliveries: 0,
        open: BTreeSet::new(),
        doors: BTreeMap::new(),
        exporting: BTreeSet::new(),
        ways: Ways::default(),
        failed_exports: None,
        notice: None,
        scopes: Vec::new(),
        saw_whole: false,
        apis: Vec::new(),
        answered: BTreeMap::new(),
    }
}

fn row(account: u64, state: ScopeState) -> ScopeReport {
    let scope = Scope {
        partition: "aws".to_owned(),
        account_id: format!("{account:012}"),
        region: "eu-west-1".to_owned(),
        family: Family::Rest,
    };
    ScopeReport::of_unreached(&scope, &Trouble { state, cause: String::new(), hint: None })
}

#[tokio::test]
async fn a_run_by_itself_keeps_nothing_of_what_it_has_seen_whole_and_still_knows_how_it_went() {
    for (trigger, kept) in [(Trigger::Schedule, 1), (Trigger::Retry, 1), (Trigger::Manual, 1_001)] {
        let mut run = begun(trigger).await;
        assert!(run.came_nowhere());
        (0..1_000).for_each(|account| run.tell(row(account, ScopeState::Complete)));
        run.tell(row(1_000, ScopeState::AccessDenied));
        assert_eq!(run.scopes.len(), kept, "{trigger:?}");
        assert!(run.saw_whole && !run.came_nowhere());
    }
    let mut run = begun(Trigger::Schedule).await;
    run.tell(row(0, ScopeState::Complete));
    assert!(!run.came_nowhere(), "what is over has been come to, whether its row is kept or not");
}
