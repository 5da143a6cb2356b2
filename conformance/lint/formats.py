"""The URI formats of storage containers, and which URIs they match."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: A prefix or regular expression for URIs, as in `supportedUriFormats`.
Format = Mapping[str, str]


def alike(one: Format, other: Format) -> bool:
    """Return whether some URI probably matches both formats: tries an example of each on the other."""
    return any(matches(form, example(peer)) for form, peer in ((one, other), (other, one)))


def matches(form: Format, uri: str) -> bool:
    """Return whether KServe takes `uri` for one of this format."""
    if prefix := form.get("prefix"):
        return uri.startswith(prefix)
    regex = form.get("regex", "")
    return bool(regex) and not flaw_of(regex) and re.match(regex, uri) is not None


def example(form: Format) -> str:
    """Return a URI of this format: a regular expression with each group replaced by a name."""
    if prefix := form.get("prefix"):
        return f"{prefix}bucket/model"
    text = re.sub(r"\([^)]*\)", "name", form.get("regex", ""))
    return re.sub(r"\\(.)", r"\1", text.replace("s?:", "s:")).strip("^$")


def flaw_of(regex: str) -> str:
    """Return why the expression does not compile, by Python's rules, which differ little from Go's. "" if it does."""
    try:
        re.compile(regex)
    except re.error as error:
        return str(error)
    return ""
