"""What `--initializer` takes, and what it says where it cannot be had."""

from __future__ import annotations

import datetime as dt
import os
import pickle
import shutil
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from clusters.toolchain.cache import ToolFailed
from scenarios.initializers import NoInitializer, initializer, known_releases, newest, releases
from scenarios.initializers.base import DEST, PVC, Call
from scenarios.initializers.rootfs import around, requisites
from tests.isolations import WORKING

HONEST = Path(__file__).parents[1] / "initializers" / "honest.py"


def test_the_releases() -> None:
    """Eleven, in the order of their versions, not of their days."""
    assert len(known_releases()) == 11
    assert known_releases() == sorted(known_releases(), key=Version)
    assert newest() == known_releases()[-1]
    for version, release in releases.releases().items():
        assert release.package == ("kserve-storage" if Version(version) >= Version("0.16") else "kserve[storage]")
        assert release.entrypoint in {"", *known_releases()}
        assert release.released > dt.date(2023, 1, 1)


def test_dependencies_are_of_the_day() -> None:
    """What was published on the day of the release itself is included."""
    assert releases.releases()["0.11.2"].exclude_newer == "2023-11-18"


def test_kserve_without_a_version_is_the_newest() -> None:
    """As the default of the option."""
    subject = initializer("kserve")
    assert (subject.spec, subject.name, subject.version) == (f"kserve:{newest()}", "kserve", newest())
    assert initializer("kserve:0.11.2").version == "0.11.2"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("kserve:9.9.9", r"kserve:9\.9\.9 is not a known release; use one of 0\.11\.2, .*0\.21\.0, or the path of a"),
        ("nothing", r"'nothing' names no initializer; use kserve:VERSION, kserve:PATH, command:ARGV or image:REF"),
        ("", "'' names no initializer"),
        ("kserve:", "kserve: names no release; use kserve:VERSION"),
        ("command:", "names no program"),
        ("command:'half", "No closing quotation"),
        ("command:no-such-program --x", "no-such-program was not found on PATH or in"),
        ("command:/etc", "/etc is a folder; name the program in it"),
        ("command:/etc/passwd", "/etc/passwd is not executable; run chmod"),
        ("image:", "names no image"),
        ("image:--privileged", "names no image"),
    ],
)
def test_what_cannot_be(spec: str, message: str) -> None:
    """One line that says what is wrong and what is known."""
    with pytest.raises(NoInitializer, match=message) as refusal:
        initializer(spec)
    assert "\n" not in str(refusal.value)


def test_an_empty_variable_is_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder on PATH is no program either."""
    monkeypatch.setenv("PATH", "/usr")
    with pytest.raises(NoInitializer, match="bin was not found"):
        initializer("command:bin")


def test_a_command_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by name, in a folder that initializers do not see, with a file that lies beside it."""
    program = tmp_path / "my-initializer"
    program.write_text('#!/bin/sh\ncp "$(dirname "$0")/beside" "$2"\n')
    program.chmod(0o755)
    (tmp_path / "beside").write_text("beside")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    subject = initializer("command:my-initializer")
    subject.prepare()
    assert (subject.name, subject.route, subject.isolation) == ("my-initializer", "process", WORKING[0])
    workdir = tmp_path / "call"
    workdir.mkdir()
    outcome = pickle.loads(pickle.dumps(subject)).call(Call([("x", DEST)], workdir))  # noqa: S301 - our own bytes
    assert outcome.trees[DEST]["beside"].content == b"beside"


def test_a_script_with_this_interpreter(tmp_path: Path) -> None:
    """The virtual environment of the suite and its interpreter are shown, wherever they lie."""
    subject = initializer(f"command:{sys.executable} {HONEST}")
    subject.prepare()
    claim = tmp_path / "claim"
    claim.mkdir()
    (claim / "m").write_bytes(b"model")
    outcome = subject.call(Call([(f"file://{PVC}", DEST)], tmp_path, mounts={PVC: claim}))
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.trees[DEST]["m"].content == b"model"
    assert subject.name == "honest"


def test_the_digest_is_of_what_runs(tmp_path: Path) -> None:
    """Another line in the script is another initializer."""
    script = tmp_path / "script.sh"
    script.write_text("exit 1\n")
    before = initializer(f"command:/bin/sh {script}").digest
    assert before == initializer(f"command:/bin/sh {script}").digest
    script.write_text("exit 2\n")
    assert initializer(f"command:/bin/sh {script}").digest != before


def test_the_digest_is_of_all_that_is_shown(tmp_path: Path) -> None:
    """A file beside the program, and what `--show` adds; compiled Python comes and goes."""
    folder, more = tmp_path / "program", tmp_path / "more"
    for path in (folder / "script.sh", folder / "beside", more / "deep" / "file", more / "__pycache__" / "x.pyc"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("one\n")

    def digest() -> str:
        return initializer(f"command:/bin/sh {folder / 'script.sh'}", shown=[more]).digest

    digests = [digest()]
    for changed in (folder / "beside", more / "deep" / "file"):
        changed.write_text("another\n")
        digests.append(digest())
    assert len(set(digests)) == 3
    (more / "__pycache__" / "x.pyc").write_text("another\n")
    assert digest() == digests[-1]


def test_a_shown_folder_is_seen(tmp_path: Path) -> None:
    """Where it lies, though the rest of /tmp is hidden."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "m").write_text("model")
    for folder in ("call", "other-call"):
        (tmp_path / folder).mkdir()
    subject = initializer(f"command:/bin/cp {tmp_path}/data/m", shown=[tmp_path / "data"])
    hidden = initializer("command:/bin/ls")
    seen = subject.call(Call((), tmp_path / "call", arguments=[DEST], present={DEST: {}}))
    assert seen.exit_code == 0, seen.stderr
    assert hidden.call(Call((), tmp_path / "other-call", arguments=[f"{tmp_path}/data"])).exit_code != 0


def test_a_name_and_a_version() -> None:
    subject = initializer("command:/bin/true", name="acme", version="1.2")
    assert (subject.name, subject.version) == ("acme", "1.2")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("#!/no/such/interpreter\n", "cannot start: .*; its #! line names /no/such/interpreter, which does not exist"),
        ("#!/bin/sh\nkill -SEGV $$\n", "cannot start: exit code -11, no output"),
        ("#!/bin/sh\nexec no-such-program\n", "cannot start: exit code 127, .*not found"),
    ],
)
def test_a_command_that_cannot_start(tmp_path: Path, script: str, message: str) -> None:
    """Said before the first case, with the last line of its output."""
    program = tmp_path / "broken"
    program.write_text(script)
    program.chmod(0o755)
    with pytest.raises(NoInitializer, match=message):
        initializer(f"command:{program}").prepare()


def test_what_an_executable_needs(tmp_path: Path) -> None:
    """A virtual environment as a whole, with the interpreter that it was made from; a home never."""
    home = tmp_path / "python" / "bin"
    home.mkdir(parents=True)
    (tmp_path / "python" / "lib" / "python3.11").mkdir(parents=True)
    (home / "python3").write_text("")
    scripts = tmp_path / "venv" / "bin"
    scripts.mkdir(parents=True)
    (tmp_path / "venv" / "pyvenv.cfg").write_text(f"home = {home}\nuv = 1\n")
    (scripts / "python").symlink_to(home / "python3")
    assert requisites(scripts / "python") == [tmp_path / "venv", tmp_path / "python"]
    assert around(Path.home() / "x.py") == Path.home() / "x.py"
    assert around(HONEST) == HONEST.parent


def test_a_release_that_cannot_be_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No registry: one line."""
    monkeypatch.setenv("KSERVE_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    with pytest.raises(
        NoInitializer, match=r"^kserve:0\.21\.0: Python packages of kserve-0\.21\.0: .*full output"
    ) as no:
        initializer("kserve:0.21.0").prepare()
    assert "\n" not in str(no.value)


def test_a_release_without_its_hdfs_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its other stores can be tested; the reason has the remedy. Stands in for a machine without headers."""
    installed: list[list[str]] = []

    def install(_: str, requirements: list[str], *__: object) -> Path:
        installed.append(requirements)
        if "hdfs~=2.6.0" in requirements:
            raise ToolFailed("gssapi: no gcc")
        return Path("/environment")

    monkeypatch.setattr(releases, "virtual_environment", install)
    monkeypatch.setattr(releases, "module_files", lambda *_: Path("/module"))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    release = releases.releases()["0.21.0"]
    lacks = release.install().lacks
    assert lacks["webhdfs"] == "The HDFS client needs `apt-get install gcc libkrb5-dev` first: gssapi: no gcc"
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert release.install().environment == Path("/environment")
    assert [len(requirements) for requirements in installed] == [5, 2, 2]
    assert "krb5-config was not found" in release.install().lacks["webhdfs"]
