"""The pod route without a cluster: calls that no pod can make."""

from __future__ import annotations

import pickle
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from scenarios.initializers.base import DEST, Call, Conditions
from scenarios.initializers.command import Command
from scenarios.initializers.injected import Injected, PodSettings
from scenarios.reasons import NotOffered


@pytest.mark.parametrize(
    ("release", "uri", "more", "reason"),
    [
        ("0.19.0", "model-registry://model", {}, "cannot separate the storage containers of two cases"),
        (
            "0.20.0",
            "s3://bucket/model",
            {"conditions": Conditions(space=1)},
            "size-limited destinations are not supported",
        ),
        (
            "0.20.0",
            "s3://bucket/model",
            {"conditions": Conditions(offline=True)},
            "pods without a network are not supported",
        ),
        ("0.20.0", "s3://bucket/model", {"present": {DEST: {"x": b""}}}, "on an empty volume"),
    ],
    ids=["same-uri", "small-disk", "offline", "files-before"],
)
def test_what_no_pod_can_do_is_not_offered(
    tmp_path: Path, release: str, uri: str, more: dict[str, Any], reason: str
) -> None:
    settings: dict[str, Any] = dict.fromkeys((field.name for field in fields(PodSettings)), "unused")
    place = PodSettings(**{**settings, "release": release})
    with pytest.raises(NotOffered, match=reason):
        Injected(Command("/bin/true"), "image", place).call(Call([(uri, DEST)], tmp_path, **more))


def test_workers_get_it_as_bytes() -> None:
    """With what claims give its container."""
    settings: dict[str, Any] = dict.fromkeys((field.name for field in fields(PodSettings)), "unused")
    subject = Command("/bin/true")
    for resources in (subject.resources, {"limits": {"memory": "1Gi"}}):
        subject.resources = resources
        sent = pickle.dumps(Injected(subject, "image", PodSettings(**settings)))
        assert pickle.loads(sent).resources == resources  # noqa: S301 - bytes of this test
