"""Plots as SVG, written by hand: one file that is readable on a light and on a dark page, with no library to install."""

import html
import math
from dataclasses import dataclass

WIDTH = 860
STYLE = """
  svg { font-family: system-ui, sans-serif; font-size: 13px; }
  text { fill: #1f2328; } .soft { fill: #59636e; } .title { font-size: 15px; font-weight: 600; }
  .grid { stroke: #d1d9e0; } .own { fill: #0969da; stroke: #0969da; } .other { fill: #818b98; stroke: #818b98; }
  .floor { stroke: #bc4c00; stroke-width: 2; } .floor-text { fill: #bc4c00; } .line { stroke: #0969da; fill: none; stroke-width: 1.8; }
  .page { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .soft { fill: #9198a1; } .grid { stroke: #3d444d; }
    .own { fill: #4493f8; stroke: #4493f8; } .other { fill: #9198a1; stroke: #9198a1; }
    .floor { stroke: #f0883e; } .floor-text { fill: #f0883e; } .line { stroke: #4493f8; } .page { fill: #0d1117; }
  }
"""


@dataclass(frozen=True)
class Row:
    name: str
    wall: dict
    floor: float
    own: bool
    note: str


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


def times(title, panels):
    """A panel a scenario, a row a contender, on one logarithmic axis: a point for the median, a line from least to most.

    Points rather than bars, as a bar on a logarithmic axis has no beginning.
    """
    walls = [value for _, rows in panels for row in rows for value in (row.wall["min"], row.wall["max"], row.floor) if value > 0]
    least, most = min(walls, default=0.1), max(walls, default=10)
    low, high = math.log10(least / 1.3), math.log10(most * 1.3)
    left, right = 220, WIDTH - 130

    def at(seconds):
        return left + (math.log10(seconds) - low) / (high - low) * (right - left)

    ticks = [base * 10.0**power for power in range(-3, 5) for base in (1, 2, 5) if low <= math.log10(base * 10.0**power) <= high]
    parts, y = [text(20, 28, title, "title")], 44
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
            parts.append(line(at(row.wall["min"]), y, at(row.wall["max"]), y, kind))
            parts.append(f'<circle cx="{at(row.wall["median"]):.1f}" cy="{y}" r="5" class="{kind}"/>')
            if row.floor > 0:
                parts.append(line(at(row.floor), y - 8, at(row.floor), y + 8, "floor"))
            words = f"{row.wall['median']:.2f} s" + (f", {row.note}" if row.note else "")
            parts.append(text(at(row.wall["max"]) + 10, y + 4, words))
        y = bottom + 26
        if any(row.floor > 0 for row in rows):
            parts.append(text(left, y + 6, "| the least that the quota allows for the calls that were made", "floor-text"))
            y += 14
    return document(y + 14, parts, title)


def over_time(title, seconds, memory, stages):
    """Memory as a curve, and below it on the same axis when the calls of each stage were made.

    `memory` is a list of (second, MiB); `stages` a list of (name, first second, last second, calls).
    """
    left, right, top, height = 220, WIDTH - 60, 50, 180
    seconds = max(seconds, 0.1)
    most = max((mib for _, mib in memory), default=1) * 1.15

    def x(second):
        return left + second / seconds * (right - left)

    def y(mib):
        return top + height - mib / most * height

    parts = [text(20, 28, title, "title"), text(20, top + 14, "memory, MiB", "soft")]
    for tick in _ticks(most):
        parts += [line(left, y(tick), right, y(tick), "grid"), text(left - 8, y(tick) + 4, f"{tick:g}", "soft", "end")]
    points = " ".join(f"{x(second):.1f},{y(mib):.1f}" for second, mib in memory)
    parts.append(f'<polyline class="line" points="{points}"/>')
    below = top + height + 20
    bottom = below + 26 * len(stages)
    for tick in _ticks(seconds):
        parts += [line(x(tick), top, x(tick), bottom, "grid"), text(x(tick), bottom + 18, f"{tick:g} s", "soft", "middle")]
    for index, (name, first, last, calls) in enumerate(stages):
        row = below + 26 * index
        parts.append(text(left - 12, row + 14, name, "", "end"))
        parts.append(f'<rect x="{x(first):.1f}" y="{row + 3}" width="{max(x(last) - x(first), 2):.1f}" height="14" rx="3" class="own"/>')
        inside = x(last) + 90 > right
        label = text(x(first) - 6 if inside and x(first) - left > 110 else x(last) + 6, row + 14, f"{calls:,} calls", "soft", "end" if inside and x(first) - left > 110 else "start")
        parts.append(label if not inside or x(first) - left > 110 else text(right, row + 14, "", "soft", "end"))
    return document(bottom + 36, parts, title)


def _ticks(most):
    """About five round numbers from 0."""
    raw = most / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(base * power for base in (1, 2, 5, 10) if base * power >= raw)
    return [index * step for index in range(int(most / step) + 1)]
