"""Growth: the exponent of a line, what is above the untraced, and a plot that any browser reads."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import growth
import pytest
from plot import Series, loglog

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("power", [0, 1, 2])
def test_the_exponent_of_a_power_is_its_power(power: int) -> None:
    """A cost that grows with the square has exponent 2, a linear one 1, a constant one 0."""
    points = [(size, 3.0 * size**power) for size in (1, 10, 100, 1000)]
    assert power == pytest.approx(growth.slope(points))


def test_the_exponent_is_of_the_last_decade() -> None:
    """What every call costs alike hides at small sizes what grows; it does not at the end."""
    points = [(size, 1000 + float(size)) for size in (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)]
    assert 1 == pytest.approx(growth.slope(points), abs=0.01)


def test_what_costs_nothing_measurable_has_no_exponent() -> None:
    """Figures at or below zero are noise: they are left out, and one point is no line."""
    assert math.isnan(growth.slope([(1, -5.0), (10, 0.0), (100, 7.0)]))


def test_cost_is_above_the_untraced_at_the_same_size() -> None:
    """Sizes at which no untraced was measured are left out."""
    assert [(1, 5.0), (10, 20.0)] == growth.added([(1, 15.0), (10, 120.0), (100, 1.0)], [(1, 10.0), (10, 100.0)])


def test_a_conversation_is_summed_where_somebody_stops() -> None:
    """Points of negative size are sums: a row for the length at which each peer stopped, with all that came so far."""
    lines = {"ours": [(8, 1.0), (-8, 4.0), (16, 2.0), (-16, 12.0)], "theirs": [(8, 5.0), (-8, 20.0)]}
    assert [("in sum, to 8", "4 µs", "20 µs"), ("in sum, to 16", "12 µs", "–")] == growth._sums(lines)


def test_every_axis_is_measured_up_to_its_largest_size() -> None:
    """Each axis has a size for every peer's limit, and spancast reaches the largest."""
    for axis in growth.AXES.values():
        assert set(axis.peers) <= set(growth.PEERS)
        assert axis.sizes[-1] == axis.peers["spancast-otlp"]
        assert axis.quick in axis.sizes


def test_a_plot_is_well_formed_and_leaves_out_what_has_no_logarithm() -> None:
    """One line and one entry of the legend a series; names are escaped; dark pages have text of their own."""
    text = loglog(
        "cost & size", "size", [Series("a < b", [(1, 10.0), (10, 0.0), (100, 1000.0)], True), Series("c", [])]
    )
    root = ElementTree.fromstring(text)
    lines = list(root.iter(f"{SVG}polyline"))
    assert [2, 0] == [len(line.attrib["points"].split()) for line in lines]
    assert {"cost & size", "a < b", "c"} <= {element.text for element in root.iter(f"{SVG}text")}
    assert "prefers-color-scheme: dark" in text
