//! What must hold in a registry, whatever happened to the processes that wrote it.

#![expect(clippy::unwrap_used, reason = "a test whose fixture fails has failed")]

use std::collections::{BTreeMap, BTreeSet};

use aboard::inventory::{ApiId, ScopeState};
use aboard::registry::{
    ApiDocument, ApiFilter, DeliveryFilter, HistoryEvent, Outcome, Reader, Registry, RunFilter, RunId, RunRow,
    RunScope, Trigger,
};

use super::Home;

impl Home {
    /// The registry, to be looked at.
    pub(crate) fn book(&self) -> Reader {
        Registry::open_read(&self.registry()).unwrap()
    }

    /// The APIs to which each event happened, once for each time.
    pub(crate) fn happened(&self, event: HistoryEvent) -> Vec<ApiId> {
        let book = self.book();
        let apis = book.apis(&ApiFilter { dropped: true, ..ApiFilter::default() }).unwrap();
        let ids = apis.iter().map(ApiDocument::id);
        let times = |id: &ApiId| book.history(id).unwrap().iter().filter(|row| row.event == event).count();
        ids.flat_map(|id| std::iter::repeat_n(id.clone(), times(&id))).collect()
    }

    /// How often each target was told of each API.
    pub(crate) fn told(&self) -> BTreeMap<(String, ApiId), usize> {
        let mut told = BTreeMap::new();
        for row in self.book().deliveries(&DeliveryFilter::default()).unwrap() {
            *told.entry((row.target, row.api.unwrap())).or_default() += 1;
        }
        told
    }

    /// Every run, the oldest first.
    pub(crate) fn runs(&self) -> Vec<RunRow> {
        let mut runs = self.book().runs(&RunFilter::default()).unwrap();
        runs.reverse();
        runs
    }

    /// Asserts that `apis` APIs were onboarded once each, with each of `targets` once, however many runs it took, and that no run is
    /// left open.
    pub(crate) fn must_have_onboarded_once(&self, apis: usize, targets: &[&str], occasion: &str) {
        let onboarded = self.happened(HistoryEvent::Onboarded);
        let once: BTreeSet<&ApiId> = onboarded.iter().collect();
        assert_eq!((onboarded.len(), once.len()), (apis, apis), "{occasion}: onboarded in all, and different ones");
        let told = self.told();
        assert_eq!(told.len(), apis * targets.len(), "{occasion}: pairs of target and API");
        for ((target, api), times) in &told {
            assert!(targets.contains(&target.as_str()), "{occasion}: {target}");
            assert_eq!(*times, 1, "{occasion}: {target} was told of {api}");
        }
        let runs = self.runs();
        assert_eq!(runs.iter().map(|run| run.counts.onboard).sum::<u64>(), apis as u64, "{occasion}: {runs:#?}");
        self.must_be_sound(occasion);
    }

    /// Asserts what must hold even right after a crash: of each API that was onboarded, each of so many targets is told once. Answers
    /// how many are onboarded.
    pub(crate) fn must_have_told_as_it_onboarded(&self, targets: usize, occasion: &str) -> usize {
        if !self.registry().exists() {
            return 0;
        }
        let onboarded = self.happened(HistoryEvent::Onboarded);
        let told = self.told();
        assert_eq!(told.len(), onboarded.len() * targets, "{occasion}");
        assert!(told.values().all(|times| *times == 1), "{occasion}: {told:?}");
        assert_eq!(self.book().check().unwrap(), Vec::<String>::new(), "{occasion}");
        onboarded.len()
    }

    /// Asserts that no run is open and that the registry finds nothing wrong with itself.
    pub(crate) fn must_be_sound(&self, occasion: &str) {
        let runs = self.runs();
        assert!(runs.iter().all(|run| run.outcome != Outcome::Running), "{occasion}: {runs:#?}");
        assert_eq!(self.book().check().unwrap(), Vec::<String>::new(), "{occasion}");
    }

    /// Asserts that each interrupted run was carried on by its connection's next, and that no scope that was committed complete was
    /// committed again by one that carried on.
    pub(crate) fn must_have_resumed(&self, occasion: &str) {
        let (book, runs) = (self.book(), self.runs());
        let mut last: BTreeMap<&str, &RunRow> = BTreeMap::new();
        let mut done: BTreeMap<RunId, BTreeSet<_>> = BTreeMap::new();
        for run in &runs {
            let before = last.insert(&run.connection, run).filter(|before| before.outcome == Outcome::Interrupted);
            assert_eq!(run.resumes, before.map(|before| before.run_id), "{occasion}: {run:#?}");
            assert_eq!(run.trigger == Trigger::Resume, run.resumes.is_some(), "{occasion}: {run:#?}");
            let mut committed = before.map(|before| done[&before.run_id].clone()).unwrap_or_default();
            let complete = |scope: &RunScope| scope.state == ScopeState::Complete;
            for scope in book.run(run.run_id).unwrap().1.into_iter().filter(complete) {
                let name = (scope.account_id, scope.region, scope.family);
                assert!(committed.insert(name.clone()), "{occasion}: {name:?} was committed twice");
            }
            done.insert(run.run_id, committed);
        }
    }
}
