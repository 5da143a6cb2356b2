"""Judge a budget from samples: the quantities that budgets limit, and the meter that tests use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from conformance.api.benchmark import Benchmark, MeasuredCall, Series
from conformance.api.exceptions import RuleViolation
from conformance.api.intervals import FEWEST, LEAST_SPREAD, MOST, Interval, interval
from conformance.api.workloads import LARGE, MIB, TINY, Workload
from conformance.spec import Budget
from reports.measurement import Measurement
from scenarios.reasons import NotOffered

Read = Callable[[Benchmark, Series], list[float]]


@dataclass(frozen=True)
class Quantity:
    """A quantity that a budget can limit.

    read         returns the initializer's values in a series, one for each sample.
    beside       returns the value to compare each sample with, if a budget multiplies it.
    beside_name  the name of that value, if it does not come from the reference client.
    tolerance    for a value that does not scatter: the fraction by which two calls may differ. None for a value that
                 needs repeated samples.
    spread       for a value that needs repeated samples: the smallest standard deviation that the suite assumes.
    rate         whether the value is the transfer time of a whole model.
    """

    read: Read
    beside: Read | None = None
    beside_name: str = ""
    tolerance: float | None = None
    spread: float = LEAST_SPREAD
    rate: bool = False


def _mine(value: Callable[[MeasuredCall, Series], float]) -> Read:
    return lambda _, series: [value(one, series) for one in series.mine]


def _reference(value: Callable[[MeasuredCall, Series], float]) -> Read:
    return lambda _, series: [value(one, series) for one in series.reference]


def _work(samples: Sequence[MeasuredCall], idle: Sequence[MeasuredCall]) -> list[float]:
    """Return the CPU seconds of each call, less the start-up cost that a call for almost no data shows."""
    start = median(one.cpu_s for one in idle)
    return [max(one.cpu_s - start, 0.01) for one in samples]


def _cpu(bench: Benchmark, series: Series) -> list[float]:
    gib = series.size / (1 << 30)
    return [work / gib for work in _work(series.mine, bench.series(TINY, FEWEST).mine)]


def _reference_cpu(bench: Benchmark, series: Series) -> list[float]:
    gib = series.size / (1 << 30)
    return [work / gib for work in _work(series.reference, bench.series(TINY, FEWEST).reference)]


def _peak(_: Benchmark, series: Series) -> list[float]:
    if not all(one.peak_memory for one in series.mine):  # 0 would keep every budget
        raise NotOffered(
            "the suite cannot measure the memory of the engine's containers; run the suite on the engine's machine"
        )
    return [one.peak_memory / MIB for one in series.mine]


def _small_peak(bench: Benchmark, series: Series) -> list[float]:
    small = median(one.peak_memory for one in bench.series(LARGE, 1).mine) / MIB
    return [small] * len(series.mine)


QUANTITIES = {
    "transfer time": Quantity(
        _mine(lambda one, _: one.transfer_s), _reference(lambda one, _: one.transfer_s), rate=True
    ),
    "parallelism": Quantity(
        _mine(lambda one, _: one.parallelism), _reference(lambda one, _: one.parallelism), spread=0.02
    ),
    "bytes on the wire": Quantity(
        _mine(lambda one, series: one.wire / series.size),
        _reference(lambda one, series: one.wire / series.size),
        tolerance=0.0,
    ),
    "requests": Quantity(_mine(lambda one, series: one.requests / series.files), tolerance=0.0),
    "peak memory": Quantity(_peak, _reference(lambda one, _: one.peak_memory / MIB), tolerance=0.05),
    "memory growth": Quantity(_peak, _small_peak, "with a model of 12 MiB", tolerance=0.05),
    "peak disk": Quantity(_mine(lambda one, series: one.peak_disk / series.size), tolerance=0.01),
    "CPU time": Quantity(_cpu, _reference_cpu),
    "first byte": Quantity(
        _mine(lambda one, _: one.whole_s - one.waited_s), _reference(lambda one, _: one.whole_s - one.waited_s)
    ),
}


@dataclass
class Meter:
    """Judges one rule's budget on one store, and keeps every sample for the report."""

    bench: Benchmark
    budget: Budget
    measurements: list[Measurement]

    def keeps_budget(self, workload: Workload) -> None:
        """Take samples of the workload until they decide whether the initializer keeps the budget.

        Raises RuleViolation when it does not, and NotOffered when the samples scatter too much to decide.
        """
        quantity = QUANTITIES[self.budget.quantity]
        store = self.bench.store.name
        for count in range(FEWEST if quantity.tolerance is None else 1, MOST + 1):
            series = self.bench.series(workload, count)
            values = quantity.read(self.bench, series)
            beside = quantity.beside(self.bench, series) if quantity.beside else []
            pairs = zip(values, beside or [1.0] * len(values), strict=True)
            shares = [self.budget.share(store, *pair) for pair in pairs]
            found = interval(shares, quantity.tolerance, quantity.spread)
            if found.decision != "undecided":
                break
        measured = self._measurement(quantity, series, values, beside, found)
        self.measurements.append(measured)
        if found.decision == "over":
            raise RuleViolation(measured.sentence)
        if found.decision == "undecided":
            raise NotOffered(f"{len(values)} samples are not enough for a decision: {measured.sentence}")

    def _measurement(
        self, quantity: Quantity, series: Series, values: Sequence[float], beside: Sequence[float], found: Interval
    ) -> Measurement:
        store = self.bench.store.name
        return Measurement(
            name=self.budget.quantity,
            unit=self.budget.unit,
            samples=_rounded(values),
            reference=_rounded(beside),
            reference_name=(quantity.beside_name or self.bench.client.description) if beside else "",
            budget=self.budget.text(store),
            share=_rounded([found.low, found.high]),
            decision=found.decision,
            moved_bytes=series.size if quantity.rate else 0,
        )


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.4g}") for value in values)
