"""Explain why a profile is incomplete: what is missing, grouped by cause, with the remedy for each cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from reports.model import Level, Outcome, Report, Selection
from reports.verdict import EXECUTED, counts_in, members, narrowed, unexercised

#: Longest command line to repeat, in characters; a command line can name a hundred tests.
LONGEST_COMMAND = 160


class Lack(StrEnum):
    """Why results are missing."""

    CUT_OFF = "the run was cut off"
    LEFT_OUT = "left out"
    NOT_RUN = "not run"
    ERROR = "error"
    NOTHING = "nothing required"
    UNEXERCISED = "claimed, never exercised"


@dataclass(frozen=True)
class Gap:
    """Missing results that share a cause.

    cause    one line that includes the remedy.
    missing  keys of results, or (rule, store) pairs that the selection left out; empty if nothing counted them.
    """

    lack: Lack
    cause: str
    missing: frozenset[tuple[str, ...]] = frozenset()

    @property
    def sentence(self) -> str:
        """Return one sentence: what is missing, how many, and the remedy."""
        count = len(self.missing)
        cases = f"{count} required case{'s' if count != 1 else ''}"
        match self.lack:
            case Lack.NOT_RUN:
                return f"{cases} did not run: {self.cause}"
            case Lack.ERROR:
                return f"{cases} met an error: {self.cause}"
            case Lack.LEFT_OUT if count:
                pairs = f"{count} required pair{'s' if count != 1 else ''} of rule and store"
                return f"the run left out {pairs}; {self.cause}"
            case Lack.LEFT_OUT:
                return f"the run left out cases; {self.cause}"
            case _:
                return self.cause


def gaps(report: Report, profile: str) -> list[Gap]:
    """Return the gaps of an incomplete profile, the largest first, because its remedy helps most."""
    found: list[Gap] = []
    own = members(report, profile)
    results = [result for result in own if result.level is Level.MUST]
    for lack, outcome in ((Lack.NOT_RUN, Outcome.NOT_RUN), (Lack.ERROR, Outcome.ERROR)):
        causes: dict[str, set[tuple[str, ...]]] = {}
        for result in results:
            if result.outcome is outcome:
                causes.setdefault(_cause(result.reason, result.message), set()).add(result.key)
        found += [Gap(lack, cause, frozenset(keys)) for cause, keys in causes.items()]
    if report.footer.complete and narrowed(report.selection, profile):
        pairs = {(one.rule, one.store) for one in report.selection.left_out if counts_in(one.profile, profile)}
        found.append(Gap(Lack.LEFT_OUT, _whole(report.selection), frozenset(pairs)))
    found.sort(key=lambda gap: -len(gap.missing))
    if not report.footer.complete:
        found.insert(0, Gap(Lack.CUT_OFF, "the run was cut off; run it again"))
    if names := unexercised(report.features, own, profile):
        found.append(Gap(Lack.UNEXERCISED, _unexercised(names)))
    if not found and not any(result.outcome in EXECUTED for result in results):
        found.append(Gap(Lack.NOTHING, "no MUST rule applies to this initializer"))
    return found


def restrictions(selection: Selection) -> list[str]:
    """Return the options that leave out a part of a profile; `--store` and `--profile` leave out whole profiles."""
    smoke = ["--smoke"] if selection.smoke else []
    rules = [f"--rule {','.join(selection.rules)}"] if selection.rules else []
    return [*smoke, *rules, *selection.pytest]


def command_line(options: Sequence[str]) -> str:
    """Join the options, and cut the text at LONGEST_COMMAND characters."""
    text = " ".join(options)
    return text if len(text) <= LONGEST_COMMAND else text[: LONGEST_COMMAND - 4] + " ..."


def _whole(selection: Selection) -> str:
    options = command_line(restrictions(selection))
    return f"run without {options}" if options else "run the whole suite again"


def _unexercised(names: Sequence[str]) -> str:
    return (
        f"no case exercised {', '.join(names)}, which the claims list; see why its cases did not run, or drop the claim"
    )


def _cause(reason: str, message: str) -> str:
    return reason or next((line.strip() for line in message.splitlines() if line.strip()), "no reason given")
