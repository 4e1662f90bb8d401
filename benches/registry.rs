//! Planning and committing one scope of 600 APIs against a registry of a million.
//!
//! `cargo bench --bench registry`; `ABOARD_BENCH_APIS` sets another size. The registry lies in the temporary directory (`TMPDIR`),
//! whose disk decides what a commit costs.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails may panic")]

#[path = "support/million.rs"]
mod million;

use aboard::registry::Registry;
use chrono::TimeDelta;
use criterion::{Criterion, criterion_group, criterion_main};

use million::{SETTLED, begin, look, look_into, rules, scopes, seed, start};

fn scope_of_600(criterion: &mut Criterion) {
    let scopes = scopes();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("aboard.db");
    let mut registry = seed(&path, scopes);
    let mut now = start() + TimeDelta::days(7);

    let mut group = criterion.benchmark_group("scope_of_600");
    group.sample_size(20);
    let nobody = rules(&[]);
    let mut number = 0;
    group.bench_function("unchanged", |bencher| {
        bencher.iter_custom(|iterations| {
            let looks = (0..iterations).map(|_| {
                number = (number + 7919 * SETTLED as u64) % (scopes - scopes % SETTLED as u64);
                now += TimeDelta::hours(1);
                let run_id = begin(&mut registry, now);
                look_into(&mut registry, run_id, &look(number), &nobody, now)
            });
            looks.sum()
        });
    });
    let catalog = rules(&["catalog"]);
    let mut number = scopes;
    group.bench_function("new_with_one_target", |bencher| {
        bencher.iter_custom(|iterations| {
            let looks = (0..iterations).map(|_| {
                number += 1;
                now += TimeDelta::hours(1);
                let run_id = begin(&mut registry, now);
                look_into(&mut registry, run_id, &look(number), &catalog, now)
            });
            looks.sum()
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("open");
    group.sample_size(20);
    group.bench_function("of_a_million", |bencher| bencher.iter(|| Registry::open(&path).unwrap()));
    group.finish();
}

criterion_group!(benches, scope_of_600);
criterion_main!(benches);
