"""The file with a container's claims, and the optional features of the spec: claimed and observed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class Observed(StrEnum):
    """What the cases of an optional feature showed."""

    WORKS = "works"
    IN_PART = "works in part"
    ABSENT = "does not work"
    NEVER = "never exercised"


@dataclass(frozen=True)
class Claims:
    """The file of claims that the run was held to; all fields are "" for a run without one.

    file     its name, without the folder.
    sha256   64 hexadecimal digits: the digest of `content` in UTF-8.
    content  its text, with line ends as `\\n`.
    """

    file: str = ""
    sha256: str = ""
    content: str = ""

    @classmethod
    def of(cls, file: str, content: str) -> Claims:
        """Return the claims with this content."""
        return cls(file, hashlib.sha256(content.encode()).hexdigest(), content)


@dataclass(frozen=True)
class Feature:
    """An optional feature: rules name it, and an initializer may lack it.

    claimed   whether the file of claims lists it.
    profiles  the profiles, such as `download/s3`, with cases that need it and that the run could judge.
    passed    how many of its cases passed.
    judged    how many of its cases judged the initializer.
    """

    name: str
    sentence: str
    claimed: bool = False
    profiles: tuple[str, ...] = ()
    observed: Observed = Observed.NEVER
    passed: int = 0
    judged: int = 0
