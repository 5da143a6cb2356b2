"""A measurement in the report: all samples, the reference samples, and the decision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Literal


@dataclass(frozen=True)
class Measurement:
    """The measured values of one case, with every sample.

    samples      of the initializer, in `unit`.
    reference    samples of the reference, in `unit`; `reference_name` describes the reference.
    budget       the limit, in words.
    share        how much of the budget the median uses, as a 95 % confidence interval; 1 is the whole budget.
    moved_bytes  bytes that each sample transfers, if samples are transfer times; else 0.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    reference: tuple[float, ...]
    reference_name: str
    budget: str
    share: tuple[float, ...]
    decision: Literal["within", "over", "undecided"]
    moved_bytes: int = 0

    @property
    def sentence(self) -> str:
        """Return one line: the measured value, its spread, and the budget."""
        beside = f"; {spread(self.reference)} {self.unit}: {self.reference_name}" if self.reference else ""
        share = " to ".join(f"{100 * end:.0f}" for end in self.share)
        return f"{self.name} {spread(self.samples)} {self.unit}, allowed {self.budget}, {share} % of it used{beside}"

    def mib_per_s(self, samples: Sequence[float]) -> float:
        """Return the median rate in MiB/s, for samples that are transfer times."""
        middle = median(samples)
        return self.moved_bytes / (1 << 20) / middle if middle else math.inf


def spread(samples: Sequence[float]) -> str:
    """Return the median with quartiles and sample count; a single sample is returned as it is."""
    if len(samples) == 1:
        return f"{samples[0]:.4g}"
    low, middle, high = quantiles(samples, n=4, method="inclusive")
    return f"{middle:.4g} (quartiles {low:.4g} to {high:.4g}, {len(samples)} samples)"
