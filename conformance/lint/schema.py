"""Compare a document with the schema of its kind, as strictly as `kubectl --validate=strict`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import jsonschema

from conformance.lint.documents import Document
from conformance.lint.problem import Path, Problem
from conformance.lint.upstream import GROUP, Upstream

#: A message shows this many characters of a value.
SHOWN = 60


def flaws(document: Document, upstream: Upstream) -> Iterator[Problem]:
    """Yield what the API server would refuse."""
    versions = upstream.schemas.get(document.kind)
    if versions is None:
        yield Problem(("kind",), f"KServe {upstream.release} has no kind {document.kind!r} in {GROUP}")
        return
    schema = versions.get(document.version)
    if schema is None:
        served = " or ".join(f"{GROUP}/{version}" for version in versions)
        yield Problem(("apiVersion",), f"KServe {upstream.release} serves {document.kind} as {served}", "CSC-014")
        schema = versions[max(versions)]
    for error in jsonschema.Draft202012Validator(closed(schema)).iter_errors(without_nulls(document.data)):
        yield from _problems(error, schema)


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with unknown fields refused. The API server drops them with a warning at most."""
    made = dict(schema)
    if "properties" in made:
        made["properties"] = {name: closed(one) for name, one in made["properties"].items()}
        if "additionalProperties" not in made and not made.get("x-kubernetes-preserve-unknown-fields"):
            made["additionalProperties"] = False
    for name in ("additionalProperties", "items"):
        if isinstance(made.get(name), dict):
            made[name] = closed(made[name])
    return made


def without_nulls(data: Any) -> Any:  # noqa: ANN401 -- YAML
    """Return the data without fields that are null, which the API server drops."""
    if isinstance(data, dict):
        return {name: without_nulls(value) for name, value in data.items() if value is not None}
    if isinstance(data, list):
        return [without_nulls(value) for value in data]
    return data


def _problems(error: jsonschema.ValidationError, schema: dict[str, Any]) -> Iterator[Problem]:
    path: Path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        known = cast("dict[str, Any]", error.schema)["properties"]
        for name in sorted(cast("dict[str, Any]", error.instance).keys() - known):
            places = [".".join(place) for place in _places(schema, name, ())]
            hint = f"; it belongs to {places[0]}" if places else ""
            yield Problem((*path, name), f"unknown field{hint}", "CSC-014" if places else "")
    elif error.validator == "type":
        value = str(error.instance)[:SHOWN]
        remedy = f"; write `- prefix: {value.rstrip('*')}`" if path[-2:-1] == ("supportedUriFormats",) else ""
        yield Problem(path, f"{value!r} is no {error.validator_value}{remedy}", "CSC-014" if remedy else "")
    else:
        yield Problem(path, error.message[: 3 * SHOWN])


def _places(schema: dict[str, Any], name: str, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the paths at which the schema has a field `name`, the shortest first below each parent."""
    properties = schema.get("properties", {})
    if name in properties:
        yield (*above, name)
    for other, one in properties.items():
        yield from _places(one, name, (*above, other))
