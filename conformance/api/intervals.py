"""Decide from samples whether a budget is kept: an interval with a decision, or "undecided" if they scatter too much.

docs/throughput.md explains the method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

Decision = Literal["within", "over", "undecided"]

#: The least number of samples of a scattering quantity, and the most to take while they are undecided.
FEWEST, MOST = 2, 9
#: Two-sided 95 % quantiles of Student's t by number of samples.
_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306}
#: The smallest standard deviation of the logarithms that the suite assumes: few samples may agree by chance.
LEAST_SPREAD = 0.05


@dataclass(frozen=True)
class Interval:
    """The 95 % confidence interval of the median of the shares (see `Budget.share`)."""

    low: float
    high: float

    @property
    def decision(self) -> Decision:
        """Return "within" if the whole interval is at most 1, "over" if all of it is above 1, else "undecided"."""
        if self.high <= 1:
            return "within"
        return "over" if self.low > 1 else "undecided"


def interval(shares: Sequence[float], tolerance: float | None, spread: float = LEAST_SPREAD) -> Interval:
    """Return the interval of the median of `shares` (each greater than 0).

    tolerance  for a quantity that does not scatter: the fraction by which two samples may differ. None for one that
               scatters: the suite assumes that its logarithms are normal, so that their mean is also their median.
    spread     the smallest standard deviation of the logarithms that the suite assumes.
    """
    logarithms = [math.log(share) for share in shares]
    if tolerance is None:
        half = _T[len(shares)] * max(stdev(logarithms), spread) / math.sqrt(len(shares))
    else:
        half = math.log1p(tolerance)
    middle = fmean(logarithms)
    return Interval(math.exp(middle - half), math.exp(middle + half))
