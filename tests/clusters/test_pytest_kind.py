"""pytest-kind in the place of the suite's own call of kind: the real package, with a stub for kind."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import pytest

from clusters import gc, kind
from clusters.base import NoCluster
from clusters.pytest_kind import PytestKind
from conformance.harness.cluster_environment import _provider
from conformance.harness.run_options import Options
from tests.clusters.stub_engine import engine_that, program

#: `kind create cluster --name= --kubeconfig= --config FILE`, as pytest-kind calls it.
MAKES_ONE = """
echo "$KIND_EXPERIMENTAL_PROVIDER: $@" >>"$CALLS"
[ "$1" = create ] || exit 0
cat >"${4#--kubeconfig=}" <<'END'
{"current-context": "kind-own",
 "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "u", "user": {}}],
 "contexts": [{"name": "kind-own", "context": {"cluster": "c", "user": "u"}}]}
END
"""
REFUSES = '[ "$1" = version ] && echo kind v0.33.0 && exit\n[ "$1" = get ] && exit\necho "ERROR: no joy" >&2; exit 1'


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSERVE_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "user").mkdir()
    monkeypatch.chdir(tmp_path / "user")


def test_without_the_extra_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:  # noqa: ANN401
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(NoCluster, match="No module named 'pytest_kind'; install the suite with its extra pytest-kind"):
        PytestKind("any").start()


def test_it_is_used_where_it_is_asked_for() -> None:
    options = Options.__new__(Options)
    for name, value in {"cluster": "kind", "driver": "pytest-kind", "keep_cluster": False, "images": "auto"}.items():
        object.__setattr__(options, name, value)
    assert isinstance(_provider(options), PytestKind)


def test_kind_is_called_by_pytest_kind(tmp_path: Path) -> None:
    """With this run's engine and files, and with no kind of pytest-kind's own; nothing is left where the user is."""
    pytest.importorskip("pytest_kind")
    stub = program(tmp_path / "bin" / "kind", MAKES_ONE)
    file, kubeconfig, calls = (tmp_path / name for name in ("kind.yaml", "kubeconfig", "calls"))
    environment = {"KIND_EXPERIMENTAL_PROVIDER": "podman", "CALLS": str(calls)}
    PytestKind("own")._drive([str(stub)], environment, file, kubeconfig)
    assert calls.read_text().splitlines() == [
        "podman: get clusters",
        f"podman: create cluster --name=own --kubeconfig={kubeconfig} --config {file}",
    ]
    assert kubeconfig.stat().st_mode & 0o077 == 0
    assert list(Path.cwd().iterdir()) == []


def test_what_kind_says_is_passed_on_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pytest_kind")
    program(tmp_path / "bin" / "kind", REFUSES)
    engine = engine_that(tmp_path, '[ "$1 $2" != "container inspect" ]')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(kind, "find_engine", lambda: engine)
    with pytest.raises(NoCluster, match=r"kind cannot create failing with podman: ERROR: no joy \(full output: "):
        PytestKind("failing", images="assembled").start()
    assert not gc.folder_of("failing").exists()
    assert list(Path.cwd().iterdir()) == []
