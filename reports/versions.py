"""Convert reports of older versions to the present version, so that every written report stays readable."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict
from typing import Any

from reports.metrics import Metrics
from reports.model import API_VERSION, Cluster, Level, Outcome
from reports.verdict import counts_in

_GROUP = API_VERSION.partition("/")[0]
_OLDER = {f"{_GROUP}/{version}" for version in ("v1alpha1", "v1alpha2", "v1alpha3")}


def unknown(data: object) -> str:
    """Return the version of a report that only another release of the suite can read; "" for all other data."""
    version = data.get("apiVersion") if isinstance(data, dict) else None
    known = not isinstance(version, str) or version in {API_VERSION, *_OLDER} or not version.startswith(f"{_GROUP}/")
    return "" if known else str(version)


def upgraded(data: Any) -> Any:  # noqa: ANN401 - JSON data of any shape
    """Return an older report, or draft, as a copy in the present version; return all other data unchanged.

    The conversion adds only fields that the older version lacked, and drops only fields that the present version lacks.
    A file that was not valid in its own version therefore still fails the schema.
    """
    if not isinstance(data, dict) or data.get("apiVersion") not in _OLDER:
        return data
    data = deepcopy(data)
    data["apiVersion"] = API_VERSION
    _add(data.get("environment"), cluster={**asdict(Cluster()), "notes": []})  # v1alpha1
    for result in data["results"] if isinstance(data.get("results"), list) else []:
        _add(result, measurements=[], core=False)  # v1alpha1
    for rule in data["rules"] if isinstance(data.get("rules"), list) else []:
        _add(rule, core=False)
    for profile in data["profiles"] if isinstance(data.get("profiles"), list) else []:
        _add(profile, broken_core=0, **_shares(profile, data.get("results")))
    _add(data, stale=[])
    _add(data.get("initializer"), python="")
    _add(data.get("selection"), pytest=[], cases_left_out=0, rules_left_out=0)
    metrics = data.get("metrics")
    _drop(metrics, "efficiency", "initializer_wall_s")
    old = ("wall_s", "setup_s", "workers", "calls", "peak_memory_bytes")
    _add(metrics, **{name: value for name, value in asdict(Metrics()).items() if name not in old})
    return data


def _shares(profile: Any, results: Any) -> dict[str, int]:  # noqa: ANN401 - JSON data of any shape
    """Count the cases that a profile requires, and how many passed; {} if the data has another shape."""
    try:
        own = [one for one in results if one["level"] == Level.MUST and counts_in(one["profile"], profile["name"])]
        outcomes = [one["outcome"] for one in own if one["outcome"] != Outcome.UNSUPPORTED]
    except (TypeError, KeyError, AttributeError):
        return {}
    return {"required": len(outcomes), "kept": sum(one in {Outcome.PASSED, Outcome.FIXED} for one in outcomes)}


def _add(part: object, **missing: object) -> None:
    if isinstance(part, dict):
        for name, value in missing.items():
            part.setdefault(name, value)


def _drop(part: object, *names: str) -> None:
    if isinstance(part, dict):
        for name in names:
            part.pop(name, None)
