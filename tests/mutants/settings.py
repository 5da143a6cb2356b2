"""Mutants that take settings for what they are not because of their type, or of white space."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from tests.mutants.registry import mutant, part, wrap


def _refuse(wrong: Callable[[], bool]) -> None:
    """Fail without naming a setting where something is wrong with the settings."""
    failure = part("failure").Failure

    def prepared(former: Callable[[], Any]) -> Any:  # noqa: ANN401
        if wrong():
            raise failure("initializer", "something went wrong", "")
        return former()

    wrap(part("program"), "prepared", prepared)


@mutant("CRED-040", stores=("s3", "webhdfs"))
def types_unknown() -> None:
    """Cannot read anything but text in the JSON of a storage config, and does not tell which setting it is."""
    config = json.loads(os.environ.get("STORAGE_CONFIG", "{}"))
    _refuse(lambda: not all(isinstance(value, str) for value in config.values()))


@mutant("CRED-041", "CRED-043", stores=("s3",))
def line_ends_unknown() -> None:
    """Cannot use a value with white space around it, and does not tell which."""
    _refuse(lambda: any(value != value.strip() for value in os.environ.values()))


@mutant("CRED-042")
def byte_order_marks_unknown() -> None:
    """Fails at the first character of an account, and does not tell of which file."""

    def marked() -> bool:
        with open(os.environ["GOOGLE_APPLICATION_CREDENTIALS"], "rb") as file:  # noqa: PTH123
            return file.read(3) == b"\xef\xbb\xbf"

    _refuse(marked)
