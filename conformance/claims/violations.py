"""Describe a violation of the claims' schema in one line with the remedy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, cast

import jsonschema

from conformance.lint.problem import Path as Keys

_TYPES = {"object": "a mapping", "array": "a list", "string": "a text"}
#: A line shows this many characters of a value.
_SHOWN = 60


def described(flaw: jsonschema.ValidationError) -> tuple[Keys, str]:
    """Return the key and the text."""
    keys: Keys = tuple(flaw.absolute_path)
    wanted: Any = flaw.validator_value
    instance: Any = flaw.instance
    schema = cast("Mapping[str, Any]", flaw.schema)
    value = repr(flaw.instance)[:_SHOWN]
    text = f"{value} does not fit: {schema.get('description', flaw.message)}"
    match flaw.validator:
        case "additionalProperties":
            name = next(one for one in instance if one not in schema["properties"])
            keys, text = (*keys, str(name)), f"unknown key{hint(str(name), schema['properties'])}"
        case "required":
            missing = next(one for one in wanted if one not in instance)
            keys, text = (*keys, missing), "is missing; add it"
        case "anyOf" if not keys:
            text = "has neither image nor command; add one of them"
        case "type":
            text = _type(instance, wanted)
        case "enum":
            text = f"unknown value {value}{hint(str(instance), wanted)}"
        case "uniqueItems":
            text = "an entry is there twice; remove one of them"
        case "not":
            text = "this name is KServe's own; use another name"
    return keys, text


def hint(word: str, known: Collection[str]) -> str:
    """Return the known word that is most alike, or all known words."""
    close = get_close_matches(word, known, 1)
    return f"; did you mean {close[0]}?" if close else f"; use one of {', '.join(known)}"


def _type(instance: Any, wanted: str | list[str]) -> str:  # noqa: ANN401 - YAML
    kind = wanted if isinstance(wanted, str) else wanted[0]
    remedy = "; quote it" if kind == "string" and not isinstance(instance, list | dict | None) else ""
    return f"{repr(instance)[:_SHOWN]} is not {_TYPES[kind]}{remedy}"
