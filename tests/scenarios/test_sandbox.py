"""One call of an untrusted program: what it is shown, what is seen of it, and that nothing of it is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.initializers import sandbox
from scenarios.initializers.base import ANYBODY, DEST, HDFS_SECRET, PVC, Call, CallResult, Conditions, Entry, Isolation
from scenarios.initializers.command import Command
from scenarios.initializers.process import KEPT_BYTES
from scenarios.initializers.rootfs import SCRATCH
from scenarios.reasons import NotOffered
from tests.isolations import anyhow, in_a_sandbox
from tests.processes import after, ended

Shell = Callable[..., CallResult]


@pytest.fixture(params=anyhow.args[1])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    """Runs a shell script as an initializer; `$1` is the source, `$2` the destination."""

    def run(script: str, *, source: str = "x://y", dest: str = DEST, disk: int = 64 << 20, **call: Any) -> CallResult:  # noqa: ANN401
        made = Call(call.pop("pairs", [(source, dest)]), tmp_path, **call)
        return sandbox.run(["/bin/sh", "-c", script, "sh"], [], made, request.param, disk=disk)

    return run


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


def test_a_tree_comes_back(shell: Shell) -> None:
    """Content, modes, folders, and both streams."""
    outcome = shell("mkdir -p $2/a/b; echo x >$2/a/f; chmod 640 $2/a/f; echo out; echo err >&2; exit 3")
    tree = outcome.trees[DEST]
    assert (outcome.ended, outcome.exit_code, outcome.stdout, outcome.stderr) == ("exit", 3, "out\n", "err\n")
    assert set(tree) == {"a", "a/b", "a/f"}
    assert (tree["a/f"].content, tree["a/f"].mode, tree["a"].content) == (b"x\n", 0o640, None)
    assert outcome.unexpected_writes == []
    assert not outcome.truncated


def test_every_destination_is_observed(shell: Shell) -> None:
    """Only /mnt/models exists before; folders that lead to a destination are no unexpected writes."""
    pairs = [("x", f"{DEST}/a"), ("y", f"{DEST}/b/c"), ("z", "/srv/none/d")]
    outcome = shell('test -d /mnt; test ! -e $2; mkdir -p $2 $4; touch $2/1 $4/2; echo "$#"', pairs=pairs)
    assert {d: list(tree) for d, tree in outcome.trees.items()} == {
        f"{DEST}/a": ["1"],
        f"{DEST}/b/c": ["2"],
        "/srv/none/d": [],
    }
    assert outcome.stdout == "6\n"
    assert outcome.unexpected_writes == []


@in_a_sandbox
def test_shared_memory_and_var_tmp_are_watched(tmp_path: Path, isolation: Isolation) -> None:
    """What stays there is a stray; so is what was made and removed elsewhere, but not there."""
    script = 'for d in "$@"; do echo x >$d/gone; rm $d/gone; done; touch $1/a $2/b'
    argv = ["/bin/sh", "-c", script, "sh", *SCRATCH, "/home/kserve"]
    outcome = sandbox.run(argv, [], Call((), tmp_path, arguments=()), isolation)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.unexpected_writes == [f"{SCRATCH[0]}/a", f"{SCRATCH[1]}/b", "/home/kserve/ (made and removed)"]


def test_what_is_present_can_be_changed(shell: Shell) -> None:
    """And is still there for a second call in the same folder."""
    present = {DEST: {"old/a": b"a", "old/b": b"b"}}
    first = shell("rm $2/old/a; echo new >$2/old/c", present=present)
    assert sorted(first.trees[DEST]) == ["old", "old/b", "old/c"]
    assert first.unexpected_writes == []
    second = shell("cat $2/old/c")
    assert second.stdout == "new\n"
    assert sorted(second.trees[DEST]) == ["old", "old/b", "old/c"]


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


def test_no_signal_is_ignored(shell: Shell) -> None:
    """What Python ignores, SIGPIPE and SIGXFSZ, ends a program; what nohup(1) ignores for all is not the suite's."""
    outcome = shell("grep SigIgn /proc/self/status")
    found = re.search(r"^SigIgn:\t(\w+)", Path("/proc/self/status").read_text(), re.M)
    assert found
    pythons = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    assert int(outcome.stdout.split()[1], 16) == int(found[1], 16) & ~pythons


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


def test_strays(shell: Shell) -> None:
    """Whatever is written outside destinations and /tmp, the home included."""
    outcome = shell("mkdir -p ~/.cache/x; touch ~/.cache/x/y $2/../escaped; mkdir ~/empty; touch $2/fine")
    assert outcome.unexpected_writes == ["/home/kserve/.cache/x/y", "/home/kserve/empty", "/mnt/escaped"]


@in_a_sandbox
def test_strays_everywhere(tmp_path: Path, isolation: Isolation) -> None:
    """Also where no initializer has any business."""
    script = "touch /stray /run/stray /tmp/fine; mkdir /opt2; ln -s /etc/passwd /opt2/link"
    outcome = sandbox.run(["/bin/sh", "-c", script, "sh"], [], Call([("x", DEST)], tmp_path), isolation)
    assert outcome.unexpected_writes == ["/opt2/link", "/run/stray", "/stray"]


def test_links(shell: Shell, tmp_path: Path) -> None:
    """Followed within destinations and mounts; anything else keeps its text and has no content."""
    claim = tmp_path / "claim"
    (claim / "d").mkdir(parents=True)
    (claim / "d" / "m").write_bytes(b"model")
    (claim / "d" / "n").symlink_to("m")
    script = """
        cd $2; mkdir own; echo x >own/f; ln -s own/f near; ln -s "$CLAIM/d" mounted; ln -s own/../mounted/n far
        ln -s /etc/passwd outside; ln -s nowhere broken; ln -s loop loop; ln -s .. up; ln -s . self
        echo no >"$OUT"; ln -s "$OUT" stray
    """
    settings = {"CLAIM": PVC, "OUT": "/mnt/out"}
    tree = shell(script, mounts={PVC: claim}, environment=settings).trees[DEST]
    assert {path: entry.content for path, entry in tree.items() if entry.content is not None} == {
        "own/f": b"x\n",
        "near": b"x\n",
        "far": b"model",
        "mounted/m": b"model",
        "mounted/n": b"model",
    }
    assert {
        path: tree[path].link for path in ("near", "mounted", "outside", "broken", "loop", "up", "self", "stray")
    } == {
        "near": "own/f",
        "mounted": f"{PVC}/d",
        "outside": "/etc/passwd",
        "broken": "nowhere",
        "loop": "loop",
        "up": "..",
        "self": ".",
        "stray": "/mnt/out",
    }
    assert "self/near" not in tree


def test_links_into_a_mount_of_its_own(shell: Shell, tmp_path: Path) -> None:
    """As KServe's initializer makes them of a `file://` source; no folder of the room leads there."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m").write_bytes(b"model")
    outcome = shell('ln -s "$1/m" "$2/m"', source="/srv/models", mounts={"/srv/models": tmp_path / "models"})
    assert outcome.trees[DEST]["m"] == Entry(0o644, b"model", "/srv/models/m")


def test_what_is_printed_has_the_paths_inside(shell: Shell, tmp_path: Path) -> None:
    """Whether a path was there or not, on both streams."""
    (tmp_path / "claim").mkdir()
    script = 'echo "from $1 to $2." "$3/x" "$(pwd)"; ls "$3" >&2; cat "$HOME/absent" >&2'
    pairs = [(f"file://{PVC}", f"{DEST}/a"), (f"{PVC}/no-model", "/opt/b")]
    outcome = shell(script, pairs=pairs, mounts={PVC: tmp_path / "claim"})
    assert outcome.stdout == f"from file://{PVC} to {DEST}/a. {PVC}/no-model/x /\n"
    assert f"{PVC}/no-model" in outcome.stderr
    assert "/home/kserve/absent" in outcome.stderr
    assert str(tmp_path) not in outcome.stdout + outcome.stderr


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


def test_a_destination_that_became_a_link(shell: Shell, tmp_path: Path) -> None:
    """A local model may be linked as a whole."""
    (tmp_path / "claim").mkdir()
    (tmp_path / "claim" / "m").write_bytes(b"model")
    outcome = shell(
        'ln -s "$CLAIM" "$2"', dest=f"{DEST}/m", mounts={PVC: tmp_path / "claim"}, environment={"CLAIM": PVC}
    )
    assert outcome.trees[f"{DEST}/m"]["m"].content == b"model"


def test_closed_modes_and_special_files(shell: Shell, tmp_path: Path) -> None:
    """All is read and reported with its mode, nothing hangs, and the folder can be removed."""
    script = "cd $2; mkdir -p d/e; echo x >d/e/f; mkfifo pipe; chmod 0 d/e/f d/e; chmod 0 d; mkdir ~/z; chmod 0 ~/z"
    outcome = shell(script)
    tree = outcome.trees[DEST]
    assert {path: (entry.mode, entry.content) for path, entry in tree.items() if path != "pipe"} == {
        "d": (0, None),
        "d/e": (0, None),
        "d/e/f": (0, b"x\n"),
    }
    assert tree["pipe"].content is None
    assert outcome.unexpected_writes == ["/home/kserve/z"]
    assert all(os.access(path, os.R_OK) for path in tmp_path.rglob("*") if not path.is_symlink())


@pytest.mark.parametrize(
    ("script", "exit_code"), [("exit 0", 0), ("exit 143", 143), ("kill -9 $$", -9), ("kill -TERM $$", -15)]
)
def test_how_itended(shell: Shell, script: str, exit_code: int) -> None:
    """A signal is told from an exit status that looks like one."""
    outcome = shell(script)
    assert (outcome.ended, outcome.exit_code) == ("exit", exit_code)


@anyhow
def test_a_program_that_is_missing(tmp_path: Path, isolation: Isolation) -> None:
    """127 and its name, as from a shell."""
    outcome = sandbox.run(["/no/such/program"], [], Call([], tmp_path), isolation)
    assert outcome.exit_code == 127
    assert "/no/such/program" in outcome.stderr


def test_a_hang(shell: Shell) -> None:
    """Ended by the limit with all that it started, even where SIGTERM is ignored."""
    outcome = shell("trap '' TERM; sleep 4711.1 & sleep 4711.1; sleep 4711.1", timeout_s=0.3)
    assert (outcome.ended, outcome.exit_code, outcome.leftover_processes) == ("timeout", -signal.SIGKILL, ())
    assert 2 <= outcome.duration_s < 10
    ended("4711.1")


def test_last_words_before_the_limit(shell: Shell) -> None:
    """SIGTERM comes first, so that a log is complete."""
    outcome = shell("trap 'echo bye; exit 5' TERM; echo hi; while :; do sleep 0.02; done", timeout_s=0.3)
    assert (outcome.ended, outcome.exit_code, outcome.stdout) == ("timeout", 5, "hi\nbye\n")


def test_a_flood_of_output(shell: Shell) -> None:
    """The first and the last of it are kept, the rest costs no memory."""
    outcome = shell("echo first; head -c 200000000 /dev/zero; echo last; echo e >&2")
    assert outcome.truncated
    assert outcome.stdout.startswith("first\n")
    assert outcome.stdout.endswith("last\n")
    assert len(outcome.stdout) < 2 * KEPT_BYTES + 100
    assert f"[... {200000000 + 11 - 2 * KEPT_BYTES} bytes left out ...]" in outcome.stdout
    assert outcome.stderr == "e\n"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("head -c 100000000 /dev/zero >$2/x", id="one-file"),
        pytest.param("for i in 1 2 3 4 5 6 7 8 9; do head -c 10000000 /dev/zero >$2/$i; done; sleep 60", id="many"),
    ],
)
def test_a_full_disk(shell: Shell, script: str) -> None:
    """Neither one file nor many pass the limit by much."""
    outcome = shell(script)
    assert outcome.ended == "disk"
    assert outcome.duration_s < 30
    assert sum(len(entry.content or b"") for entry in outcome.trees[DEST].values()) < 200 << 20


def test_survivors(shell: Shell) -> None:
    """Detached from session, terminal and streams: counted, and ended."""
    outcome = shell("setsid sleep 4711.2 >/dev/null 2>&1 </dev/null & sleep 4711.2 & exit 0")
    assert (outcome.ended, outcome.exit_code, outcome.leftover_processes) == ("exit", 0, ["sleep", "sleep"])
    ended("4711.2")


def test_the_tree_is_as_it_was_at_the_end(shell: Shell) -> None:
    """A download in the background ends with the program in a pod; neither its file nor its words count."""
    outcome = shell("(sleep 0.2; echo late; echo late >$2/late) & echo early >$2/early; echo early")
    assert list(outcome.trees[DEST]) == ["early"]
    assert outcome.stdout == "early\n"


def test_the_destinations_own_mode(shell: Shell) -> None:
    assert shell("chmod 700 $2; mkdir -m 711 $2/x").modes == {DEST: 0o700}


def test_what_is_sought_is_found_anywhere(shell: Shell) -> None:
    """In the part of a flood that is not kept, over several lines, across the pieces that a stream comes in."""
    flood = f"head -c {2 * KEPT_BYTES} /dev/zero | tr '\\0' x"
    script = f"{flood}; printf 'nee'; sleep 0.2; printf 'dle'; {flood}; printf 'hay\nst ack' >&2"
    outcome = shell(script, sought=["needle", "haystack", "absent"])
    assert outcome.found == {"needle", "haystack"}
    assert "needle" not in outcome.stdout


def test_a_helper_that_follows_is_no_survivor(shell: Shell) -> None:
    """It ends a moment later, as a resource tracker does."""
    outcome = shell("setsid sleep 0.1 & echo done")
    assert (outcome.stdout, outcome.leftover_processes) == ("done\n", [])


def test_termination(shell: Shell) -> None:
    """A handler is given the signal, and its time is measured."""
    script = "trap 'sleep 0.2; exit 7' TERM; while :; do sleep 0.02; done"
    outcome = shell(script, conditions=Conditions(terminate_when=after(0.3)))
    assert (outcome.ended, outcome.exit_code) == ("exit", 7)
    assert outcome.ended_after_signal_s is not None
    assert 0.2 <= outcome.ended_after_signal_s < 5
    assert shell("exit 0", conditions=Conditions(terminate_when=after(5))).ended_after_signal_s is None


def test_termination_without_a_handler(shell: Shell) -> None:
    """The kernel drops the signal to a container's first process; it runs on until the limit."""
    outcome = shell("exec sleep 60", conditions=Conditions(terminate_when=after(0.1)), timeout_s=0.5)
    assert outcome.ended == "timeout"
    assert outcome.ended_after_signal_s is not None
    assert outcome.ended_after_signal_s > 0.3


def test_costs_are_measured(shell: Shell) -> None:
    """CPU and peak memory of the program, its children included."""
    hog = "import time; x = b'1' * 100_000_000; t = time.process_time()\nwhile time.process_time() < t + .3: pass"
    outcome = shell(f'/usr/bin/python3 -c "{hog}"') if Path("/usr/bin/python3").exists() else pytest.skip("no python3")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.cpu_s >= 0.3
    assert 100_000_000 < outcome.peak_memory < 200_000_000


def test_it_can_be_reproduced(shell: Shell, tmp_path: Path) -> None:
    """The line makes the same call on this machine, without the sandbox."""
    claim = tmp_path / "claim"
    claim.mkdir()
    (claim / "m").write_text("model")
    script = 'cp "${1#file://}/m" "$2/again-$WORD"'
    outcome = shell(script, source=f"file://{PVC}", mounts={PVC: claim}, environment={"WORD": "it's"})
    assert outcome.reproduce.startswith("env -i ")
    made = tmp_path / "root" / "mnt" / "models" / "again-it's"
    made.unlink()
    subprocess.run(["sh", "-c", outcome.reproduce], check=True)
    assert made.read_text() == "model"


def test_the_tree_of_a_large_file(shell: Shell) -> None:
    """Whole, whatever its size."""
    assert shell("head -c 30000000 /dev/zero >$2/x").trees[DEST]["x"].content == bytes(30_000_000)
