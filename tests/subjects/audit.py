"""`examples/NAME/expected.yaml`: the outcomes of a program's cases, judged by hand, and what differs from them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from conformance.spec import Spec
from reports.model import Outcome, Result
from tests.mutants.verdict import why

_ENTRY = {
    "type": "object",
    "required": ["rule", "outcome", "reason"],
    "additionalProperties": False,
    "properties": {
        "rule": {"type": "string"},
        "case": {"type": "string"},
        "outcome": {"enum": [str(one) for one in (Outcome.FAILED, Outcome.NOT_RUN, Outcome.UNSUPPORTED)]},
        "reason": {"type": "string", "minLength": 10},
    },
}
_SCHEMA = {
    "type": "object",
    "required": ["quick", "profiles"],
    "additionalProperties": False,
    "properties": {
        "quick": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "profiles": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "array", "items": _ENTRY},
        },
    },
}


class AuditError(Exception):
    """The file cannot be used; one line says why."""


@dataclass(frozen=True)
class Expected:
    """An outcome other than passed.

    rule, case  patterns; the case is the test with its row, such as `test_several_pairs` or `test_a_member[link]`.
    reason      why the outcome is right.
    """

    rule: str
    case: str
    outcome: Outcome
    reason: str

    def covers(self, result: Result) -> bool:
        """Whether it is about this case."""
        return fnmatchcase(result.rule, self.rule) and (result.name == self.case or fnmatchcase(result.name, self.case))

    def __str__(self) -> str:
        return f"expected {self.outcome} ({self.reason})"


@dataclass(frozen=True)
class Audit:
    """What one program's cases come to.

    quick     the rules of a quick run.
    profiles  profile as reports have it (`download/s3`; `download` for rules without a store) -> what does not pass.
              The first entry that covers a case counts; a case that none covers passes.
    """

    quick: Sequence[str]
    profiles: Mapping[str, Sequence[Expected]]

    @property
    def claimed(self) -> list[str]:
        """The profiles that a run asks for: those on a store bring the rules without one along."""
        return [name for name in self.profiles if "/" in name]

    def differences(self, results: Collection[Result], *, whole: bool) -> Iterator[str]:
        """A line for each case that came to something else, and, for a `whole` run, for each entry without a case."""
        unused = [(profile, entry) for profile, entries in self.profiles.items() for entry in entries]
        for result in results:
            entries = self.profiles.get(result.profile, ())
            entry = next((one for one in entries if one.covers(result)), None)
            unused = [pair for pair in unused if pair != (result.profile, entry)]
            if result.outcome is not (entry.outcome if entry else Outcome.PASSED):
                line = f"{result.profile} {result.rule} {result.name}: {result.outcome}, {entry or 'expected passed'}"
                yield line if result.outcome is Outcome.PASSED else f"{line}: {why(result)}"
        if whole:
            for profile, entry in unused:
                yield f"{profile} {entry.rule} {entry.case}: no such case, {entry}"


def load(path: Path, spec: Spec) -> Audit:
    """The audit in a file. Raises AuditError."""
    try:
        data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        jsonschema.validate(data, _SCHEMA)
    except (OSError, yaml.YAMLError) as error:
        raise AuditError(f"{path}: {' '.join(str(error).split())}") from error
    except jsonschema.ValidationError as error:
        raise AuditError(f"{path}: {error.json_path}: {error.message}") from error
    profiles = {
        name: [Expected(one["rule"], one.get("case", "*"), Outcome(one["outcome"]), one["reason"]) for one in entries]
        for name, entries in data["profiles"].items()
    }
    known = {rule.profile for rule in spec} | {rule.profile_on(store) for rule in spec for store in rule.stores}
    if unknown := profiles.keys() - known:
        raise AuditError(f"{path}: no such profile: {', '.join(sorted(unknown))}")
    patterns = [*data["quick"], *(entry.rule for entries in profiles.values() for entry in entries)]
    if wrong := [one for one in patterns if not any(fnmatchcase(rule.id, one) for rule in spec)]:
        raise AuditError(f"{path}: no such rule: {', '.join(wrong)}")
    return Audit(data["quick"], profiles)
