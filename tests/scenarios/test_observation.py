"""One call of an untrusted program: the suite sees every file that the program left or changed."""

from __future__ import annotations

import os
from pathlib import Path

from scenarios.initializers import sandbox
from scenarios.initializers.base import DEST, PVC, Call, Entry, Isolation
from scenarios.initializers.process import KEPT_BYTES
from scenarios.initializers.rootfs import SCRATCH
from tests.isolations import Shell, in_a_sandbox


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


def test_the_tree_of_a_large_file(shell: Shell) -> None:
    """Whole, whatever its size."""
    assert shell("head -c 30000000 /dev/zero >$2/x").trees[DEST]["x"].content == bytes(30_000_000)
