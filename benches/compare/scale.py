#!/usr/bin/env python3
"""One aboard over a whole organization, 1,000 accounts × 17 regions × 3 APIs by default: time per stage, memory over time.

It enters by one central_role connection with the limiter off, asks each account for its regions (`regions = ["all"]`), and ends
after --timeout at the latest. Stages overlap, as aboard looks at some accounts while it enters others; the simulator tells
when the first and the last call of each stage arrived.
"""

import argparse
import datetime
import json
import re
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import chart
import environment
import measure
from contenders import Aboard, last_words
from simulator import Simulator, World

RESULTS = environment.HERE / "results"
WORLD = World(accounts=1000, regions=17, rest=2, http=1, stages=2)
KEEP_EVERY = 0.25

# In the order in which a run comes to them.
STAGES = {
    "list accounts": ("organizations:ListAccounts", "organizations:DescribeOrganization"),
    "enter accounts": ("sts:AssumeRole", "sts:GetCallerIdentity"),
    "ask for regions": ("account:ListRegions",),
    "list APIs": ("apigateway:GetRestApis", "apigatewayv2:GetApis"),
    "list stages": ("apigateway:GetStages", "apigatewayv2:GetStages"),
    "list deployments": ("apigateway:GetDeployments", "apigatewayv2:GetDeployments"),
    "list domains": ("apigateway:GetDomainNames", "apigatewayv2:GetDomainNames"),
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--aboard", metavar="PATH", help="a release binary of aboard; default: cargo builds it")
    parser.add_argument("--simulator", metavar="PATH", help="a release binary of aboard-simulator; default: cargo builds it")
    parser.add_argument("--latency-ms", type=int, default=10, metavar="N", help="how long an answer takes (10)")
    for name, value in asdict(WORLD).items():
        parser.add_argument(f"--{name}", type=int, default=value, metavar="N", help=f"of the world ({value})")
    parser.add_argument("--timeout", type=int, default=600, metavar="S", help="the run is ended after this long (600)")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER", help="for the results (results/)")
    return parser.parse_args()


class Organization(Aboard):
    """Every region that an account has switched on, as far as the account says so."""

    def schedules(self, simulator, regions):
        # A first look at an organization finds more new APIs than a schedule lets in without approval, and what awaits approval is
        # not looked at closely: without `max_new = 0` it would be half of the work.
        schedule = 'enabled = false\nfrequency = "daily"\ntime = "00:00"\ntimezone = "UTC"\nmax_new = 0\n'
        return super().schedules(simulator, '["all"]') + "[connections.org.auto_onboard]\n" + schedule


def seen(folder):
    """What the report says without reading it as a whole: its one line may be as long as a hundred megabytes."""
    with open(folder / "stdout", "rb") as report:
        head = report.read(4096).decode(errors="replace")
    counts = re.search(r'"counts":(\{[^}]*\})', head)
    outcome = re.search(r'"outcome":"(\w+)"', head)
    size = (folder / "stdout").stat().st_size
    return (json.loads(counts.group(1)) if counts else {}) | {"outcome": outcome.group(1) if outcome else "", "report_bytes": size}


def stages(counted):
    """The calls of each stage, and the seconds of its first and its last one, from the beginning of the simulator."""
    told, known = [], set()
    by_name = {operation["operation"]: operation for operation in counted["operations"]}
    for stage, names in STAGES.items():
        parts = [by_name[name] for name in names if name in by_name]
        known.update(names)
        if parts:
            first, last = min(part["first_ms"] for part in parts), max(part["last_ms"] for part in parts)
            calls = sum(part["calls"] for part in parts)
            told.append({"stage": stage, "calls": calls, "first": first / 1000, "last": last / 1000})
    others = [operation for name, operation in by_name.items() if name not in known]
    if others:
        first, last = min(part["first_ms"] for part in others), max(part["last_ms"] for part in others)
        told.append({"stage": "other calls", "calls": sum(part["calls"] for part in others), "first": first / 1000, "last": last / 1000})
    return told


def markdown(results):
    run, told, machine = results["run"], results["report"], results["machine"]
    head = (
        f"{results['world_text']} by one `central_role` connection with `regions = [\"all\"]`, limiter off, "
        f"{results['latency_ms']} ms per answer: {run['wall']:.1f} s, {run['cpu']:.1f} s of processor time, {run['calls']:,} calls, "
        f"peak memory {run['peak_kib'] / 1024:.0f} MiB, {told.get('seen', 0):,} of {results['world']['apis']:,} APIs, "
        f"outcome {told['outcome'] or 'none'}, a report of {told['report_bytes'] / 1e6:.0f} MB. "
        f"{results['finished_at'][:10]}, {machine['cpus']} cores ({machine['cpu']}) that the simulator shares, "
        f"{results['versions']['aboard']} at {results['versions']['commit']}."
    )
    if run["timed_out"]:
        head = f"**Ended after {results['timeout']} s, unfinished.** " + head
    rows = ["| stage | calls | first call, s | last call, s | memory then, MiB |", "|---|---|---|---|---|"]
    for stage in results["stages"]:
        memory = next((kib for second, kib in results["samples"] if second >= stage["last"]), run["peak_kib"])
        rows.append(f"| {stage['stage']} | {stage['calls']:,} | {stage['first']:.2f} | {stage['last']:.2f} | {memory / 1024:.0f} |")
    parts = [head, "\n".join(rows), "Stages overlap: some accounts are looked at while others are entered."]
    if run["unknown"]:
        paths = ", ".join(run["unknown_paths"][:3])
        parts.append(f"{run['unknown']:,} calls were of operations that the simulator does not have, and were answered 404: {paths}.")
    return "\n\n".join(parts) + "\n"


def main():
    arguments = parse()
    world = World(**{name: getattr(arguments, name) for name in asdict(WORLD)})
    simulator_program = environment.binary("aboard-simulator", arguments.simulator)
    aboard = environment.binary("aboard", arguments.aboard)
    contender = Organization(aboard, central=True)
    folder = Path(tempfile.mkdtemp(prefix="scale-"))
    simulator = Simulator(simulator_program, world, arguments.latency_ms)
    try:
        command = contender.prepare(folder, simulator)
        # The simulator's clock began a little earlier; its times are made those of the run.
        begun = simulator.age()
        measured = measure.run(command, contender.environment(folder, simulator), folder, arguments.timeout, KEEP_EVERY)
        counted = simulator.stop()
        told, said = seen(folder), last_words(folder)
    finally:
        simulator.kill()
        shutil.rmtree(folder, ignore_errors=True)
    run = asdict(measured)
    # A look at a process that is ending shows nothing.
    samples = [sample for sample in run.pop("samples") if sample[1] > 0]
    found = [stage | {"first": max(stage["first"] - begun, 0), "last": stage["last"] - begun} for stage in stages(counted)]
    for left_to_json in ("buckets", "floor"):
        del counted[left_to_json]  # 17,000 buckets, of which nothing is said
    results = {
        "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "latency_ms": arguments.latency_ms,
        "timeout": arguments.timeout,
        "world": world.as_json(),
        "world_text": str(world),
        "machine": environment.machine(),
        "versions": environment.versions(aboard, bool(arguments.aboard), with_peers=False),
        "run": run | counted,
        "report": told,
        "stages": found,
        "samples": samples,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "scale.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (arguments.out / "scale.md").write_text(markdown(results))
    title = f"{world.accounts:,} accounts × {world.regions} regions × {world.rest + world.http} APIs: memory, and when each stage's calls were made"
    memory = [(second, kib / 1024) for second, kib in samples]
    bars = [(stage["stage"], stage["first"], stage["last"], stage["calls"]) for stage in found]
    (arguments.out / "scale.svg").write_text(chart.over_time(title, run["wall"], memory, bars))
    print((arguments.out / "scale.md").read_text())
    whole = told.get("seen") == world.apis and measured.exit == 0
    if not whole:
        print(f"scale.py: not everything was found (exit {measured.exit}): {said}", file=sys.stderr)
    return 0 if whole else 1


if __name__ == "__main__":
    # Stopped by a signal it still ends what it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except environment.Missing as missing:
        sys.exit(f"scale.py: {missing}")
    except KeyboardInterrupt:
        sys.exit(130)
