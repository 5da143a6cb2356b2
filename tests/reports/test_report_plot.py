"""Measurements as plots: where samples, quartiles, ticks and shares lie."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.measurement import Measurement
from reports.plot import WIDTH, Panel, panels
from tests.sample_report import report_of, result

ONE = Measurement("transfer time", "s", (1.0, 2.0, 4.0), (2.0,), "boto3", "at most 4 s", (0.5, 1.0), "within")


def _panel(*measured: Measurement) -> Panel:
    (panel,) = panels(report_of(*(result(case=str(case), measurements=(one,)) for case, one in enumerate(measured))))
    return panel


def test_samples_and_ticks_share_an_axis() -> None:
    panel = _panel(ONE)
    assert [label for _, label in panel.ticks] == ["0", "1", "2", "3", "4"]
    (plot,) = panel.plots
    assert plot.initializer.dots == [place for place, label in panel.ticks if label in "124"]
    assert plot.initializer.quartiles[1] == plot.initializer.dots[1]
    assert plot.reference is not None
    assert (plot.reference.dots, plot.reference.quartiles) == ([plot.initializer.dots[1]], [])
    assert plot.initializer.dots[-1] < WIDTH


def test_stores_share_an_axis() -> None:
    slow = replace(ONE, samples=(40.0,), reference=())
    panel = _panel(ONE, slow)
    assert panel.ticks[-1][1] == "40"
    assert panel.plots[1].reference is None
    assert panel.plots[0].initializer.dots[-1] == pytest.approx(panel.plots[1].initializer.dots[0] / 10, abs=0.1)


@pytest.mark.parametrize(
    ("share", "place", "cut"),
    [((0.5, 1.0), (75, 150), False), ((1.5, 9.0), (225, 300), True), ((-1.0, 0.0), (0, 0), False)],
)  # fmt: skip
def test_a_share_ends_where_its_axis_ends(share: tuple[float, float], place: tuple[float, float], cut: bool) -> None:
    (plot,) = _panel(replace(ONE, share=share)).plots
    assert (plot.share, plot.cut) == (place, cut)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-9, 0.07, 1.0, 9.99, 153.0, 1e15])
def test_any_sample_has_an_axis(value: float) -> None:
    """At most four ticks beside 0, and no dot outside."""
    panel = _panel(replace(ONE, samples=(value,), reference=()))
    assert 1 <= len(panel.ticks) <= 5
    assert 0 <= panel.plots[0].initializer.dots[0] <= WIDTH
