"""The interpreter below a release of KServe: where it comes from, and what is not judged without it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import shutil
import socket
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters.toolchain import python, venv
from clusters.toolchain.cache import StepFailed, ToolFailed, cache_root, run
from clusters.toolchain.python import interpreter
from scenarios.initializers import image_python, initializer, sandbox
from scenarios.initializers.base import DEST, Call, CallResult
from scenarios.initializers.image_python import OLDEST, chosen_python, shortfall
from scenarios.reasons import NotOffered

MINOR = f"3.{sys.version_info.minor}"
#: No interpreter is as new.
NEVER = f"{MINOR}.99"
REAL = Path(os.path.realpath(sys.executable))
network = pytest.mark.skipif(bool(os.environ.get("UV_OFFLINE")), reason="UV_OFFLINE: no package registries")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without caches, interpreters and downloads, but for what a test adds."""
    monkeypatch.setenv("KSERVE_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "managed"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    programs = tmp_path / "bin"
    programs.mkdir()
    if found := shutil.which("go"):
        (programs / "go").symlink_to(found)
    monkeypatch.setenv("PATH", str(programs))
    interpreter.cache_clear()
    yield
    interpreter.cache_clear()


def test_the_running_one_if_it_fits() -> None:
    """Nothing is looked for."""
    assert interpreter(MINOR, f"{MINOR}.0") == REAL


def test_another_one_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found on PATH, where the running one is of another release."""
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")
    monkeypatch.setenv("PATH", str(REAL.parent))
    assert interpreter(MINOR, f"{MINOR}.0") == REAL


def test_one_that_uv_downloads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Into the cache, once, and nothing of it into the user's own folders."""
    machine = platform.machine()
    settings = "# system configuration generated and used by the sysconfig module\nbuild_time_vars = {}\n"
    files = {
        f"bin/python{MINOR}": f'#!/bin/sh\nexec {REAL} "$@"\n',
        f"lib/python{MINOR}/_sysconfigdata__linux_{machine}-linux-gnu.py": settings,
    }
    archive = tmp_path / "python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"python/{name}")
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content.encode()))
    listed = {"name": "cpython", "major": 3, "minor": sys.version_info.minor, "patch": 99, "prerelease": ""}
    listed |= {"os": "linux", "libc": "gnu", "arch": {"family": machine, "variant": None}, "variant": None}
    listed |= {"url": archive.as_uri(), "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(), "build": "20990101"}
    downloads = tmp_path / "downloads.json"
    downloads.write_text(json.dumps({f"cpython-{NEVER}-linux-{machine}-gnu": listed}))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(downloads))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "manual")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = interpreter(MINOR, NEVER)
    assert found.is_relative_to(cache_root())
    assert run([found, "-c", "print(1)"]) == "1\n"
    archive.unlink()
    interpreter.cache_clear()
    assert interpreter(MINOR, NEVER) == found
    assert not (tmp_path / "home").exists() or not list((tmp_path / "home").glob(".local/bin/*"))


@network
@pytest.mark.skipif(shutil.which("go") is None, reason="Go as a Python package is 60 MB")
@pytest.mark.skipif(platform.machine() not in {"x86_64", "aarch64"}, reason="the module has no other machine's")
def test_one_out_of_a_module() -> None:
    """Whole enough for an initializer, and its environments are made as with any other."""
    release, _, _ = python._PACKAGED["3.11"]
    found = interpreter("3.11", release)
    assert found.is_relative_to(cache_root())
    script = "import bz2, ctypes, lzma, multiprocessing, platform, sqlite3, ssl; print(platform.python_version())"
    assert run([found, "-I", "-c", script]) == f"{release}\n"
    environment = venv.virtual_environment("six", ["six"], python=found)
    assert venv.release_of(environment) == release
    assert run([environment / "bin/python", "-c", "import six; print(six.__name__)"]) == "six\n"


@network
@pytest.mark.skipif(shutil.which("go") is None, reason="Go as a Python package is 60 MB")
def test_a_module_with_another_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not used, whatever the module proxy and Go's own settings take it for."""
    monkeypatch.setattr(python, "_MODULE", "rsc.io/quote")
    monkeypatch.setattr(python, "_PACKAGED", {MINOR: (NEVER, "v1.5.2", "h1:another")})
    monkeypatch.setattr(python, "_PLATFORMS", {platform.machine(): "linux-amd64"})
    with pytest.raises(ToolFailed, match=r"rsc\.io/quote@v1\.5\.2 has the checksum h1:.* instead of h1:another"):
        interpreter(MINOR, NEVER)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"UV_PYTHON_DOWNLOADS": "never"}, "downloads are not allowed"),
        ({"UV_PYTHON_DOWNLOADS": "manual", "UV_OFFLINE": "1"}, "Failed to install"),
        ({"UV_PYTHON_DOWNLOADS": "manual", "UV_PYTHON_INSTALL_MIRROR": "http://127.0.0.1:1"}, "Failed to install"),
    ],
    ids=["never", "offline", "refused"],
)
def test_none_to_be_had(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], message: str) -> None:
    """One line soon, with the reasons of both sources and the remedy."""
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setattr(python, "_PACKAGED", {"3.10": ("3.10.99", "v0.0.0", "h1:any")})
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    began = time.monotonic()
    with pytest.raises(ToolFailed) as failure:
        interpreter("3.10", "3.10.12")
    assert time.monotonic() - began < 30
    line = str(failure.value)
    assert line.startswith("Python 3.10, 3.10.12 or newer: ")
    assert message in line
    assert "GOPROXY=off" in line or shutil.which("go") is None
    assert "install it (`uv python install 3.10`)" in line
    assert "\n" not in line


def test_a_mirror_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once, for as long as the user's own setting allows."""
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "manual")
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(ToolFailed, match="Failed to install"):
            interpreter("3.10", "3.10.12")
        assert time.monotonic() - began < 20


def test_a_command_that_takes_too_long() -> None:
    """It is ended."""
    with pytest.raises(StepFailed, match=r"sleep was ended after 0\.1 s"):
        run(["/bin/sleep", "60"], timeout_s=0.1)


def test_headers_of_the_running_one_serve_for_its_minor_release(tmp_path: Path) -> None:
    """Packages with C code are compiled for an interpreter that has none."""
    without = tmp_path / "bin" / f"python{MINOR}"
    variables = venv._compiling_for(without)
    assert variables["C_INCLUDE_PATH"].endswith(f"python{MINOR}")
    assert variables["CC"]
    assert venv._compiling_for(tmp_path / "bin" / "python3.1") == {}
    headers = tmp_path / "include" / f"python{MINOR}"
    headers.mkdir(parents=True)
    (headers / "Python.h").touch()
    assert venv._compiling_for(without) == {}


@pytest.mark.parametrize(
    ("release", "had", "chosen"),
    [
        ("0.11.2", {"3.9", "3.11"}, "3.9"),
        ("0.11.2", {"3.11"}, "3.11"),
        ("0.14.1", {"3.9", "3.11"}, "3.11"),
        ("0.21.0", {"3.9"}, None),
        ("0.11.2", set(), None),
    ],
)
def test_a_release_runs_on_the_python_of_its_image(
    monkeypatch: pytest.MonkeyPatch, release: str, had: set[str], chosen: str | None
) -> None:
    """Else on that of newer images, else on what `virtual_environment` finds for that name."""

    def of_this_machine(minor: str, oldest: str) -> Path:
        assert oldest == OLDEST[minor]
        if minor not in had:
            raise ToolFailed(f"no {minor}")
        return Path("/python", minor)

    monkeypatch.setattr(image_python, "interpreter", of_this_machine)
    python_of_the_image = image_python.image_python(release)
    assert chosen_python(python_of_the_image) == (Path("/python", chosen) if chosen else "3.11")


@pytest.mark.parametrize("release", ["3.9.17", "3.9.25", "3.11.4", "3.11.18", "3.12.0", "3.13.1"])
def test_a_python_that_lacks_nothing(release: str) -> None:
    """New enough, or of a minor release that always had it."""
    assert shortfall(release) is None


def test_the_failure_of_an_old_python_is_recognised() -> None:
    """As Python words it, today's for a word that it does not know."""
    old = shortfall("3.11.2")
    assert old is not None
    assert "uv python install 3.11" in old.reason
    for method in (tarfile.TarFile.extractall, tarfile.TarFile.extract):
        with pytest.raises(TypeError) as error:
            method(None, "path", fltr="data")  # type: ignore[call-arg, arg-type]
        said = str(error.value).replace("fltr", "filter")
        assert old.failure.search(f"ERROR: unexpected: {said}"), said
    assert not old.failure.search("ERROR: extract() got an unexpected keyword argument 'other'")


@pytest.mark.parametrize("release", ["3.11.2", "3.11.7"])
@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_call_that_ended_for_an_old_python_is_not_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, release: str, exit_code: int
) -> None:
    """Neither as passed nor as failed; where the Python is new enough, the same words are the initializer's."""
    said = "TypeError: TarFile.extractall() got an unexpected keyword argument 'filter'\n"

    def call_of(stderr: str) -> CallResult:
        return CallResult("exit", exit_code, "", stderr, {DEST: {}}, [], [], 0.0, 0.0, 0, "")

    subject = initializer("kserve:0.21.0")
    subject._shortfall = shortfall(release)  # type: ignore[attr-defined]
    monkeypatch.setattr(sandbox, "run", lambda *_: call_of(said))
    if release == "3.11.2":
        with pytest.raises(NotOffered, match=re.escape("uv python install 3.11")):
            subject.call(Call([("s3://a/b.tar", DEST)], tmp_path))
    else:
        assert subject.call(Call([("s3://a/b.tar", DEST)], tmp_path)).exit_code == exit_code
    monkeypatch.setattr(sandbox, "run", lambda *_: call_of("NoSuchBucket\n"))
    assert subject.call(Call([("s3://a/b.tar", DEST)], tmp_path)).exit_code == exit_code
