"""The results as Markdown and as a plot, and both in the README of the repository."""

import json
import statistics

import chart

BEGIN = "<!-- compare:begin (written by benches/compare/run.py --update-readme) -->"
END = "<!-- compare:end -->"


def line(run, rounds, world):
    """One run in a line, while it goes on."""
    found = f"{run['found']['apis']}/{world.apis} APIs, {run['found']['stages']}/{world.all_stages} stages"
    state = "complete" if run["complete"] else found
    ended = "timed out" if run["timed_out"] else f"exit {run['exit']}"
    return (
        f"round {run['round']}/{rounds} {run['scenario']:9} {run['contender']:32} {run['wall']:7.2f} s wall {run['cpu']:6.2f} s CPU "
        f"{run['calls']:5} calls {run['throttled']:4} throttled {run['peak_kib'] / 1024:6.1f} MiB {state}, {ended}"
    )


def summary(results, scenario, contender):
    """Median, least and most of each figure over the rounds; None for one without a run."""
    runs = [run for run in results["runs"] if (run["scenario"], run["contender"]) == (scenario, contender)]
    if not runs:
        return None
    told = {"runs": len(runs), "complete": sum(run["complete"] for run in runs), "timed_out": sum(run["timed_out"] for run in runs)}
    told |= {"failed": sum(run["exit"] != 0 for run in runs), "processes": max(run["processes"] for run in runs)}
    for name in ("wall", "cpu", "calls", "throttled", "floor", "peak_kib"):
        values = [run[name] for run in runs]
        told[name] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    told["beyond_floor"] = statistics.median(run["wall"] - run["floor"] for run in runs)
    for name in ("apis", "stages"):
        told[name] = min(run["found"][name] for run in runs)
    return told


def spread(figure, scale=1.0, digits=2):
    values = [f"{figure[name] / scale:.{digits}f}" for name in ("median", "min", "max")]
    return values[0] if values[1] == values[2] else f"{values[0]} ({values[1]}–{values[2]})"


def completeness(told, world):
    """The worst run counts."""
    text = f"{told['apis']}/{world['apis']}, {told['stages']}/{world['all_stages']}"
    if told["complete"] < told["runs"]:
        text = f"**{text}** ({told['runs'] - told['complete']} of {told['runs']} runs incomplete)"
    if told["timed_out"]:
        text += f"; {told['timed_out']} timed out"
    elif told["failed"]:
        text += f"; {told['failed']} of {told['runs']} ended with an error"
    return text


def table(results, scenario):
    limited = scenario["rate"] > 0
    columns = ["", "wall, s"] + (["floor, s", "beyond it, s"] if limited else []) + ["CPU, s", "calls", "throttled"]
    columns += ["peak memory, MiB", "APIs, stages found", "does not list"]
    rows = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for contender in results["contenders"]:
        told = summary(results, scenario["key"], contender["name"])
        if told is None:
            continue
        cells = [contender["name"], spread(told["wall"])]
        if limited:
            cells += [spread(told["floor"], digits=1), f"{told['beyond_floor']:.2f}"]
        cells += [spread(told["cpu"]), spread(told["calls"], digits=0), spread(told["throttled"], digits=0)]
        memory = spread(told["peak_kib"], scale=1024, digits=0)
        cells += [memory + (f" in {told['processes']} processes" if told["processes"] > 1 else "")]
        cells += [completeness(told, results["world"]), contender["gap"] or "–"]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def markdown(results):
    machine, versions = results["machine"], results["versions"]
    said = ", ".join(f"{name.replace('_', '-')} {version}" for name, version in versions.items() if name not in ("commit", "aboard"))
    parts = []
    if results["short"]:
        parts.append("**A short run, which only shows that it works; its figures mean nothing.**")
    parts.append(
        f"{results['world_text']}; {results['latency_ms']} ms per answer. "
        f"Medians of {results['rounds']} interleaved rounds (least–most), "
        f"{results['finished_at'][:10]}, on {machine['cpus']} cores ({machine['cpu']}) that the simulator shares; "
        f"{versions['aboard']} at {versions['commit']}, {said}."
    )
    for scenario in results["scenarios"]:
        parts += [f"**{scenario['title'][0].upper()}{scenario['title'][1:]}**", table(results, scenario)]
    if any(scenario["rate"] for scenario in results["scenarios"]):
        parts.append(
            "The floor is what the quota makes the busiest bucket wait for the calls that it granted in that run: "
            "(granted − burst) / rate. "
            "aboard's limiter is set to 9.9/s and 39 there; nobody else has one. "
            "A first look of aboard reads each API's deployments; a second look, with a registry that knows the APIs, "
            "only those that changed."
        )
    for missing in results["left_out"]:
        parts.append(f"Left out: {missing['contender']}: {missing['why']}.")
    return "\n\n".join(parts) + "\n"


def write(results, folder):
    """`table.md` and `plot.svg` beside `results.json`."""
    (folder / "table.md").write_text(markdown(results))
    panels = []
    for scenario in results["scenarios"]:
        rows = []
        for contender in results["contenders"]:
            told = summary(results, scenario["key"], contender["name"])
            if told is None:
                continue
            words = f"{told['wall']['median']:.2f} s · {told['calls']['median']:.0f} calls"
            if told["throttled"]["median"]:
                words += f" · {told['throttled']['median']:.0f} throttled"
            if told["complete"] < told["runs"]:
                words += " · incomplete"
            name, less = contender["name"], bool(contender["gap"])
            rows.append(chart.Row(name, told["wall"], told["floor"]["median"], name.startswith("aboard"), less, words))
        panels.append((scenario["title"], rows))
    world = results["world"]
    title = f"Wall time, {world['apis']} APIs in {world['accounts']} accounts × {world['regions']} regions"
    if results["short"]:
        title += " – a short run, figures mean nothing"
    legend = "does not list deployments, so it cannot say when an API was last published"
    (folder / "plot.svg").write_text(chart.times(title, panels, legend))


def update_readme(readme, folder):
    """Rewrites what is between the two marks; everything else stays byte for byte."""
    text = readme.read_text()
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (begun and ended):
        raise SystemExit(f"{readme} lacks the lines `{BEGIN}` and `{END}`")
    results = folder / "results.json"
    if results.exists() and json.loads(results.read_text())["short"]:
        raise SystemExit("the last results are of a short run, which the README must not show")
    parts = []
    for stem, plot, what in (
        ("table", "plot.svg", "Wall times of aboard and its peers"),
        ("scale", "scale.svg", "Memory and stages over time"),
    ):
        path = folder / f"{stem}.md"
        if path.exists():
            relative = (folder / plot).relative_to(readme.parent)
            parts += [f"![{what}]({relative})", path.read_text().strip()]
    if not parts:
        raise SystemExit(f"{folder} holds no results; measure first")
    readme.write_text(before + BEGIN + "\n" + "\n\n".join(parts) + "\n" + END + after)
