//! Opening a registry, and what stands in the way.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use crate::registry::testing::*;
use crate::registry::*;

#[test]
fn a_new_registry_belongs_to_its_owner_alone() {
    let bench = Bench::new();
    assert_eq!(bench.registry.path().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(bench.registry.place(), Place::Local);
    let pragma = |name: &str| bench.registry.connection.pragma_query_value(None, name, |row| row.get::<_, String>(0));
    assert_eq!(pragma("journal_mode").unwrap(), "wal");
    assert_eq!(bench.number("PRAGMA synchronous"), 2, "FULL");
    assert_eq!(bench.number("PRAGMA foreign_keys"), 1);
}

#[test]
fn only_creating_makes_a_registry() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("aboard.db");
    for refused in [Registry::open(&path).map(drop), Registry::open_read(&path).map(drop)] {
        assert_eq!(refused.unwrap_err().to_string(), format!("no registry at {}", path.display()));
    }
    assert!(!path.exists());
    fs::write(&path, "").unwrap();
    assert!(matches!(Registry::open(&path).unwrap_err().kind, RegistryErrorKind::Missing), "an empty file is none");
    Registry::create_or_open(&path).unwrap();
    Registry::open(&path).unwrap();
}

#[test]
fn many_may_make_a_registry_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("aboard.db");
    std::thread::scope(|scope| {
        let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| Registry::create_or_open(&path))).collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    });
    assert_eq!(Registry::open(&path).unwrap().check().unwrap(), Vec::<String>::new());
}

#[test]
fn a_file_of_somebody_else_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("notes.txt");
    fs::write(&text, "remember the milk, and quite a few other things as well").unwrap();
    let other = directory.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    for path in [text, other] {
        let before = fs::read(&path).unwrap();
        for refused in [
            Registry::create_or_open(&path).map(drop),
            Registry::open(&path).map(drop),
            Registry::open_read(&path).map(drop),
        ] {
            assert!(matches!(refused.unwrap_err().kind, RegistryErrorKind::NotARegistry), "{}", path.display());
        }
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_newer_registry_is_refused_whichever_way_it_is_opened() {
    let Bench { directory, registry } = Bench::new();
    let path = registry.path().to_owned();
    registry.connection.pragma_update(None, "user_version", 99).unwrap();
    drop(registry);
    for refused in [Registry::open(&path).map(drop), Registry::open_read(&path).map(drop)] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused.kind, RegistryErrorKind::Newer { found: 99, copy: None, .. }), "{refused}");
        assert!(refused.to_string().ends_with("there is no copy that this one can read"), "{refused}");
    }
    drop(directory);
}

#[test]
fn a_reader_sees_what_is_committed_and_cannot_write() {
    let mut bench = Bench::new();
    let reader = Registry::open_read(bench.registry.path()).unwrap();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));
    assert_eq!(reader.apis(&ApiFilter::default()).unwrap().len(), 1);
    let refused = reader.connection.execute("DELETE FROM apis", []).unwrap_err();
    assert!(matches!(RegistryErrorKind::from(refused), RegistryErrorKind::ReadOnly));
}

#[test]
fn a_file_that_cannot_change_is_read_without_making_others_beside_it() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));
    let copy = bench.directory.path().join("100% read?only#.db");
    bench.registry.backup(&copy).unwrap();
    let count = || fs::read_dir(bench.directory.path()).unwrap().count();
    let files = count();
    let connection = open_immutable(&copy).unwrap();
    let apis: i64 = connection.query_row("SELECT count(*) FROM apis", [], |row| row.get(0)).unwrap();
    assert_eq!((apis, count()), (1, files));
}

#[test]
fn changes_that_only_a_log_holds_are_not_passed_over_on_a_read_only_disk() {
    let mut bench = Bench::new();
    bench.begin("payments", hour(0));
    let log = place::beside(bench.registry.path(), "-wal");
    assert!(log.metadata().unwrap().len() > 0);
    assert!(matches!(open_immutable(bench.registry.path()), Err(RegistryErrorKind::UnreadableLog)));
}

#[test]
fn a_locked_registry_says_so_and_works_again_afterwards() {
    let mut bench = Bench::new();
    bench.registry.connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    let other = Connection::open(bench.registry.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let request = serde_json::json!({});
    let new = NewRun {
        connection: "payments",
        trigger: Trigger::Manual,
        due_at: None,
        due: None,
        resumes: None,
        selected: false,
        request: &request,
        host: None,
    };
    let refused = bench.registry.begin_run(&new, hour(0)).unwrap_err();
    assert!(matches!(refused.kind, RegistryErrorKind::Busy), "{refused}");
    assert_eq!(bench.registry.runs(&RunFilter::default()).unwrap(), [], "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    bench.registry.begin_run(&new, hour(0)).unwrap();
}

#[test]
fn a_full_disk_says_so_and_loses_nothing() {
    let mut bench = Bench::new();
    bench.look("payments", &whole(vec![api("a1")]), &rules(), hour(0));
    // A file that may not grow is what a full disk looks like to SQLite.
    let pages = bench.number("PRAGMA page_count");
    bench.registry.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    let run = bench.begin("payments", hour(1));
    let apis: Vec<_> = (0..200).map(|index| api(&format!("b{index}"))).collect();
    let known = bench.registry.known("payments", &scope()).unwrap();
    let plan = crate::plan::plan(&whole(apis), &known, &rules(), hour(1));
    let refused = bench.registry.commit_scope(&commit("payments", run, &known, &plan), hour(1)).unwrap_err();
    assert!(matches!(refused.kind, RegistryErrorKind::Full), "{refused}");
    assert_eq!(bench.registry.known("payments", &scope()).unwrap(), known);

    bench.registry.connection.pragma_update_and_check(None, "max_page_count", 1 << 20, |_| Ok(())).unwrap();
    bench.commit("payments", run, &plan, hour(1));
}

#[test]
fn a_damaged_registry_says_so() {
    let Bench { directory, registry } = Bench::new();
    let path = registry.path().to_owned();
    drop(registry);
    let mut bytes = fs::read(&path).unwrap();
    // The first page, which says what the file is, stays whole.
    bytes[4096..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let damaged = Registry::open(&path).and_then(|registry| registry.apis(&ApiFilter::default())).unwrap_err();
    assert!(matches!(damaged.kind, RegistryErrorKind::Corrupt(_)), "{damaged:?}");
    drop(directory);
}

#[test]
fn every_refusal_is_one_sentence_with_the_file_in_it() {
    use RegistryErrorKind as Kind;
    let kinds = [
        Kind::Missing,
        Kind::NotARegistry,
        Kind::Newer { found: 2, supported: 1, copy: None },
        Kind::Older { found: 1, supported: 2 },
        Kind::NetworkFileSystem { name: "NFS" },
        Kind::ReadOnly,
        Kind::UnreadableLog,
        Kind::Full,
        Kind::Disk("disk I/O error".to_owned()),
        Kind::Busy,
        Kind::Corrupt("malformed".to_owned()),
    ];
    for kind in kinds {
        let sentence = RegistryError::new(std::path::Path::new("/var/lib/aboard/aboard.db"), kind).to_string();
        assert!(sentence.contains("/var/lib/aboard/aboard.db"), "{sentence}");
        assert!(!sentence.ends_with('.') && !sentence.contains('\n'), "{sentence}");
    }
}

#[test]
fn an_open_registry_holds_the_lock_that_keeps_strangers_from_taking_its_log_away() {
    let bench = Bench::new();
    let inode = std::os::unix::fs::MetadataExt::ino(&bench.registry.path().metadata().unwrap());
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let of_file = locks.lines().filter(|line| line.contains("POSIX") && line.contains(&format!(":{inode} ")));
    assert_eq!(of_file.count(), 1, "{locks}");
}
