"""kind clusters that cannot be had: each is refused in one line, and nothing is left of the attempt."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from clusters import gc, kind
from clusters.__main__ import main
from clusters.base import NoCluster
from clusters.engine import find_engine
from clusters.kind import Kind
from clusters.toolchain.cache import cache_root
from tests.clusters.stub_engine import engine_that, program


@pytest.mark.usefixtures("_own_cache")
def test_a_foreign_cluster_of_the_name_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_that(tmp_path, "")
    monkeypatch.setattr(kind, "find_engine", lambda: engine)
    with pytest.raises(
        NoCluster, match=r"another program created kind cluster theirs; .*`kind delete cluster --name theirs`"
    ):
        Kind("theirs", keep=True).start()
    assert (tmp_path / "calls").read_text() == "container inspect theirs-control-plane\n"


def test_an_engine_that_is_too_old_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = dataclasses.replace(engine_that(tmp_path, ""), version="3.4.4")
    monkeypatch.setattr(kind, "find_engine", lambda: old)
    with pytest.raises(NoCluster, match=r"podman 3\.4\.4 is too old for kind; install 4\.0 or newer"):
        kind.usable_engine()


def test_no_engine_is_said_with_what_was_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(kind, "find_engine", find_engine.__wrapped__)
    with pytest.raises(NoCluster, match="docker is not on PATH; podman is not on PATH"):
        Kind().start()


@pytest.mark.usefixtures("_own_cache")
@pytest.mark.parametrize(("limit", "said"), [("DISK_BYTES", "are free at"), ("MEMORY_BYTES", "of memory are free")])
def test_too_little_room_is_said_before_anything_is_made(
    limit: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_that(tmp_path, '[ "$1" = image ] || exit 1')
    cache_root().mkdir()
    monkeypatch.setattr(kind, "find_engine", lambda: engine)
    monkeypatch.setattr(kind, limit, 1 << 60)
    with pytest.raises(NoCluster, match=rf"{said}.*, but a cluster needs 1073741824\.0 GiB"):
        Kind("small", images="assembled").start()
    assert not gc.folder_of("small").exists()


@pytest.mark.usefixtures("_own_cache")
def test_what_kind_says_is_passed_on_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(
        tmp_path / "bin" / "kind", '[ "$1" = version ] && echo kind v0.33.0 && exit\necho "ERROR: no joy" >&2; exit 1'
    )
    engine = engine_that(tmp_path, '[ "$1 $2" != "container inspect" ]')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(kind, "find_engine", lambda: engine)
    with pytest.raises(NoCluster, match=r"kind cannot create failing with podman: ERROR: no joy \(full output: "):
        Kind("failing", images="assembled").start()
    assert not gc.folder_of("failing").exists()
    assert "network rm failing" in (tmp_path / "calls").read_text()


def test_prepare_refuses_an_unknown_release_before_it_builds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kind, "prepare", lambda: pytest.fail("it builds"))
    assert main(["prepare", "0.20.0", "9.9.9"]) == 1
    assert "no way to install KServe 9.9.9: choose one of" in capsys.readouterr().err
