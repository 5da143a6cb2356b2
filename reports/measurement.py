"""A measured quantity as the report has it: every sample, what it is held beside, and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Literal


@dataclass(frozen=True)
class Measurement:
    """What one case measured, every sample of it.

    samples      of the initializer, in `unit`; `reference` those beside them, of what `reference_name` says.
    budget       in words.
    share        of the budget: the interval in which its median lies with 95 % confidence; 1 is all of it.
    moved_bytes  in each sample's time, where it is the time of a transfer; else 0.
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
        """In one line: what was measured, how it scatters, and what is allowed."""
        beside = f"; {spread(self.reference)} {self.unit}: {self.reference_name}" if self.reference else ""
        share = " to ".join(f"{100 * end:.0f}" for end in self.share)
        return f"{self.name} {spread(self.samples)} {self.unit}, allowed {self.budget}, {share} % of it used{beside}"

    def mib_per_s(self, samples: Sequence[float]) -> float:
        """The median rate of samples that are times of transfers."""
        return self.moved_bytes / (1 << 20) / median(samples)


def spread(samples: Sequence[float]) -> str:
    """The median of samples with their quartiles and number; a single one as it is."""
    if len(samples) == 1:
        return f"{samples[0]:.4g}"
    low, middle, high = quantiles(samples, n=4, method="inclusive")
    return f"{middle:.4g} (quartiles {low:.4g} to {high:.4g}, {len(samples)} samples)"
