"""Which sandbox is taken: the best that works, whatever is wrong with others; and `--isolation` as users meet it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scenarios.initializers import NoInitializer, initializer, isolation
from scenarios.initializers.base import Isolation
from scenarios.initializers.start import TOOLS
from tests.isolations import WORKING, in_a_sandbox
from tests.namespaces import apart
from tests.suite_runs import HONEST, Finished, command_of, run

HOUSE = Path(__file__).parents[2]
#: What `bwrap` may be on a machine where it isolates nothing.
BROKEN = {
    "refuses": "#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2; exit 1\n",
    "does-nothing": "#!/bin/sh\nexit 0\n",
    "no-program": "\x7fELF\0garbage",
    "no-interpreter": "#!/no/such/interpreter\n",
    "hangs": "#!/bin/sh\nsleep 4713.1\n",
    "does-not-isolate": '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n',
}


def _bwrap(folder: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    """Puts a `bwrap` first on PATH."""
    folder.mkdir(exist_ok=True)
    (folder / "bwrap").write_text(content)
    (folder / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def _no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which neither tool makes a sandbox."""
    for tool in TOOLS.values():
        monkeypatch.setattr(tool, "missing", lambda: "user namespaces are not allowed")


@in_a_sandbox
def test_a_tool_that_works(isolation: Isolation) -> None:
    """The fixture has found it so."""
    assert isolation in WORKING


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_bubblewrap_that_does_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    """The next tool is taken, in bounded time."""
    _bwrap(tmp_path / "bin", monkeypatch, content)
    monkeypatch.setattr(isolation, "PROBE_S", 5.0)
    started = time.monotonic()
    flaw = isolation.flaw("bubblewrap")
    assert flaw
    assert "\n" not in flaw
    assert isolation.choose("auto") == next(name for name in WORKING if name != "bubblewrap")
    assert time.monotonic() - started < 60


def test_no_bubblewrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert isolation.flaw("bubblewrap") == "not installed"


def test_without_a_tool_the_answer_depends_on_what_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` goes on; `sandbox` ends in one line with the remedy."""
    _no_tool(monkeypatch)
    assert isolation.choose("auto") == "none"
    with pytest.raises(NoInitializer, match=r"^--isolation sandbox: .*user namespaces are not allowed.*install") as no:
        isolation.choose("sandbox")
    assert "\n" not in str(no.value)


def test_a_setting_that_denies_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ubuntu's, with the command that lifts it."""
    _no_tool(monkeypatch)
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel" / "apparmor_restrict_unprivileged_userns").write_text("1\n")
    monkeypatch.setattr(isolation, "SETTINGS", tmp_path)
    with pytest.raises(NoInitializer, match=r"sysctl -w kernel\.apparmor_restrict_unprivileged_userns=0$"):
        isolation.choose("sandbox")


def test_none_is_none() -> None:
    """Even where a sandbox works."""
    assert isolation.choose("none") == "none"


def test_a_container_is_never_without_isolation() -> None:
    with pytest.raises(NoInitializer, match=r"image:x always runs in a container; remove --isolation none"):
        initializer("image:x", "none")


@pytest.mark.skipif(WORKING[0] == "none", reason="no sandbox works here")
@pytest.mark.parametrize(("wanted", "found"), [("auto", WORKING[0]), ("sandbox", WORKING[0]), ("none", "none")])
def test_the_option_changes_the_run(tmp_path: Path, wanted: str, found: str) -> None:
    """In workers too: what shows in a sandbox only is `not-run` without one, with one remedy."""
    options = ["--isolation", wanted, "--store", "pvc", "--rule", "CONTRACT-009,ERR-001", "-n", "1"]
    done = run(tmp_path, "--initializer", HONEST, *options)
    assert done.code == 0, done.text
    assert done.report["initializer"]["isolation"] == found
    assert done.outcomes("CONTRACT-009") == ({"not-run", "passed"} if wanted == "none" else {"passed"})
    assert done.outcomes("ERR-001") == {"passed"}
    given = f"--isolation={wanted}"
    assert all((given in result["reproduce"]) == (wanted != "auto") for result in done.report["results"])
    reasons = {result["reason"] for result in done.report["results"] if result["outcome"] == "not-run"}
    assert all("remove --isolation none" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--isolation", "docker"], "--isolation docker: unknown value; use one of auto, sandbox, none"),
        (["--isolation", ""], "--isolation is empty"),
        (["--isolation", "none", "--initializer", "image:x"], "image:x always runs in a container"),
        (["--isolation", "none", "--cluster", "kind"], "remove it, or remove --cluster"),
    ],
    ids=["unknown", "empty", "image", "cluster"],
)
def test_an_option_that_cannot_be(tmp_path: Path, options: list[str], message: str) -> None:
    """One line, before anything starts."""
    done = run(tmp_path, *options)
    assert done.code == 4
    assert message in done.text


def test_a_sandbox_that_is_wanted_and_cannot_be(tmp_path: Path) -> None:
    """The run ends with the remedy before anything is installed; without the option it goes on without a sandbox."""
    refused = _without_namespaces(tmp_path, "--isolation", "sandbox")
    assert refused.code == 4
    (line,) = [line for line in refused.text.splitlines() if "--isolation sandbox: no sandbox works here" in line]
    assert "sysctl -w user.max_user_namespaces=" in line
    assert "preparing" not in refused.text
    done = _without_namespaces(tmp_path)
    assert done.code == 0, done.text
    assert done.report["initializer"]["isolation"] == "none"
    assert "calls run without a sandbox" in done.text


def test_in_a_container_that_hides_parts_of_proc() -> None:
    """No new /proc may be mounted there; Python shows the container's own, which bubblewrap cannot."""
    script = """
from scenarios.initializers.isolation import flaw
print([bool(flaw(name)) for name in ("bubblewrap", "unshare")])
"""
    hide = 'mount --bind /dev/null /proc/uptime && exec "$@"'
    inside = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", hide]
    command = [*inside, "sh", sys.executable, "-c", script]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, check=False)
    if done.stderr.startswith("unshare:"):
        pytest.skip(done.stderr.strip())
    assert done.stdout == "[True, False]\n", done.stderr


def _without_namespaces(folder: Path, *options: str) -> Finished:
    """A small run where no further user namespaces are allowed: that can be set for a namespace and all below it."""
    suite = command_of(folder, "--initializer", HONEST, "--store", "pvc", "--rule", "ERR-001", *options)
    return apart("", ["echo 0 >/proc/sys/user/max_user_namespaces"], folder, *suite)
