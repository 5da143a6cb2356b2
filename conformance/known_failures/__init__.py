"""Known failures: rules that an initializer is known to break, listed with reason and reference.

The list is strict: a listed case that passes fails the run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from packaging.specifiers import SpecifierSet

from conformance.spec import Rule, Spec

FOLDER = Path(__file__).parent
#: The suite's own list, about KServe's releases.
OF_KSERVE = FOLDER / "kserve.yaml"
#: A vendor's entry must expire within this time.
LONGEST = timedelta(days=366)
_URL = re.compile(r"https?://[^\s/]+/\S+")
_TOLD = re.compile(r"reported to the vendor on (\d{4}-\d{2}-\d{2})")


class KnownFailuresError(Exception):
    """The list is invalid. The message names the file, the entry and the error."""


@dataclass(frozen=True)
class CaseKey:
    """The identity of a result. `store`, `server` and `install` are "" if there is none.

    python  the Python release that runs the initializer, if it is this machine's.
    """

    rule: str
    store: str
    case: str
    server: str
    route: str
    install: str = ""
    python: str = ""
    test: str = ""


@dataclass(frozen=True)
class KnownFailure:
    """One entry of the list.

    It covers results of `rule` on `stores`, in one of the `tests`, whose case matches one of `cases`, on `servers` and
    `routes`, with KServe installed in one of the ways `installs`, on releases of `python`. An empty field matches
    everything.

    fixed   the release that follows the rule again, if there is one.
    kserve  the range of KServe's releases that the entry is about; "" for all.
    """

    rule: str
    stores: frozenset[str]
    tests: frozenset[str]
    cases: tuple[str, ...]
    servers: frozenset[str]
    routes: frozenset[str]
    installs: frozenset[str]
    python: SpecifierSet
    reason: str
    reference: str
    fixed: str | None
    expires: date
    kserve: str = ""

    def touches(self, rule: str, store: str, case: str) -> bool:
        """Return whether the entry is about this case of the rule on this store, on some server and route."""
        return (
            rule == self.rule
            and (not self.stores or store in self.stores)
            and (not self.cases or any(fnmatchcase(case, pattern) for pattern in self.cases))
        )

    def covers(self, result: CaseKey) -> bool:
        return (
            self.touches(result.rule, result.store, result.case)
            and (not self.tests or result.test in self.tests)
            and (not self.servers or result.server in self.servers)
            and (not self.routes or result.route in self.routes)
            and (not self.installs or result.install in self.installs)
            and self.on(result.python)
        )

    def on(self, python: str) -> bool:
        """Return whether the entry applies to that Python release."""
        return not self.python or (bool(python) and self.python.contains(python))

    def __str__(self) -> str:
        scopes = (self.stores, self.servers, self.routes, self.installs, self.tests)
        where = [*(name for scope in scopes for name in sorted(scope)), *self.cases]
        return f"{self.rule} ({', '.join(where)})" if where else self.rule


def _entry(raw: dict[str, Any], expires: str) -> KnownFailure:
    return KnownFailure(
        rule=raw["rule"],
        stores=frozenset(raw.get("stores", [])),
        tests=frozenset(raw.get("tests", [])),
        cases=tuple(raw.get("cases", [])),
        servers=frozenset(raw.get("servers", [])),
        routes=frozenset(raw.get("routes", [])),
        installs=frozenset(raw.get("installs", [])),
        python=SpecifierSet(raw.get("python", "")),
        reason=" ".join(raw["reason"].split()),
        reference=raw["reference"],
        fixed=raw.get("fixed"),
        expires=date.fromisoformat(expires),
        kserve=raw.get("kserve", ""),
    )


@cache
def _validated(text: str) -> dict[str, Any]:
    """Return the data of a list. A run needs KServe's list twice, and the check against the schema takes 0.2 s of CPU.

    Raises yaml.YAMLError, and jsonschema.ValidationError.
    """
    # Convert through JSON, because YAML reads a plain date as a date, which JSON Schema does not know.
    data: dict[str, Any] = json.loads(json.dumps(yaml.load(text, yaml.CSafeLoader), default=str))
    # `jsonschema.validate` would also check the schema itself.
    jsonschema.Draft202012Validator(json.loads((FOLDER / "schema.json").read_text())).validate(data)
    return data


def load(
    path: Path, spec: Spec, release: str | None, today: date | None = None, *, program: str | None = None
) -> list[KnownFailure]:
    """Return the entries of `path` in force for `release` (all of them if None).

    program  the name of the initializer under test, which may extend the list's program name (`kserve-branch`). None
             if no initializer is under test.

    Raises KnownFailuresError for a file that cannot be read, a list for another program, an entry without reason,
    reference or expiry date, an unknown rule or store, and an expired entry. A vendor's list has limits: it declares
    no core rule, refers to an issue by its URL or by the day of the report to the vendor, and expires within a year.
    """
    today = today or datetime.now(UTC).date()
    try:
        data = _validated(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise KnownFailuresError(f"{path}: cannot be read: {error}") from error
    except jsonschema.ValidationError as error:
        where = "/".join(map(str, error.absolute_path))
        raise KnownFailuresError(f"{path}: {where}: {error.message}") from error
    if program is not None and not f"{program}-".startswith(f"{data['initializer']}-"):
        raise KnownFailuresError(
            f"{path}: it is about {data['initializer']}, and this run tests {program}: give the list of that program, "
            "or name the program with --initializer-name"
        )
    own, entries = path.resolve().parent == FOLDER.resolve(), []
    for raw in data["entries"]:
        expires = raw.get("expires") or data.get("expires")
        if expires is None:
            raise KnownFailuresError(f"{path}: {raw['rule']} never expires: give it, or the list, a day `expires`")
        entry = _entry(raw, expires)
        if entry.rule not in spec.rules:
            raise KnownFailuresError(f"{path}: unknown rule {entry.rule}; see --list-rules")
        if not own and (excess := _excess(entry, spec[entry.rule], today)):
            raise KnownFailuresError(f"{path}: {entry} {excess}")
        if unknown := entry.stores - set(spec[entry.rule].stores):
            raise KnownFailuresError(f"{path}: {entry.rule} does not apply to {', '.join(sorted(unknown))}")
        if release is not None and not _concerns(release, raw.get("kserve", ""), spec[entry.rule]):
            continue
        if entry.expires < today:
            raise KnownFailuresError(
                f"{path}: {entry} expired on {entry.expires}: look at it again, then remove it or set a later date"
            )
        entries.append(entry)
    return entries


def _excess(entry: KnownFailure, rule: Rule, today: date) -> str:
    """Describe how an entry exceeds the limits of a vendor's list. "" if it does not."""
    if rule.core:
        return "is a core rule, which no list can declare: mend the initializer"
    told = _TOLD.fullmatch(entry.reference)
    if not (told or _URL.fullmatch(entry.reference)) or (told and date.fromisoformat(told[1]) > today):
        return (
            f"refers to {entry.reference!r}: give the URL of an issue, or `reported to the vendor on YYYY-MM-DD` with "
            "a day that is past"
        )
    if entry.expires > (last := today + LONGEST):
        return f"expires on {entry.expires}: give a day within a year, {last} at the latest"
    return ""


def drafts(path: Path) -> list[str]:
    """Return the releases for which no whole run has checked the list yet."""
    return list(yaml.load(path.read_text(), yaml.CSafeLoader).get("drafts", []))


def _concerns(release: str, kserve: str, rule: Rule) -> bool:
    """Return whether the entry applies to `release`: it is in the entry's range, and the rule is in force."""
    return rule.in_force(release) and SpecifierSet(kserve).contains(release, prereleases=True)


def find(entries: Collection[KnownFailure], result: CaseKey) -> KnownFailure | None:
    """Return the entry that covers a result, if any."""
    return next((entry for entry in entries if entry.covers(result)), None)
