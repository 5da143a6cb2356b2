"""Mutants that select the wrong files for STORAGE_ALLOW_PATTERNS and STORAGE_IGNORE_PATTERNS."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from tests.mutants.registry import mutant, part, wrap


@mutant("CRED-021", "CRED-022", stores=("local", "s3"))
def patterns_ignored() -> None:
    """Does not know STORAGE_ALLOW_PATTERNS and STORAGE_IGNORE_PATTERNS."""
    part("remote").is_wanted = lambda *_given: True


@mutant("CRED-021", cases=("allow-commas", "both"))
def patterns_in_json_only() -> None:
    """Takes patterns that are no JSON for one pattern."""
    remote = part("remote")

    def patterns(former: Callable[[str], list[str]], text: str) -> list[str]:
        return former(text) if text.startswith("[") else [text] * bool(text)

    wrap(remote, "patterns", patterns)


@mutant("CRED-021", cases=("allow-folder", "ignore"))
def patterns_match_names() -> None:
    """Matches patterns with the file's name, not with its path."""
    wrap(part("remote"), "is_wanted", lambda former, path, given: former(path.rpartition("/")[2], given))


@mutant("CRED-021", cases=("both",))
def ignoring_forgotten() -> None:
    """Does not look at what is to be ignored when it was told what is allowed."""
    if "STORAGE_ALLOW_PATTERNS" in os.environ:
        os.environ.pop("STORAGE_IGNORE_PATTERNS", None)


@mutant("CRED-022", stores=("local", "http", "s3"))
def nothing_matches_so_everything_does() -> None:
    """Delivers everything when no file passes the patterns."""
    failure = part("failure").Failure

    def chosen(former: Callable[..., list[Any]], files: Any, *given: object) -> list[Any]:  # noqa: ANN401
        found = list(files)
        try:
            return former(found, *given)
        except failure:
            return found

    wrap(part("remote"), "chosen", chosen)
