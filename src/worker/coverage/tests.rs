//! What the rows of a registry come to.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::config::{self, Config};
use crate::inventory::{AccountTrouble, Listing, Scope, ScopeLook, Trouble};
use crate::plan::{Rules, plan};
use crate::registry::{Commit, CommitScope, Counts, NewRun, Outcome, Registry, RunId, Trigger};

const A: &str = "111122223333";
const B: &str = "444455556666";

/// A registry that runs are told to.
struct Bench {
    registry: Registry,
    _folder: TempDir,
}

/// How one look of a run ended.
#[derive(Clone, Copy)]
enum Look {
    Whole(&'static str, &'static str),
    Failed(&'static str, &'static str, ScopeState),
    /// The account could not be entered, or was not even known.
    NoEntry(Option<&'static str>, ScopeState),
}
use Look::{Failed, NoEntry, Whole};
use ScopeState::{AccessDenied, AccountSuspended, Complete, CredentialsFailed, Throttled};

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::create_or_open(&folder.path().join("aboard.db")).unwrap();
        Self { registry, _folder: folder }
    }

    /// A run over everything, `hours` after the first.
    fn run(&mut self, connection: &str, hours: i64, looks: &[Look]) -> RunId {
        let whole = looks.iter().any(|look| matches!(look, Whole(..)));
        self.run_as(connection, hours, looks, if whole { Outcome::Partial } else { Outcome::Failed }, &json!({}), None)
    }

    fn run_as(
        &mut self,
        connection: &str,
        hours: i64,
        looks: &[Look],
        outcome: Outcome,
        request: &serde_json::Value,
        resumes: Option<RunId>,
    ) -> RunId {
        let trigger = Trigger::Schedule;
        let new =
            NewRun { connection, trigger, due_at: None, due: None, resumes, selected: false, request, host: None };
        let run_id = self.registry.begin_run(&new, hour(hours)).unwrap();
        for look in looks {
            match *look {
                Whole(account, region) => self.look(run_id, connection, account, region, None, hours),
                Failed(account, region, state) => {
                    self.look(run_id, connection, account, region, Some(trouble(state)), hours);
                }
                NoEntry(account, state) => {
                    let account_id = account.map(str::to_owned);
                    let entered =
                        AccountTrouble { account_id, account_name: None, trouble: trouble(state), meant: false };
                    self.registry.record_account(run_id, &entered, false, hour(hours)).unwrap();
                }
            }
        }
        self.registry.finish_run(run_id, outcome, &Counts::default(), None, hour(hours)).unwrap();
        run_id
    }

    fn look(
        &mut self,
        run_id: RunId,
        connection: &str,
        account: &str,
        region: &str,
        failed: Option<Trouble>,
        hours: i64,
    ) {
        let look = ScopeLook {
            scope: scope(account, region),
            account_name: Some(format!("name of {account}")),
            listing: failed.map_or(Listing::Whole { without_list: false }, Listing::Failed),
            apis: Vec::new(),
            domains_read: true,
            notes: Vec::new(),
            calls: 1,
            throttled: 0,
        };
        let known = self.registry.known(connection, &look.scope).unwrap();
        let config = file("");
        let rules = Rules::of(&config.connections["shop"], &config.targets);
        let plan = plan(&look, &known, &rules, hour(hours));
        let commit = CommitScope {
            run_id,
            connection,
            known: &known,
            plan: &plan,
            account_name: look.account_name.as_deref(),
            explained: false,
            calls: 1,
            throttled: 0,
            notes: &[],
            digests: &BTreeSet::new(),
            approved_by: None,
        };
        assert!(matches!(self.registry.commit_scope(&commit, hour(hours)).unwrap(), Commit::Done(_)));
    }

    fn entries(&self, config: Option<&Config>, hours: i64) -> Vec<Covered> {
        coverage(&self.registry, config, &CoverageFilter::default(), hour(hours)).unwrap().entries
    }

    /// Account, region and state of each entry, `-` where there is none and `!` where nobody looks any more.
    fn told(&self, config: Option<&Config>, hours: i64) -> Vec<String> {
        let word = |entry: &Covered| {
            let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let mark = if entry.is_unwatched() { "!" } else { "" };
            format!("{} {} {}{mark}", or(&entry.account_id), or(&entry.region), entry.state)
        };
        self.entries(config, hours).iter().map(word).collect()
    }

    fn stale(&self, config: Option<&Config>, hours: i64) -> usize {
        let filter = CoverageFilter { stale: Some(TimeDelta::hours(48)), ..CoverageFilter::default() };
        coverage(&self.registry, config, &filter, hour(hours)).unwrap().entries.len()
    }
}

fn hour(hours: i64) -> DateTime<Utc> {
    "2026-11-23T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hours)
}

fn scope(account: &str, region: &str) -> Scope {
    let family = Family::Rest;
    Scope { partition: "aws".to_owned(), account_id: account.to_owned(), region: region.to_owned(), family }
}

fn trouble(state: ScopeState) -> Trouble {
    Trouble { state, cause: format!("it is {state}"), hint: Some("ask somebody".to_owned()) }
}

/// A file with the connection `shop` in two regions; `more` goes to its end.
fn file(more: &str) -> Config {
    let text = format!(
        "[connections.shop]\nregions = [\"eu-west-1\", \"eu-west-2\"]\n[connections.shop.credentials.default_chain]\n{more}"
    );
    config::parse(&text, &config::Place::new(std::path::Path::new("schedules.toml"))).unwrap().config
}

#[test]
fn what_was_never_seen_whole_counts_from_its_first_look_however_its_failures_change() {
    let mut bench = Bench::new();
    bench.run("shop", 0, &[Failed(A, "eu-west-1", AccessDenied)]);
    bench.run("shop", 24, &[Failed(A, "eu-west-1", Throttled)]);
    bench.run("shop", 47, &[Failed(A, "eu-west-1", AccessDenied)]);
    assert_eq!((bench.stale(None, 47), bench.stale(None, 48)), (0, 1));
    let entry = &bench.entries(None, 48)[0];
    assert_eq!((entry.since, entry.last_complete_at, entry.unseen_since), (hour(47), None, hour(0)));
    bench.run("shop", 49, &[Whole(A, "eu-west-1")]);
    assert_eq!((bench.stale(None, 49), bench.stale(None, 97)), (0, 1), "what nobody looked at since is no better");
}

#[test]
fn an_account_that_cannot_be_entered_is_one_entry_until_it_can() {
    let mut bench = Bench::new();
    bench.run("shop", 0, &[Whole(A, "eu-west-1"), Whole(A, "eu-west-2"), Whole(B, "eu-west-1")]);
    bench.run_as("shop", 5, &[Whole(A, "eu-west-2")], Outcome::Succeeded, &json!({ "region": "eu-west-2" }), None);
    bench.run("shop", 9, &[NoEntry(Some(A), CredentialsFailed), Whole(B, "eu-west-1")]);
    let is = [format!("{A} - credentials_failed"), format!("{B} eu-west-1 complete")];
    assert_eq!(bench.told(None, 9), is);
    let account = &bench.entries(None, 9)[0];
    assert_eq!((account.since, account.last_complete_at, account.family), (hour(9), Some(hour(0)), None));
    assert_eq!(
        (account.account_name.as_deref(), account.partition.as_deref()),
        (Some("name of 111122223333"), Some("aws"))
    );
    assert_eq!((bench.stale(None, 47), bench.stale(None, 48)), (0, 1));

    bench.run_as("shop", 10, &[Whole(A, "eu-west-1")], Outcome::Succeeded, &json!({ "region": "eu-west-1" }), None);
    let is =
        [A, A, B].iter().zip(["1", "2", "1"]).map(|(account, region)| format!("{account} eu-west-{region} complete"));
    assert_eq!(bench.told(None, 10), is.collect::<Vec<_>>(), "the other region was not left, only not asked for");
}

#[test]
fn credentials_that_fail_before_an_account_is_known_stand_for_those_known_before() {
    let mut bench = Bench::new();
    bench.run("shop", 0, &[NoEntry(None, CredentialsFailed)]);
    bench.run("hand", 0, &[NoEntry(None, Throttled)]);
    assert_eq!(bench.told(None, 0), ["- - throttled", "- - credentials_failed"], "each connection's own");
    bench.run("shop", 1, &[Whole(A, "eu-west-1"), Whole(A, "eu-west-2")]);
    bench.run("shop", 2, &[NoEntry(None, CredentialsFailed)]);
    assert_eq!(bench.told(None, 2), ["- - throttled".to_owned(), format!("{A} - credentials_failed")]);
    let entry = &bench.entries(None, 2)[1];
    assert_eq!(
        (entry.since, entry.last_complete_at, &entry.connections[..]),
        (hour(2), Some(hour(1)), &["shop".to_owned()][..])
    );
}

#[test]
fn what_a_run_over_everything_did_not_come_to_is_no_alarm_and_says_why() {
    let mut bench = Bench::new();
    let all = [Whole(A, "eu-west-1"), Whole(A, "eu-west-2"), Whole(B, "eu-west-1")];
    bench.run("shop", 0, &all);
    let here = [Whole(A, "eu-west-1")];
    let complete =
        [format!("{A} eu-west-1 complete"), format!("{A} eu-west-2 complete"), format!("{B} eu-west-1 complete")];
    for (outcome, request) in [
        (Outcome::Interrupted, json!({})),
        (Outcome::Failed, json!({})),
        (Outcome::Succeeded, json!({ "region": "eu-west-1" })),
        (Outcome::Succeeded, json!({ "account": A })),
        (Outcome::Succeeded, json!({ "only": ["111122223333/*/*"] })),
    ] {
        bench.run_as("shop", 1, &here, outcome, &request, None);
        assert_eq!(bench.told(None, 1), complete, "{outcome:?} {request}");
    }
    let unreached = [Whole(A, "eu-west-1"), Failed(A, "eu-west-2", ScopeState::NotReached)];
    bench.run("shop", 2, &unreached);
    assert!(!bench.told(None, 2)[2].ends_with('!'), "a run whose time was up came to nothing in the end");

    let run_id = bench.run("shop", 3, &[Whole(A, "eu-west-1"), Whole(A, "eu-west-2")]);
    assert_eq!(bench.told(None, 3)[2], format!("{B} eu-west-1 complete!"));
    let entries = bench.entries(None, 3);
    let cause = entries[2].cause.as_deref().unwrap();
    assert!(cause.contains(&format!("run {run_id} of 2026-11-23")) && cause.contains("account was closed"), "{cause}");
    assert!(entries[2].explained && entries[0].unwatched.is_none(), "{entries:#?}");
    assert_eq!(bench.stale(None, 1_000), 2, "the two that are looked at");
    let totals = coverage(&bench.registry, None, &CoverageFilter::default(), hour(3)).unwrap().totals;
    assert_eq!(totals, Totals { accounts: 1, complete: 2, unwatched: 1, ..Totals::default() });
}

#[test]
fn an_account_that_is_closed_says_so_and_afterwards_that_nobody_looks_there() {
    let mut bench = Bench::new();
    bench.run("shop", 0, &[Whole(A, "eu-west-1"), Whole(B, "eu-west-1"), Whole(B, "eu-west-2")]);
    bench.run("shop", 1, &[Whole(A, "eu-west-1"), NoEntry(Some(B), AccountSuspended)]);
    let config = file("");
    let entry = bench.entries(Some(&config), 1).remove(1);
    assert_eq!(
        (entry.state, entry.explained, entry.cause.as_deref()),
        (AccountSuspended, true, Some("it is account_suspended"))
    );
    assert_eq!(bench.stale(Some(&config), 1_000), 1, "the other one");
    bench.run("shop", 2, &[Whole(A, "eu-west-1")]);
    assert_eq!(bench.told(Some(&config), 2)[1..], [format!("{B} - account_suspended!")]);
}

#[test]
fn what_an_interrupted_run_committed_belongs_to_the_run_that_carries_it_on() {
    let mut bench = Bench::new();
    bench.run("shop", 0, &[Whole(A, "eu-west-1"), Whole(A, "eu-west-2"), Whole(B, "eu-west-1")]);
    let first = bench.run_as("shop", 1, &[Whole(A, "eu-west-1")], Outcome::Interrupted, &json!({}), None);
    bench.run_as("shop", 2, &[Whole(A, "eu-west-2")], Outcome::Succeeded, &json!({}), Some(first));
    let marks: Vec<bool> = bench.told(None, 2).iter().map(|told| told.ends_with('!')).collect();
    assert_eq!(marks, [false, false, true]);
}

#[test]
fn the_file_says_at_once_what_is_not_looked_at_any_more() {
    let mut bench = Bench::new();
    bench.run("shop", 0, &[Whole(A, "eu-west-1"), Failed(A, "eu-west-3", AccessDenied)]);
    bench.run("left", 0, &[Failed(B, "eu-west-1", AccessDenied), Whole(A, "eu-west-1")]);
    let config = file("");
    let told = bench.told(Some(&config), 0);
    assert_eq!(
        told,
        [
            format!("{A} eu-west-1 complete"),
            format!("{A} eu-west-3 access_denied!"),
            format!("{B} eu-west-1 access_denied!")
        ]
    );
    let entries = bench.entries(Some(&config), 0);
    let causes: Vec<&str> = entries.iter().map(|entry| entry.cause.as_deref().unwrap_or_default()).collect();
    let is = [
        "",
        "shop looks there no more: the schedule file leaves this account or region out",
        "left looks there no more: it is not in the schedule file",
    ];
    assert_eq!(causes, is);
    assert_eq!((entries[0].unwatched, &entries[0].connections[..]), (Some(false), &["shop".to_owned()][..]));

    let role = "[connections.role]\nregions = [\"eu-west-1\"]\n[connections.role.credentials.assume_role]\n\
                role_arn = \"arn:aws:iam::111122223333:role/Reader\"\n";
    bench.run("role", 1, &[Whole(B, "eu-west-1"), Failed(A, "eu-west-1", AccessDenied)]);
    let told = bench.told(Some(&file(role)), 1);
    assert_eq!(told[2], format!("{B} eu-west-1 complete!"), "the role is of another account now");
    let central = format!(
        "[connections.org.credentials.central_role]\nrole_arn = \"arn:aws:iam::111122223333:role/Central\"\n\
         child_role_name = \"Child\"\naccounts = {{ exclude = [\"{B}\"] }}\n"
    );
    bench.run("org", 2, &[Whole(A, "eu-west-9"), NoEntry(Some(B), CredentialsFailed)]);
    let told = bench.told(Some(&file(&central)), 2);
    assert_eq!(told[2..4], [format!("{A} eu-west-9 complete"), format!("{B} - credentials_failed!")]);
}

#[test]
fn of_several_connections_a_complete_look_wins_and_every_failure_must_be_meant() {
    let mut bench = Bench::new();
    let hole = "[[connections.shop.expected]]\nstates = [\"access_denied\"]\nreason = \"sandbox\"\n";
    let hand = "[connections.hand]\nregions = [\"eu-west-1\"]\n[connections.hand.credentials.default_chain]\n";
    let (one, both) = (file(&format!("{hole}{hand}")), file(&format!("{hole}{hand}{}", hole.replace("shop", "hand"))));
    bench.run("shop", 0, &[Failed(A, "eu-west-1", AccessDenied)]);
    bench.run("hand", 1, &[Failed(A, "eu-west-1", AccessDenied)]);
    let of = |bench: &Bench, config: &Config| bench.entries(Some(config), 9).remove(0);
    let entry = of(&bench, &one);
    assert_eq!((entry.explained, entry.reason, entry.since, entry.last_look_at), (false, None, hour(0), hour(1)));
    let entry = of(&bench, &both);
    assert_eq!((entry.explained, entry.reason.as_deref()), (true, Some("sandbox")));
    assert_eq!(entry.connections, ["hand", "shop"]);

    bench.run("shop", 2, &[Whole(A, "eu-west-1")]);
    bench.run("hand", 3, &[Failed(A, "eu-west-1", Throttled)]);
    let entry = of(&bench, &one);
    assert_eq!((entry.state, entry.cause, entry.last_complete_at), (Complete, None, Some(hour(2))));
    assert_eq!(entry.unseen_since, hour(2));
    let filter = CoverageFilter { connection: Some("hand".to_owned()), ..CoverageFilter::default() };
    let own = coverage(&bench.registry, Some(&one), &filter, hour(9)).unwrap().entries;
    assert_eq!((own.len(), own[0].state, &own[0].connections[..]), (1, Throttled, &["hand".to_owned()][..]));
}

#[test]
fn a_known_hole_explains_by_todays_file_and_only_until_its_last_day() {
    let mut bench = Bench::new();
    bench.run("shop", 0, &[Whole(A, "eu-west-1"), Failed(A, "eu-west-2", AccessDenied)]);
    let hole = "[[connections.shop.expected]]\nregions = [\"eu-west-2\"]\nstates = [\"access_denied\"]\nreason = \"sandbox\"\n";
    let (never, until) = (file(""), file(&format!("{hole}until = 2026-11-24\n")));
    let explained = |bench: &Bench, config: &Config, hours| bench.entries(Some(config), hours).remove(1).explained;
    assert!(!explained(&bench, &never, 0) && explained(&bench, &until, 47) && !explained(&bench, &until, 48));
    assert_eq!((bench.stale(Some(&until), 47), bench.stale(Some(&until), 48)), (0, 2));

    // What a run found to be meant for reasons of its own stays so, but not what it took from an entry that is past.
    let meant = |bench: &Bench, config| explained(bench, config, 48);
    let trouble = trouble(AccessDenied);
    let new = json!({});
    let begun = NewRun {
        connection: "shop",
        trigger: Trigger::Manual,
        due_at: None,
        due: None,
        resumes: None,
        selected: false,
        request: &new,
        host: None,
    };
    let run_id = bench.registry.begin_run(&begun, hour(1)).unwrap();
    bench.registry.record_scope(run_id, &scope(A, "eu-west-2"), None, &trouble, true, hour(1)).unwrap();
    assert!(meant(&bench, &never) && !meant(&bench, &until));
}

#[test]
fn entries_are_chosen_by_account_region_and_state() {
    let mut bench = Bench::new();
    bench.run("shop", 0, &[Whole(A, "eu-west-1"), Whole(A, "eu-west-2"), NoEntry(Some(B), CredentialsFailed)]);
    let count = |filter: &CoverageFilter| coverage(&bench.registry, None, filter, hour(0)).unwrap().entries.len();
    let all = CoverageFilter::default;
    assert_eq!(count(&CoverageFilter { account: Some(A.to_owned()), ..all() }), 2);
    assert_eq!(count(&CoverageFilter { region: Some("eu-west-2".to_owned()), ..all() }), 2, "B's are not known");
    assert_eq!(count(&CoverageFilter { state: Some(Complete), ..all() }), 2);
    assert_eq!(count(&CoverageFilter { connection: Some("hand".to_owned()), ..all() }), 0);
}

#[test]
fn figures_count_by_state_what_is_looked_at_and_how_long_the_oldest_was_unseen() {
    let mut bench = Bench::new();
    bench.run("shop", 0, &[Whole(A, "eu-west-1"), Failed(A, "eu-west-2", AccessDenied), Whole(A, "eu-west-3")]);
    bench.run("shop", 5, &[Whole(A, "eu-west-1"), Failed(A, "eu-west-2", AccessDenied)]);
    bench.run("left", 5, &[Failed(B, "eu-west-1", AccessDenied)]);
    let hole = "[[connections.shop.expected]]\nstates = [\"access_denied\"]\nreason = \"sandbox\"\n";
    let of = |config: &Config| figures(&bench.registry, config, hour(6)).unwrap();
    let shown = of(&file(""));
    assert_eq!(shown.keys().collect::<Vec<_>>(), ["shop"]);
    assert_eq!(shown["shop"].states, BTreeMap::from([("complete", 1), ("access_denied", 1)]));
    assert_eq!((shown["shop"].unexplained, shown["shop"].unseen_since), (1, Some(hour(0))));
    let shown = of(&file(hole));
    assert_eq!((shown["shop"].unexplained, shown["shop"].unseen_since), (0, Some(hour(5))));
}
