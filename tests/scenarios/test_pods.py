"""What is read off a pod's state, and off the one line that the inspector prints."""

from __future__ import annotations

import base64
import hashlib

import pytest
from lightkube import codecs
from lightkube.resources.core_v1 import Pod

from scenarios.cluster import pods
from scenarios.cluster.inspection import Inspection, Sealed
from scenarios.cluster.kubernetes import INITIALIZER, MODEL_SERVER
from scenarios.cluster.pods import describe, first_end, running, started

BEGAN, ENDED = "2026-01-31T12:00:00Z", "2026-01-31T12:00:07Z"


def _pod(**states: dict[str, object]) -> Pod:
    """A pod whose containers are in these states; `storage_initializer` is the init container."""
    statuses = [
        {"name": name.replace("_", "-"), "image": "i", "imageID": "", "ready": False, "restartCount": 0, **state}
        for name, state in states.items()
    ]
    first = [status for status in statuses if status["name"] == INITIALIZER]
    others = [status for status in statuses if status["name"] != INITIALIZER]
    status = {"phase": "Pending", "initContainerStatuses": first, "containerStatuses": others}
    made = codecs.from_dict({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "status": status})
    assert isinstance(made, Pod)
    return made


def _terminated(code: int, reason: str = "Error") -> dict[str, object]:
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": BEGAN, "finishedAt": ENDED}}


def test_the_first_end_is_told_although_the_container_runs_again() -> None:
    pod = _pod(storage_initializer={"state": {"running": {"startedAt": ENDED}}, "lastState": _terminated(1)})
    end = first_end(pod, INITIALIZER)
    assert end
    assert (end.exit_code, end.seconds) == (1, 7.0)
    assert running(pod, INITIALIZER)


GONE = "unable to retrieve container logs for containerd://0123"


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        (["first"], "first"),
        (["", "only", ""], "only"),
        (["", "begins", "first"], "first"),
        (["", "", ""], ""),
        ([GONE, "", GONE, "next"], "next"),
    ],
    ids=["previous", "current", "started-again", "mute", "just-removed"],
)
def test_the_log_of_a_container_that_starts_again(
    monkeypatch: pytest.MonkeyPatch, answers: list[str], text: str
) -> None:
    """The kubelet answers with an excuse, and status 200, for a log that it is just removing."""
    coming = iter(answers)
    monkeypatch.setattr(pods, "_log", lambda *_, **__: next(coming))
    assert pods.log_of(None, "n", "p", INITIALIZER) == text  # type: ignore[arg-type]


def test_a_good_end_is_no_failure() -> None:
    pod = _pod(storage_initializer={"state": _terminated(0, "Completed")})
    assert first_end(pod, INITIALIZER, failed=True) is None
    assert first_end(pod, INITIALIZER)


def test_a_model_server_that_runs_has_started() -> None:
    assert started(_pod(kserve_container={"state": {"running": {"startedAt": BEGAN}}}), MODEL_SERVER)
    assert not started(_pod(kserve_container={"state": {"waiting": {"reason": "PodInitializing"}}}), MODEL_SERVER)


def test_the_state_in_one_line() -> None:
    pod = _pod(storage_initializer={"state": {"waiting": {"reason": "ErrImagePull"}}})
    assert describe(pod) == "Pending; storage-initializer waits (ErrImagePull)"
    assert describe(None) == "no pod"


def test_a_file_too_large_to_be_told_is_known_by_its_digest() -> None:
    content = b"weights" * 1000
    sealed = Sealed(len(content), hashlib.sha256(content).hexdigest())
    assert {"w": sealed} == {"w": content}
    assert {"w": sealed} != {"w": content + b"!"}
    assert len(sealed) == len(content)


def _told(**mount: object) -> dict[str, object]:
    entry = {"path": "a.bin", "kind": "file", "size": 1, "mode": 0o644, "sha256": "", "content": _base64(b"a")}
    whole = {"path": "/mnt/models", "entries": [entry], "truncated": False, "writes": {"new": "EROFS"}, **mount}
    return {"mounts": [whole], "uid": 65532, "gid": 65532, "env": {"A": None}}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_an_inspection() -> None:
    seen = Inspection.parse(_told())
    assert seen.trees["/mnt/models"]["a.bin"].content == b"a"
    assert (seen.writes, seen.errors) == ({"/mnt/models": {"new": "EROFS"}}, {})


def test_a_tree_that_was_cut_is_not_taken_for_whole() -> None:
    with pytest.raises(ValueError, match="too much lies in /mnt/models"):
        Inspection.parse(_told(truncated=True))
