#!/usr/bin/env python3
"""Measures aboard, a boto3 script and Cloud Custodian's c7n-org side by side on one simulated AWS; see README.md beside it."""

import argparse
import datetime
import json
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import environment
import measure
import report
from contenders import Aboard, Boto3, C7nOrg, last_words
from simulator import Simulator, World

RESULTS = environment.HERE / "results"
FULL = World(accounts=3, regions=2, rest=40, http=7, stages=2)
SHORT = World(accounts=1, regions=1, rest=2, http=1, stages=2)
# Before the first round each contender runs once on this, unmeasured: files are in the cache then, and who cannot run is known.
TINY = World(accounts=1, regions=1, rest=1, http=1, stages=1)


@dataclass(frozen=True)
class Scenario:
    key: str
    title: str
    rate: int
    burst: int


SCENARIOS = [
    Scenario("unlimited", "no limit", 0, 40),
    Scenario("quota", "AWS's quota: 10 calls/s, burst 40 per account and region", 10, 40),
]


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aboard", metavar="PATH", help="a release binary of aboard; default: cargo builds it")
    parser.add_argument("--simulator", metavar="PATH", help="a release binary of aboard-simulator; default: cargo builds it")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each contender runs each scenario (5)")
    parser.add_argument("--latency-ms", type=int, default=50, metavar="N", help="how long an answer takes (50)")
    for name in ("accounts", "regions", "rest", "http", "stages"):
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"of the world ({getattr(FULL, name)})")
    parser.add_argument("--only", metavar="NAMES", help="only contenders whose name begins with one of these, e.g. aboard,c7n")
    parser.add_argument("--scenario", choices=[scenario.key for scenario in SCENARIOS], help="only this one")
    parser.add_argument("--timeout", type=int, default=300, metavar="S", help="a single run is ended after this long (300)")
    parser.add_argument("--short", action="store_true", help="a tiny world, one round; installs nothing")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for the results; default: results/, with --short below target/")
    parser.add_argument("--update-readme", action="store_true", help="put the last results into the README, and measure nothing")
    return parser.parse_args()


def field(arguments):
    """The contenders, and why some are left out."""
    aboard = environment.binary("aboard", arguments.aboard)
    contenders = [Aboard(aboard), Aboard(aboard, central=True), Aboard(aboard, second=True)]
    left_out = []
    try:
        programs = environment.peers(make=not arguments.short)
        # The first does what aboard does at a first look; the others do less.
        contenders += [Boto3(programs, 32, deployments=True)]
        contenders += [Boto3(programs, 32), Boto3(programs, 8), Boto3(programs, 1), C7nOrg(programs)]
    except environment.Missing as missing:
        if not arguments.short:
            raise
        left_out.append({"contender": "boto3 and c7n-org", "why": str(missing)})
    if arguments.only:
        wanted = tuple(arguments.only.split(","))
        left_out += [{"contender": it.name, "why": "not asked for (--only)"} for it in contenders if not it.name.startswith(wanted)]
        contenders = [it for it in contenders if it.name.startswith(wanted)]
    return aboard, contenders, left_out


def one(contender, world, scenario, arguments, simulator_program):
    """One run against a fresh simulator, whose buckets are rested. The folder is kept only where something went wrong."""
    folder = Path(tempfile.mkdtemp(prefix="compare-"))
    simulator = Simulator(simulator_program, world, arguments.latency_ms, scenario.rate, scenario.burst)
    try:
        command = contender.prepare(folder, simulator)
        measured = measure.run(command, contender.environment(folder, simulator), folder, arguments.timeout)
        counted = simulator.stop()
        said = last_words(folder)
        try:
            found = asdict(contender.found(folder))
        except (OSError, ValueError, KeyError) as error:
            found = {"apis": 0, "stages": 0}
            said += f" / no output that can be read: {error}"
    finally:
        simulator.kill()
        shutil.rmtree(folder, ignore_errors=True)
    told = asdict(measured)
    del told["samples"]
    complete = found == {"apis": world.apis, "stages": world.all_stages}
    return {
        "contender": contender.name, "scenario": scenario.key, **told, **counted, "found": found, "complete": complete,
        "said": "" if complete and measured.exit == 0 else said,
    }


def warm_up(contenders, arguments, simulator_program, left_out):
    """Who finds nothing at all on the tiny world cannot be measured; the others are warm."""
    able = []
    for contender in contenders:
        run = one(contender, TINY, SCENARIOS[0], arguments, simulator_program)
        if run["complete"]:
            able.append(contender)
            continue
        why = f"on a world of two APIs it found {run['found']['apis']}, exit {run['exit']}: {run['said']}"
        left_out.append({"contender": contender.name, "why": why})
        print(f"left out: {contender.name}: {why}", file=sys.stderr)
    return able


def main():
    arguments = parse()
    if arguments.update_readme:
        report.update_readme(environment.ROOT / "README.md", RESULTS)
        return 0
    preset = SHORT if arguments.short else FULL
    world = World(**{name: getattr(arguments, name) or value for name, value in asdict(preset).items()})
    rounds = arguments.rounds or (1 if arguments.short else 5)
    out = arguments.out or (environment.FOLDER / "short" if arguments.short else RESULTS)
    scenarios = [it for it in SCENARIOS if arguments.scenario in (None, it.key)]

    simulator_program = environment.binary("aboard-simulator", arguments.simulator)
    aboard, contenders, left_out = field(arguments)
    for missing in left_out:
        print(f"left out: {missing['contender']}: {missing['why']}", file=sys.stderr)
    begun = time.monotonic()
    contenders = warm_up(contenders, arguments, simulator_program, left_out)
    runs = []
    for number in range(rounds):
        # Another one begins each round, so that nobody always follows the same neighbour.
        turn = number % max(len(contenders), 1)
        for contender in contenders[turn:] + contenders[:turn]:
            for scenario in scenarios:
                run = one(contender, world, scenario, arguments, simulator_program)
                runs.append({"round": number + 1} | run)
                print(report.line(runs[-1], rounds, world), file=sys.stderr, flush=True)

    results = {
        "finished_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "short": arguments.short,
        "rounds": rounds,
        "latency_ms": arguments.latency_ms,
        "world": world.as_json(),
        "world_text": str(world),
        "machine": environment.machine(),
        "versions": environment.versions(aboard, bool(arguments.aboard), any(isinstance(it, (Boto3, C7nOrg)) for it in contenders)),
        "scenarios": [asdict(scenario) for scenario in scenarios],
        "contenders": [{"name": it.name, "gap": it.gap} for it in contenders],
        "left_out": left_out,
        "seconds": round(time.monotonic() - begun),
        "runs": runs,
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    report.write(results, out)
    print((out / "table.md").read_text())
    print(f"written to {out} after {results['seconds']} s", file=sys.stderr)
    # The product itself must have found everything; what becomes of the others is a result.
    ours = [run for run in runs if run["contender"].startswith("aboard")]
    return 0 if ours and all(run["complete"] and run["exit"] == 0 for run in ours) else 1


if __name__ == "__main__":
    # Stopped by a signal it still ends what it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except environment.Missing as missing:
        sys.exit(f"run.py: {missing}")
    except KeyboardInterrupt:
        sys.exit(130)
