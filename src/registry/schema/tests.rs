//! Migrating made-up schemas: there is only one real one yet.

use std::os::unix::fs::PermissionsExt;

use super::*;

const STEPS: [M<'static>; 3] = [
    M::up("CREATE TABLE one (a INTEGER) STRICT"),
    M::up("ALTER TABLE one ADD COLUMN b INTEGER"),
    M::up("CREATE TABLE two (a INTEGER) STRICT"),
];

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection
}

fn bring_to(path: &Path, version: usize) -> Result<(), RegistryErrorKind> {
    bring_up(&mut open(path), path, &Migrations::from_slice(&STEPS[..version]), version)
}

fn version_of(path: &Path) -> Found {
    identify(&open(path)).unwrap()
}

#[test]
fn the_released_migrations_are_sound() {
    migrations().validate().unwrap();
}

#[test]
fn a_copy_is_kept_before_each_migration() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("aboard.db");
    bring_to(&path, 1).unwrap();
    assert!(!copy_path(&path, 0).exists(), "there is nothing to copy in a new file");
    open(&path).execute("INSERT INTO one VALUES (7)", []).unwrap();

    bring_to(&path, 3).unwrap();
    assert_eq!(version_of(&path), Found::Version(3));
    let copy = copy_path(&path, 1);
    assert_eq!(version_of(&copy), Found::Version(1));
    let kept: i64 = open(&copy).query_row("SELECT a FROM one", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 7);
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_newer_registry_is_refused_with_the_newest_copy_that_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("aboard.db");
    for version in 1..=3 {
        bring_to(&path, version).unwrap();
    }
    let refused = bring_to(&path, 2).unwrap_err();
    let RegistryErrorKind::Newer { found: 3, supported: 2, copy: Some(copy) } = &refused else { panic!("{refused:?}") };
    assert_eq!(*copy, copy_path(&path, 2));

    std::fs::remove_file(copy).unwrap();
    std::fs::write(copy_path(&path, 2), "not a registry").unwrap();
    let refused = bring_to(&path, 2).unwrap_err();
    assert!(matches!(&refused, RegistryErrorKind::Newer { copy: Some(copy), .. } if *copy == copy_path(&path, 1)));
    let sentence = crate::registry::RegistryError::new(&path, refused).to_string();
    assert!(sentence.contains("schema version 3") && sentence.contains("versions up to 2"), "{sentence}");
    assert!(sentence.contains("aboard.db.v1.bak"), "{sentence}");
}

#[test]
fn a_migration_that_fails_leaves_the_file_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("aboard.db");
    bring_to(&path, 1).unwrap();
    let broken = [STEPS[0].clone(), STEPS[1].clone(), M::up("CREATE TABLE one (again INTEGER)")];
    let failed = bring_up(&mut open(&path), &path, &Migrations::from_slice(&broken), 3).unwrap_err();
    assert!(matches!(failed, RegistryErrorKind::Migration(_)), "{failed:?}");
    assert_eq!(version_of(&path), Found::Version(1));
    bring_to(&path, 2).unwrap();
}

#[test]
fn of_many_that_open_an_old_registry_at_once_one_migrates() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("aboard.db");
    bring_to(&path, 1).unwrap();
    std::thread::scope(|scope| {
        let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| bring_to(&path, 3))).collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    });
    assert_eq!(version_of(&path), Found::Version(3));
    assert_eq!(version_of(&copy_path(&path, 1)), Found::Version(1), "copied before the change, not after");
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.db");
    open(&path).execute_batch("CREATE TABLE theirs (a); PRAGMA user_version = 1").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(bring_to(&path, 3), Err(RegistryErrorKind::NotARegistry)));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_creation_that_was_interrupted_is_taken_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("aboard.db");
    open(&path).pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    bring_to(&path, 1).unwrap();
    assert_eq!(version_of(&path), Found::Version(1));
}

#[test]
fn an_older_registry_learns_from_its_runs_when_each_scope_was_first_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("aboard.db");
    bring_up(&mut open(&path), &path, &Migrations::from_slice(&MIGRATIONS[..3]), 3).unwrap();
    let scope = |region: &str, since: i64, complete: &str| {
        format!(
            "INSERT INTO scope_status (connection, partition, account_id, region, family, state, explained, since, last_look_at, last_run_id,
                 first_complete_at, apis) VALUES ('shop', 'aws', '1', '{region}', 'rest', 'throttled', 0, {since}, 90, 2, {complete}, 0);"
        )
    };
    let look = |run: i64, region: &str, at: i64| {
        format!(
            "INSERT INTO run_scopes VALUES ({run}, 'aws', '1', '{region}', 'rest', NULL, 'failed', 0, NULL, NULL, '[]', 0, 0, 0, 0, 0, 0, 0, 0,
                 0, {at});"
        )
    };
    let run = |run: i64, connection: &str| {
        format!(
            "INSERT INTO runs (id, connection, trigger, started_at, outcome, selected, request, pid)
             VALUES ({run}, '{connection}', 'manual', 0, 'failed', 0, '{{}}', 1);"
        )
    };
    let rows = [
        run(1, "shop"),
        run(2, "shop"),
        run(3, "other"),
        scope("seen", 70, "30"),
        scope("told", 80, "NULL"),
        scope("forgotten", 60, "NULL"),
        look(1, "told", 20),
        look(2, "told", 80),
        look(3, "told", 10),
    ];
    open(&path).execute_batch(&rows.concat()).unwrap();
    bring_up(&mut open(&path), &path, &migrations(), supported_version()).unwrap();
    let connection = open(&path);
    let mut statement = connection.prepare("SELECT region, first_look_at FROM scope_status ORDER BY region").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let found: Vec<(String, i64)> = rows.map(Result::unwrap).collect();
    let expected = [("forgotten", 60), ("seen", 30), ("told", 20)];
    assert_eq!(found, expected.map(|(region, at)| (region.to_owned(), at)));
}
