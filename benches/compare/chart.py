"""Plots as SVG, written by hand: one file that is readable on a light and on a dark page, with no library to install."""

import html
import math
from dataclasses import dataclass

WIDTH = 860
STYLE = """
  svg { font-family: system-ui, sans-serif; font-size: 13px; }
  text { fill: #1f2328; } .soft { fill: #59636e; } .title { font-size: 15px; font-weight: 600; }
  .grid { stroke: #d1d9e0; } .own { fill: #0969da; stroke: #0969da; } .other { fill: #818b98; stroke: #818b98; }
  .own.hollow, .other.hollow { fill: #ffffff; stroke-width: 2; }
  .floor { stroke: #bc4c00; stroke-width: 2; } .line { stroke: #0969da; fill: none; stroke-width: 1.8; }
  .page { fill: #ffffff; }
  .inside { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .soft { fill: #9198a1; } .grid { stroke: #3d444d; }
    .own { fill: #4493f8; stroke: #4493f8; } .other { fill: #9198a1; stroke: #9198a1; }
    .own.hollow, .other.hollow { fill: #0d1117; }
    .floor { stroke: #f0883e; } .line { stroke: #4493f8; } .page { fill: #0d1117; } .inside { fill: #0d1117; }
  }
"""


@dataclass(frozen=True)
class Row:
    """One contender: least, median and most seconds, the quota's floor, and what stands beside the point."""

    name: str
    wall: dict
    floor: float
    own: bool
    less: bool
    words: str


def document(height, parts, label):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-label="{html.escape(label)}">\n<style>{STYLE}</style>\n<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{html.escape(words)}</text>'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def times(title, panels, legend):
    """A panel a scenario, a row a contender, on one logarithmic axis: a point for the median, a line from least to most.

    Points rather than bars, as a bar on a logarithmic axis has no beginning. They are hollow for who does less.
    """
    walls = [value for _, rows in panels for row in rows for value in (row.wall["min"], row.wall["max"], row.floor) if value > 0]
    least, most = min(walls, default=0.1), max(walls, default=10)
    low, high = math.log10(least / 1.3), math.log10(most * 1.1)
    left, right = 230, WIDTH - 260

    def at(seconds):
        return left + (math.log10(seconds) - low) / (high - low) * (right - left)

    ticks = [base * 10.0**power for power in range(-3, 5) for base in (1, 2, 5) if low <= math.log10(base * 10.0**power) <= high]
    parts, y, floors = [text(20, 28, title, "title")], 44, False
    for name, rows in panels:
        y += 18
        parts.append(text(20, y, name, "soft"))
        top, bottom = y + 10, y + 14 + 26 * len(rows)
        for tick in ticks:
            parts += [line(at(tick), top, at(tick), bottom, "grid"), text(at(tick), bottom + 16, f"{tick:g} s", "soft", "middle")]
        for row in rows:
            y += 26
            kind = "own" if row.own else "other"
            parts.append(text(left - 12, y + 4, row.name, "", "end"))
            if row.floor > 0:
                floors = True
                parts.append(line(at(row.floor), y - 8, at(row.floor), y + 8, "floor"))
            parts.append(line(at(row.wall["min"]), y, at(row.wall["max"]), y, kind))
            shape = f"{kind} hollow" if row.less else kind
            parts.append(f'<circle cx="{at(row.wall["median"]):.1f}" cy="{y}" r="5" class="{shape}"/>')
            # Where the words would run out of the picture they stand before the point.
            if at(row.wall["max"]) + 10 + 7 * len(row.words) < WIDTH:
                parts.append(text(at(row.wall["max"]) + 10, y + 4, row.words))
            else:
                parts.append(text(at(row.wall["min"]) - 10, y + 4, row.words, "", "end"))
        y = bottom + 26
    if floors:
        y += 8
        parts.append(line(26, y - 10, 26, y + 4, "floor"))
        parts.append(text(38, y + 1, "the least that the quota allows for the calls that were granted", "soft"))
    if any(row.less for _, rows in panels for row in rows):
        y += 20
        parts.append(f'<circle cx="26" cy="{y - 4}" r="5" class="other hollow"/>')
        parts.append(text(38, y, legend, "soft"))
    return document(y + 18, parts, title)


def over_time(title, seconds, memory, stages):
    """Memory as a curve, and below it on the same axis when the calls of each stage were made.

    `memory` is a list of (second, MiB); `stages` a list of (name, first second, last second, calls).
    """
    left, right, top, height = 150, WIDTH - 40, 50, 180
    seconds = max(seconds, 0.1)
    most = max((mib for _, mib in memory), default=1) * 1.15

    def x(second):
        return left + second / seconds * (right - left)

    def y(mib):
        return top + height - mib / most * height

    parts = [text(20, 28, title, "title"), text(20, top + 14, "memory, MiB", "soft")]
    for tick in _ticks(most):
        parts += [line(left, y(tick), right, y(tick), "grid"), text(left - 8, y(tick) + 4, f"{tick:g}", "soft", "end")]
    below = top + height + 20
    bottom = below + 26 * len(stages)
    for tick in _ticks(seconds):
        parts += [line(x(tick), top, x(tick), bottom, "grid"), text(x(tick), bottom + 18, f"{tick:g} s", "soft", "middle")]
    points = " ".join(f"{x(second):.1f},{y(mib):.1f}" for second, mib in memory)
    parts.append(f'<polyline class="line" points="{points}"/>')
    for index, (name, first, last, calls) in enumerate(stages):
        row = below + 26 * index
        parts.append(text(left - 12, row + 14, name, "", "end"))
        parts.append(f'<rect x="{x(first):.1f}" y="{row + 3}" width="{max(x(last) - x(first), 2):.1f}" height="14" rx="3" class="own"/>')
        words = f"{calls:,} calls"
        # Right of the bar, else left of it, else in it.
        if x(last) + 100 < right:
            parts.append(text(x(last) + 6, row + 14, words, "soft"))
        elif x(first) - 100 > left:
            parts.append(text(x(first) - 6, row + 14, words, "soft", "end"))
        else:
            parts.append(text(x(last) - 6, row + 14, words, "inside", "end"))
    return document(bottom + 36, parts, title)


def _ticks(most):
    """About five round numbers from 0."""
    raw = most / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(base * power for base in (1, 2, 5, 10) if base * power >= raw)
    return [index * step for index in range(int(most / step) + 1)]
