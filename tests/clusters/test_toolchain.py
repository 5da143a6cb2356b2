"""The cache of programs: built once, never half, and clear when it cannot be built."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters.toolchain import cache
from clusters.toolchain.cache import StepFailed, ToolFailed, cache_root, digest_of, once, run
from clusters.toolchain.go import go, go_binary
from clusters.toolchain.module_files import module_files
from clusters.toolchain.node import node, npm_package
from clusters.toolchain.recipe import recipe
from clusters.toolchain.venv import version_of, virtual_environment

ENTRYPOINT = "python/storage-initializer/scripts/initializer-entrypoint"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of an earlier run, and nothing left for a later one."""
    monkeypatch.setenv("KSERVE_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    node.cache_clear()
    go.cache_clear()
    yield
    node.cache_clear()
    go.cache_clear()


def _online() -> bool:
    return os.environ.get("UV_OFFLINE", "") == ""


network = pytest.mark.skipif(not _online(), reason="UV_OFFLINE: this machine has no package registries")


def test_the_cache_lies_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The suite's own variable, else the user's cache folder."""
    assert cache_root() == tmp_path / "cache"
    monkeypatch.delenv("KSERVE_CONFORMANCE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert cache_root() == Path("/var/cache/me/kserve-conformance")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert cache_root() == Path("/home/me/.cache/kserve-conformance")


def test_a_build_happens_once() -> None:
    """The second asker gets the folder of the first, as it is."""

    def build(folder: Path) -> None:
        (folder / str(time.monotonic_ns())).touch()

    first = once("t/tool-1", build, "a tool")
    files = sorted(first.iterdir())
    assert first == once("t/tool-1", build, "a tool") == cache_root() / f"t/tool-1-{digest_of(build)}"
    assert files == sorted(first.iterdir())
    assert (first / cache.COMPLETE).read_text() == recipe(build, cache_root())


def _build_slowly(log: str) -> None:
    def build(folder: Path) -> None:
        with Path(log).open("a") as stream:
            stream.write("built\n")
        time.sleep(0.2)  # long enough for the others to arrive
        (folder / "tool").touch()

    assert (once("t/slow", build, "a slow tool") / "tool").exists()


def test_processes_wait_for_one_build(tmp_path: Path) -> None:
    """The workers of a parallel run all ask at once."""
    log = tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_build_slowly, args=(str(log),)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert log.read_text() == "built\n"


def _build_until_killed(folder: Path) -> None:
    if not (cache_root() / "go on").exists():
        (folder / "rest").touch()
        (cache_root() / "half").touch()
        time.sleep(60)
    (folder / "whole").touch()


def test_a_killed_build_leaves_nothing_that_is_used() -> None:
    """SIGKILL in the middle: the next asker builds anew, without the rests."""
    half = cache_root() / "half"
    killed = multiprocessing.get_context("spawn").Process(target=once, args=("t/killed", _build_until_killed, "a tool"))
    killed.start()
    while not half.exists():
        time.sleep(0.01)
    killed.kill()
    killed.join()
    (cache_root() / "go on").touch()
    folder = once("t/killed", _build_until_killed, "a tool")
    assert sorted(path.name for path in folder.iterdir()) == [cache.COMPLETE, "whole"]


def test_a_failed_build_says_what_to_do() -> None:
    """One line with the tool, the line that names the error, the remedy, and the file with all output."""

    def build(_: Path) -> None:
        run(["sh", "-c", "echo Collecting; echo ERROR: no such release >&2; echo bye >&2; exit 3"])

    with pytest.raises(ToolFailed) as failure:
        once("t/broken-1", build, "broken 1", remedy="try another release")
    message = str(failure.value)
    assert message.startswith("broken 1: ERROR: no such release; try another release (full output: ")
    full = Path(message.rpartition("full output: ")[2].removesuffix(")")).read_text()
    assert "Collecting" in full
    assert "bye" in full
    assert not list((cache_root() / "t").iterdir())


def test_a_missing_program_is_a_failed_build() -> None:
    """Not a traceback."""
    with pytest.raises(ToolFailed, match="no-such-program"):
        once("t/none", lambda _: print(run(["no-such-program"])), "none")  # noqa: T201 - never reached


def test_the_error_of_a_step_is_the_line_that_tells_it() -> None:
    """npm says a code first and the sentence after it."""
    said = "npm error code ETARGET\nnpm error notarget No matching version\nnpm error A complete log is elsewhere"
    with pytest.raises(StepFailed, match=r"^npm error notarget No matching version$"):
        run(["sh", "-c", 'echo "$1" >&2; exit 1', "sh", said])


@network
def test_a_virtual_environment_is_ready_to_be_read_only() -> None:
    """Its modules are compiled, and it keeps to the day asked for."""
    environment = virtual_environment("six", ["six"], exclude_newer="2021-01-01")
    packages = environment / "lib" / f"python{version_of(environment)}" / "site-packages"
    assert list((packages / "__pycache__").glob("six.*.pyc"))
    done = subprocess.run(
        [environment / "bin/python", "-c", "import six; print(six.__version__)"], capture_output=True, check=True
    )
    assert done.stdout == b"1.15.0\n"


@network
def test_a_package_that_does_not_exist() -> None:
    """One line, and a remedy."""
    with pytest.raises(ToolFailed, match=r"Python packages of x: .*six==99.*; check the package index"):
        virtual_environment("x", ["six==99"])


@network
def test_an_npm_package() -> None:
    """With its dependencies, found from the package's own folder."""
    package = npm_package("is-odd", "3.0.1")
    done = subprocess.run([node(), "-p", "require('.')(3)"], cwd=package, capture_output=True, check=True)
    assert done.stdout == b"true\n"


@network
@pytest.mark.skipif(shutil.which("go") is None, reason="Go as a Python package is 60 MB")
def test_a_go_binary() -> None:
    """Built into the cache, not into the user's GOBIN."""
    binary = go_binary("golang.org/x/example/hello", "v0.0.0-20250915201037-7f05d217867b", "hello")
    assert binary.is_relative_to(cache_root())
    assert subprocess.run([binary], capture_output=True, check=True).stdout == b"Hello, world!\n"


@network
def test_single_files_of_a_module() -> None:
    """A release's entrypoint without its 60 MB; capital letters in a module's path are escaped."""
    folder = module_files("github.com/kserve/kserve", "v0.20.0", [ENTRYPOINT])
    assert (folder / ENTRYPOINT).read_text().startswith("#!/usr/bin/env python3")
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [cache.COMPLETE, "initializer-entrypoint"]
    toml = module_files("github.com/BurntSushi/toml", "v1.4.0", ["COPYING", "cmd/tomlv/"])
    assert (toml / "COPYING").is_file()
    assert (toml / "cmd" / "tomlv" / "main.go").is_file()


@network
def test_a_file_that_a_module_does_not_have() -> None:
    """The path is named."""
    with pytest.raises(ToolFailed, match="has no no/such/file"):
        module_files("github.com/kserve/kserve", "v0.20.0", ["no/such/file"])


def test_no_module_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """GOPROXY=off, or a proxy that does not answer."""
    monkeypatch.setenv("GOPROXY", "off")
    with pytest.raises(ToolFailed, match="GOPROXY names no module proxy"):
        module_files("example.com/x", "v1.0.0", ["x"])
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:1")
    with pytest.raises(ToolFailed, match=r"127\.0\.0\.1.*; check the network and GOPROXY"):
        module_files("example.com/x", "v1.0.0", ["x"])


@network
def test_node_from_a_python_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a machine without Node: `pip` alone brings it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "env"):
        (programs / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(programs))
    assert node().is_relative_to(cache_root())
    assert (npm_package("is-number", "6.0.0") / "package.json").exists()


def _checkout() -> Path:
    return Path(__file__).parents[2]
