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


FIRST = f"{BEGAN[:-1]}.412345678Z first\n{ENDED[:-1]}.4Z 2026-01-01T00:00:00Z of its own\n"
SECOND = "2026-01-31T12:00:08.2Z second\n"
READ = {FIRST: "first\n2026-01-01T00:00:00Z of its own\n", SECOND: "second\n", "": ""}
ONCE: dict[str, object] = {"state": _terminated(1)}
AGAIN: dict[str, object] = {"state": {"running": {"startedAt": ENDED}}, "restartCount": 1}
TWICE: dict[str, object] = {**AGAIN, "lastState": _terminated(1)}
LATER: dict[str, object] = {
    "state": {"terminated": {"exitCode": 1, "startedAt": ENDED, "finishedAt": "2026-01-31T12:00:12Z"}},
    "restartCount": 1,
}


@pytest.mark.parametrize(
    ("states", "logs", "text"),
    [
        ([ONCE], [(False, FIRST)], FIRST),
        ([TWICE], [(True, FIRST)], FIRST),
        ([ONCE], [(False, ""), (False, "")], ""),
        ([ONCE, AGAIN, LATER], [(False, ""), (False, SECOND)], SECOND),
        ([ONCE, TWICE], [(False, FIRST), (True, FIRST)], FIRST),
        ([ONCE, ONCE, AGAIN, LATER], [(False, None), (False, SECOND), (False, SECOND)], SECOND),
        ([ONCE, LATER], [(False, SECOND), (False, SECOND)], SECOND),
    ],
    ids=["current", "previous", "mute", "next-run-still-mute", "restarted-meanwhile", "removed", "of-the-next-run"],
)
def test_the_log_of_a_container_that_starts_again(
    monkeypatch: pytest.MonkeyPatch,
    states: list[dict[str, object]],
    logs: list[tuple[bool, str | None]],
    text: str,
) -> None:
    """The kubelet removes the log of a run before the API server has heard of the next one."""
    coming, last = iter(states), states[-1]
    answers = iter(logs)

    def log(*_: object, previous: bool) -> str | None:
        wanted, answer = next(answers)
        assert previous is wanted
        return answer

    class _Client:
        def get(self, *_: object, **__: object) -> Pod:
            return _pod(storage_initializer=next(coming, last))

    monkeypatch.setattr(pods, "_log", log)
    monkeypatch.setattr(pods, "_MUTE_S", 0.01)
    assert pods.log_of(_Client(), "n", "p", INITIALIZER, ended=True) == READ[text]  # type: ignore[arg-type]


def test_a_pod_without_the_container_has_no_log() -> None:
    class _Client:
        def get(self, *_: object, **__: object) -> Pod:
            return _pod()

    assert pods.log_of(_Client(), "n", "p", INITIALIZER, ended=False) == ""  # type: ignore[arg-type]


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
