"""When measured samples keep a budget: a decision with its interval, or none where they scatter too much.

docs/throughput.md explains the method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

Decision = Literal["within", "over", "undecided"]

#: Samples that a scattering quantity gets at least and, while they decide nothing, at most.
FEWEST, MOST = 2, 9
#: Two-sided 95 % quantiles of Student's t by number of samples.
_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306}
#: No smaller standard deviation of the logarithms is believed: few samples may agree by chance.
LEAST_SPREAD = 0.05


@dataclass(frozen=True)
class Interval:
    """Where the median of the shares (see `Budget.share`) lies, with 95 % confidence."""

    low: float
    high: float

    @property
    def decision(self) -> Decision:
        """A budget is kept where the whole interval is at most 1, broken where all of it is more."""
        if self.high <= 1:
            return "within"
        return "over" if self.low > 1 else "undecided"


def interval(shares: Sequence[float], tolerance: float | None, spread: float = LEAST_SPREAD) -> Interval:
    """The interval of the median of `shares` (each greater than 0).

    tolerance  of a quantity that does not scatter: how far a single sample may be from the next, as a fraction. None
               for one that does: its logarithms are taken for normal, so that their mean is the median's.
    spread     the least standard deviation of the logarithms that is believed.
    """
    logarithms = [math.log(share) for share in shares]
    if tolerance is None:
        half = _T[len(shares)] * max(stdev(logarithms), spread) / math.sqrt(len(shares))
    else:
        half = math.log1p(tolerance)
    middle = fmean(logarithms)
    return Interval(math.exp(middle - half), math.exp(middle + half))
