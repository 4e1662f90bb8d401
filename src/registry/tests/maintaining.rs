//! Figures, checks and copies.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::registry::testing::*;
use crate::registry::*;

#[test]
fn the_figures_of_a_registry_count_what_is_in_it() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1"), api("a2")]), &rules(), hour(0));
    let info = bench.registry.info().unwrap();
    assert_eq!(info.schema_version, supported_version());
    assert_eq!(info.apis.get("onboarded"), Some(&2));
    assert_eq!(info.deliveries.get("queued"), Some(&2));
    assert_eq!(info.runs.get("running"), Some(&1));
    assert_eq!(info.newest_run_at, Some(hour(0)));
    assert!(info.size > 0);
}

#[test]
fn a_backup_opens_and_holds_the_same_while_the_original_is_in_use() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));
    let file = bench.directory.path().join("copy.db");
    let reader = Registry::open_read(bench.registry.path()).unwrap();
    reader.backup(&file).unwrap();
    bench.look("payments", &whole(vec![api("a1"), api("a2")]), &rules(), hour(1));

    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let copy = Registry::open(&file).unwrap();
    assert_eq!(copy.check().unwrap(), Vec::<String>::new());
    assert_eq!(copy.apis(&ApiFilter::default()).unwrap().len(), 1);
}

#[test]
fn a_backup_replaces_nothing() {
    let bench = Bench::new();
    let file = bench.directory.path().join("copy.db");
    fs::write(&file, "precious").unwrap();
    let refused = bench.registry.backup(&file).unwrap_err();
    assert!(matches!(refused.kind, RegistryErrorKind::CopyExists(_)), "{refused}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn a_check_names_what_does_not_hold() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));
    assert_eq!(bench.registry.check().unwrap(), Vec::<String>::new());
    for (damage, expected) in [
        ("DELETE FROM history", "111122223333/eu-west-1/a1: its history does not lead to its state"),
        (
            "UPDATE told SET revision = 5",
            "111122223333/eu-west-1/a1 and target catalog: its deliveries do not lead to its revision",
        ),
        (
            "PRAGMA foreign_keys = OFF; DELETE FROM runs",
            "a row of run_scopes refers to a row of runs that is not there",
        ),
    ] {
        bench.registry.connection.execute_batch(damage).unwrap();
        let problems = bench.registry.check().unwrap();
        assert!(problems.iter().any(|problem| problem == expected), "{damage}: {problems:?}");
    }
}
