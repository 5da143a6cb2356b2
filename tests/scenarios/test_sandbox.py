"""One call of an untrusted program: what it can see, change and reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scenarios.initializers import sandbox
from scenarios.initializers.base import ANYBODY, DEST, HDFS_SECRET, PVC, Call, Conditions, Isolation
from scenarios.initializers.command import Command
from scenarios.reasons import NotOffered
from tests.isolations import Shell, anyhow, in_a_sandbox


@in_a_sandbox
def test_a_confined_call_writes_nowhere_else(tmp_path: Path, isolation: Isolation) -> None:
    """The destination and /tmp are left to a user who is nobody, as is what it needs of this machine below /tmp."""
    script = "id -u; id -g; echo x >$2/f; echo y >/tmp/g; cat $0; for d in / /opt /home/kserve; do echo z >$d/h; done"
    needed = tmp_path / "needed"
    needed.write_text("here\n")
    (tmp_path / "call").mkdir()
    call = Call([("x://y", DEST)], tmp_path / "call", conditions=Conditions(confined=True))
    outcome = sandbox.run(["/bin/sh", "-c", script, str(needed)], [needed], call, isolation)
    assert outcome.stdout.split() == [str(ANYBODY), "0", "here"]
    assert list(outcome.trees[DEST]) == ["f"]
    assert outcome.unexpected_writes == []
    assert outcome.exit_code != 0


@anyhow
def test_the_environment_is_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, isolation: Isolation) -> None:
    """Nothing of the user's; values keep their lines, and names stay that shells cannot speak."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the user's")
    monkeypatch.setenv("HTTPS_PROXY", "http://the-users")
    call = Call([], tmp_path, environment={"GIVEN": "a b\nc=", "host-headers": "{}"})
    said = sandbox.run(["/usr/bin/env", "-0"], [], call, isolation).stdout.rstrip("\0").split("\0")
    variables = dict(line.split("=", 1) for line in said)
    assert variables.keys() - {"PWD"} == {"PATH", "HOME", "LANG", "GIVEN", "host-headers"}
    assert (variables["GIVEN"], variables["host-headers"]) == ("a b\nc=", "{}")


def test_stdin_is_empty(shell: Shell) -> None:
    """Nobody waits for a line that never comes."""
    assert shell("cat; exit 4").exit_code == 4


@in_a_sandbox
def test_the_machine_is_hidden(tmp_path: Path, isolation: Isolation) -> None:
    """No home, nothing of /tmp and /run, another user, no process but its own; the rest is read-only."""
    script = """
        ls -A /root /home/* /tmp /run 2>/dev/null; id -u; echo /proc/[0-9]*
        touch /usr/stray /etc/stray || echo refused
    """
    outcome = sandbox.run(["/bin/sh", "-c", script, "sh"], [], Call([("x", DEST)], tmp_path), isolation)
    said = outcome.stdout.split()
    assert [word for word in said if not word.startswith("/")] == ["1000", "refused"]
    assert len([word for word in said if word.startswith("/proc/")]) <= 4
    assert outcome.unexpected_writes == []


def test_the_program_has_no_privileges(shell: Shell) -> None:
    """No capability and no way to one, even where root runs the suite: a device cannot be made."""
    outcome = shell("grep -E '^(CapEff|CapPrm|NoNewPrivs)' /proc/self/status; mknod $2/device c 1 3 || echo refused")
    assert outcome.stdout.split() == ["CapPrm:", "0" * 16, "CapEff:", "0" * 16, "NoNewPrivs:", "1", "refused"]


@in_a_sandbox
def test_the_machine_cannot_be_changed(tmp_path: Path, isolation: Isolation) -> None:
    """Neither settings of the kernel nor mounts nor the first process; devices are those of a container."""
    script = """
        test -w /proc/sys/kernel/printk || echo closed; mount -t tmpfs none /mnt || echo refused; kill -9 1
        (: >/usr/bin/stray) || echo refused; test -w /dev/shm && test -c /dev/ptmx && echo device
    """
    outcome = sandbox.run(["/bin/sh", "-c", script, "sh"], [], Call([], tmp_path), isolation)
    assert outcome.stdout.split() == ["closed", "refused", "refused", "device"]


@in_a_sandbox
def test_a_mount_over_a_file_of_the_machine(tmp_path: Path, isolation: Isolation) -> None:
    """Other accounts than this machine has."""
    accounts = tmp_path / "accounts"
    accounts.write_text("other:x:1:1::/:/bin/sh\n")
    call = Call([("x", DEST)], tmp_path / "call", mounts={"/etc/passwd": accounts})
    assert sandbox.run(["/bin/cat", "/etc/passwd"], [], call, isolation).stdout.startswith("other:")


@in_a_sandbox
def test_offline(tmp_path: Path, isolation: Isolation) -> None:
    """Only the network of the machine with itself, and that is up."""
    script = "tail -n +3 /proc/net/dev | cut -d: -f1; cat /sys/class/net/lo/operstate; cat /proc/net/fib_trie"
    call = Call([("x", DEST)], tmp_path, conditions=Conditions(offline=True))
    said = sandbox.run(["/bin/sh", "-c", script, "sh"], [], call, isolation).stdout
    assert said.split()[0] == "lo"
    assert "127.0.0.1" in said
    assert "eth0" not in said


@in_a_sandbox
def test_what_a_program_needs_is_shown(tmp_path: Path, isolation: Isolation) -> None:
    """A folder in a hidden place, read-only, and nothing beside it."""
    program = tmp_path / "program"
    program.mkdir()
    (program / "data").write_text("data")
    (tmp_path / "secret").touch()
    script = f"cat {program}/data; ls {tmp_path}; touch {program}/x || echo refused"
    call = Call([("x", DEST)], tmp_path / "call")
    call.workdir.mkdir()
    outcome = sandbox.run(["/bin/sh", "-c", script, "sh"], [program], call, isolation)
    assert outcome.stdout == "dataprogram\nrefused\n"
    assert outcome.unexpected_writes == []


def test_mounts(shell: Shell, tmp_path: Path) -> None:
    """Also below a folder of the machine that lacks the path, such as /etc/ssl; they are found by variables, too."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("bundle")
    claim = tmp_path / "claim"
    claim.mkdir()
    (claim / "m").write_text("model")
    outcome = shell(
        'cat "$BUNDLE" "$FOLDER/ca.crt" "${1#file://}/m"; test -e /etc/passwd && test -d /etc/ssl && echo " ok"',
        source=f"file://{PVC}",
        environment={"BUNDLE": "/run/conformance/ca.pem", "FOLDER": "/etc/ssl/custom-certs"},
        mounts={"/run/conformance/ca.pem": bundle, "/etc/ssl/custom-certs/ca.crt": bundle, PVC: claim},
    )
    assert outcome.stdout == "bundlebundlemodel ok\n"
    assert outcome.unexpected_writes == []


@pytest.mark.parametrize(
    "call",
    [
        {"conditions": Conditions(offline=True)},
        {"conditions": Conditions(confined=True)},
        {"conditions": Conditions(space=1 << 20)},
        {"source": "file:///mnt/models/../../etc/passwd"},
        {"source": f"{PVC}/../x"},
        {"mounts": "absolute"},
        {"mounts": "relative"},
        {"mounts": HDFS_SECRET},
    ],
    ids=["offline", "confined", "space", "dots", "claim-dots", "absolute-link", "relative-link", "untold"],
)
def test_a_call_that_would_be_another_one_without_a_sandbox(tmp_path: Path, call: dict[str, Any]) -> None:
    """Dots and links lead elsewhere here than in a pod, nothing can be mounted: not run, rather than judged wrongly."""
    claim = tmp_path / "claim"
    claim.mkdir()
    (claim / "fine").symlink_to("m")
    mount = call.pop("mounts", PVC)
    if not mount.startswith("/"):
        (claim / "out").symlink_to("/etc" if mount == "absolute" else "../outside")
        mount = PVC
    made = Call([(call.pop("source", PVC), DEST)], tmp_path, mounts={mount: claim}, **call)
    with pytest.raises(NotOffered, match="remove --isolation none"):
        Command("/bin/true", "none").call(made)
