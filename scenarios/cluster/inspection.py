"""The inspector's view from the model server container. clusters/programs/inspector/main.go writes it as JSON."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightkube import Client

from scenarios.cluster.waiting import wait
from scenarios.initializers.base import Entry


class Sealed(bytes):
    """A file too large to include. Only its size and digest are known. It equals any bytes with that digest."""

    def __new__(cls, size: int, sha256: str) -> Sealed:
        """`size` in bytes, `sha256` in hex."""
        made = super().__new__(cls)
        made._size, made._sha256 = size, sha256
        return made

    _size: int
    _sha256: str

    def __len__(self) -> int:
        return self._size

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sealed):
            return self._sha256 == other._sha256
        return isinstance(other, bytes) and hashlib.sha256(other).hexdigest() == self._sha256

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._sha256)


@dataclass(frozen=True)
class Inspection:
    """A model server's view.

    trees    mount -> relative path -> Entry.
    errors   mount -> the errno name of a failed inspection.
    writes   mount -> file name -> "ok", or the errno name (EROFS).
    """

    trees: Mapping[str, Mapping[str, Entry]]
    errors: Mapping[str, str]
    writes: Mapping[str, Mapping[str, str]]
    uid: int
    environment: Mapping[str, str | None]

    @classmethod
    def of(cls, client: Client, namespace: str, pod: str, container: str) -> Inspection:
        """Wait for the inspector's line in the log of a started container. Raises ApiError, Unsettled."""

        def line() -> str | None:
            # A busy kubelet may answer that it has not found the log yet.
            lines = client.log(pod, namespace=namespace, container=container, follow=True, newlines=False)
            return next((one for one in lines if one.startswith("{")), None)

        return cls.parse(json.loads(wait(line, f"what the inspector says in {pod}")))

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Inspection:
        """Parse one line of the inspector. Raises ValueError if the inspector had to omit entries."""
        mounts = told["mounts"]
        if short := [m["path"] for m in mounts if m["truncated"]]:
            raise ValueError(f"too much lies in {', '.join(short)} to be told in a container's log")
        return cls(
            trees={m["path"]: {entry["path"]: _entry(entry) for entry in m["entries"]} for m in mounts},
            errors={m["path"]: m["error"] for m in mounts if m.get("error")},
            writes={m["path"]: m["writes"] for m in mounts},
            uid=told["uid"],
            environment=told["env"],
        )


def _entry(told: Mapping[str, Any]) -> Entry:
    content: bytes | None = None
    if told["content"] is not None:
        content = base64.b64decode(told["content"])
    elif told.get("sha256"):
        content = Sealed(told["size"], told["sha256"])
    return Entry(told["mode"], content, told.get("link"))
