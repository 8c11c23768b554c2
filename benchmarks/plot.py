"""A log-log plot as a small SVG, readable on light and dark pages. Written by hand: nothing has to be installed for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 34, 84
_OURS = ("#d9480f", "#e8890c", "#b3261e")
_THEIRS = {"OpenLLMetry": "#3b7dd8", "OpenInference": "#2f9e6e", "empty handler": "#888888"}
_OTHER = "#9c5fd0"
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-weight: 600 } .small { font-size: 11px }
.grid { stroke: #8884; stroke-width: 1 }
.line { fill: none; stroke-width: 1.8 } .ours { stroke-width: 3 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } }
"""


class Series(NamedTuple):
    """One line: its name, its points (size, microseconds), and whether it is ours and drawn thicker."""

    title: str
    points: Sequence[tuple[float, float]]
    ours: bool = False


def loglog(title: str, below: str, series: Sequence[Series]) -> str:
    """Return the SVG. Points that are not above zero have no place on a logarithmic axis and are left out."""
    drawn = [one._replace(points=[(x, y) for x, y in one.points if x > 0 and y > 0]) for one in series]
    xs = [x for one in drawn for x, _ in one.points] or [1.0]
    ys = [y for one in drawn for _, y in one.points] or [1.0]
    left, right = math.log10(min(xs)), max(math.log10(max(xs)), math.log10(min(xs)) + 0.1)
    low, high = (
        math.floor(math.log10(min(ys))),
        max(math.ceil(math.log10(max(ys))), math.floor(math.log10(min(ys))) + 1),
    )

    def across(x: float) -> float:
        return LEFT + (math.log10(x) - left) / (right - left) * (WIDTH - LEFT - RIGHT)

    def up(y: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(y) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="18">{escape(title)}</text>',
    ]
    for power in range(low, high + 1):
        y = up(10**power)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(
            f'<text class="small" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_time(10.0**power)}</text>'
        )
    for x in _ticks(xs):
        parts.append(f'<path class="grid" d="M{across(x):.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(
            f'<text class="small" x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:,.0f}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - BOTTOM + 34}" text-anchor="middle">{escape(below)}</text>')
    room = (WIDTH - LEFT - RIGHT) / min(3, max(1, len(drawn)))
    for index, one in enumerate(drawn):
        colour = _OURS[sum(other.ours for other in drawn[:index]) % 3] if one.ours else _THEIRS.get(one.title, _OTHER)
        way = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in one.points)
        parts.append(f'<polyline class="line{" ours" * one.ours}" stroke="{colour}" points="{way}"/>')
        parts += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>' for x, y in one.points]
        x, y = LEFT + index % 3 * room, HEIGHT - 26 + index // 3 * 18
        parts.append(f'<path class="line ours" stroke="{colour}" d="M{x:.0f} {y - 4}h16"/>')
        parts.append(f'<text class="small" x="{x + 21:.0f}" y="{y}">{escape(one.title)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _ticks(xs: Sequence[float]) -> list[float]:
    """Return the powers of ten within, or the sizes themselves where there are few decades."""
    powers = [
        10.0**power
        for power in range(math.ceil(math.log10(min(xs)) - 1e-9), math.floor(math.log10(max(xs)) + 1e-9) + 1)
    ]
    return powers if len(powers) > 2 else sorted(set(xs))


def _time(microseconds: float) -> str:
    for unit, size in (("s", 1e6), ("ms", 1e3), ("µs", 1)):
        if microseconds >= size:
            return f"{microseconds / size:g} {unit}"
    return f"{microseconds:g} µs"
