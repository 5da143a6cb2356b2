"""Measurements as plots: coordinates of samples, quartiles and shares, for SVG in the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import quantiles

from reports.measurement import Measurement
from reports.model import Report, Result, Rule

#: The width of each plot, in units of its SVG.
WIDTH = 300
#: The axis of shares ends at twice the budget; a longer interval is cut there.
MOST_SHARE = 2.0


@dataclass(frozen=True)
class Lane:
    """The samples of one program: a dot for each, and the quartiles if there are at least two samples."""

    dots: Sequence[float]
    quartiles: Sequence[float]


@dataclass(frozen=True)
class Plot:
    """A measurement of a result. `share` is the interval of the budget's use; `cut` if it goes on beyond the axis."""

    result: Result
    measured: Measurement
    initializer: Lane
    reference: Lane | None
    share: tuple[float, float]
    cut: bool


@dataclass(frozen=True)
class Panel:
    """The measurements of a rule that share a quantity, unit and budget, on one axis. `ticks` are places and labels."""

    rule: Rule
    name: str
    unit: str
    budget: str
    ticks: Sequence[tuple[float, str]]
    plots: Sequence[Plot]


def panels(report: Report) -> list[Panel]:
    """Return the plots of a report, in the order of its results."""
    found: dict[tuple[str, str, str, str], list[tuple[Result, Measurement]]] = {}
    for result in report.results:
        for one in result.measurements:
            found.setdefault((result.rule, one.name, one.unit, one.budget), []).append((result, one))
    return [_panel(report.rule(rule), pairs) for (rule, *_), pairs in found.items()]


def _panel(rule: Rule, pairs: Sequence[tuple[Result, Measurement]]) -> Panel:
    values = [value for _, one in pairs for value in (*one.samples, *one.reference)]
    most = max(values, default=0.0)
    step = _step(most)
    top = max(most, step) * 1.03
    ticks = [(_place(value, top), f"{value:g}") for value in _multiples(step, top)]
    first = pairs[0][1]
    plots = [_plot(result, one, top) for result, one in pairs]
    return Panel(rule, first.name, first.unit, first.budget, ticks, plots)


def _plot(result: Result, one: Measurement, top: float) -> Plot:
    low, high = one.share[0], one.share[-1]
    share = (_place(min(low, MOST_SHARE), MOST_SHARE), _place(min(high, MOST_SHARE), MOST_SHARE))
    reference = _lane(one.reference, top) if one.reference else None
    return Plot(result, one, _lane(one.samples, top), reference, share, high > MOST_SHARE)


def _lane(samples: Sequence[float], top: float) -> Lane:
    inner = quantiles(samples, n=4, method="inclusive") if len(samples) > 1 else []
    return Lane([_place(sample, top) for sample in samples], [_place(value, top) for value in inner])


def _place(value: float, top: float) -> float:
    """Return where a value lies on an axis from 0 to `top`."""
    return round(WIDTH * max(0.0, value) / top, 1)


def _step(most: float) -> float:
    """Return the distance of ticks: 1, 2 or 5 times a power of ten, for at most four ticks beside 0."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most / 4))
    return next(step for step in (power, 2 * power, 5 * power, 10 * power) if most / step <= 4)


def _multiples(step: float, top: float) -> Iterator[float]:
    yield from (count * step for count in range(int(top / step) + 1))
