"""The inspector: what it tells of a tree, of what it may not do, and how it ends."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from clusters.images.own import program


def inspect(arguments: Sequence[str | Path], environment: dict[str, str] | None = None) -> dict[str, Any]:
    """What it tells; it goes on until SIGTERM, and then leaves at once with 0."""
    argv = [program("inspector"), *arguments]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment or {}) as running:
        assert running.stdout
        line = running.stdout.readline()
        assert running.poll() is None
        running.send_signal(signal.SIGTERM)
        assert running.wait(2) == 0
        assert running.stdout.read() == b""
    told: dict[str, Any] = json.loads(line)
    return told


def entries(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The entries of the first mount by path."""
    return {entry["path"]: entry for entry in told["mounts"][0]["entries"]}


def test_a_tree_with_content_modes_and_digests(tmp_path: Path) -> None:
    """Empty files and empty folders too; a folder has neither content nor digest."""
    (tmp_path / "a.bin").write_bytes(b"\0binary")
    (tmp_path / "a.bin").chmod(0o640)
    (tmp_path / "folder" / "below").mkdir(parents=True)
    (tmp_path / "folder" / "none").touch()
    told = entries(inspect([tmp_path]))
    assert list(told) == ["a.bin", "folder", "folder/below", "folder/none"]
    assert told["a.bin"] == {
        "path": "a.bin",
        "kind": "file",
        "size": 7,
        "mode": 0o640,
        "sha256": hashlib.sha256(b"\0binary").hexdigest(),
        "content": base64.b64encode(b"\0binary").decode(),
    }
    assert (told["folder/none"]["content"], told["folder/none"]["size"]) == ("", 0)
    assert (told["folder/below"]["kind"], told["folder/below"]["content"]) == ("dir", None)


def test_links_are_followed_below_the_mounts(tmp_path: Path) -> None:
    """KServe's PVC mode has every entry of a claim be a link. Circles end, what leads outside stays closed."""
    claim, models = tmp_path / "claim", tmp_path / "models"
    (claim / "sub").mkdir(parents=True)
    (claim / "sub" / "model.bin").write_bytes(b"model")
    models.mkdir()
    (models / "circle").symlink_to(models)
    (models / "nowhere").symlink_to("gone")
    (models / "outside").symlink_to("/etc/passwd")
    (models / "sub").symlink_to(claim / "sub")
    told = entries(inspect([models, claim]))
    assert list(told) == ["circle", "nowhere", "outside", "sub", "sub/model.bin"]
    assert (told["circle"]["kind"], told["sub"]["kind"]) == ("dir", "dir")
    assert told["sub"]["link"] == str(claim / "sub")
    assert base64.b64decode(told["sub/model.bin"]["content"]) == b"model"
    assert (told["nowhere"]["kind"], told["nowhere"]["error"]) == ("link", "ENOENT")
    assert (told["outside"]["kind"], told["outside"]["content"]) == ("link", None)


def test_large_files_are_told_by_digest(tmp_path: Path) -> None:
    """64 KiB of one file, 1 MiB of all; size and digest always."""
    for number in range(20):
        (tmp_path / f"{number:02}").write_bytes(bytes([number]) * 2**16)
    (tmp_path / "large").write_bytes(b"x" * (2**16 + 1))
    told = entries(inspect([tmp_path]))
    assert [entry["content"] is None for entry in told.values()] == [False] * 16 + [True] * 5
    assert told["large"]["sha256"] == hashlib.sha256(b"x" * (2**16 + 1)).hexdigest()
    assert told["19"]["size"] == 2**16


def test_the_line_fits_in_a_log(tmp_path: Path) -> None:
    """A log turns over at 10 MiB: of a huge tree the rest is left out, and said to be."""
    name = "n" * 200
    for number in range(12_000):
        (tmp_path / f"{number}{name}").touch()
    told = inspect([tmp_path])
    assert told["mounts"][0]["truncated"]
    assert 5_000 < len(told["mounts"][0]["entries"]) < 12_000
    assert len(json.dumps(told)) < 4 * 2**20


def test_a_write_is_tried_after_the_look(tmp_path: Path) -> None:
    """The report has the volume as it was found; the file stays."""
    told = inspect(["--write", "new.txt=left by a reader", "--write", "no/folder=x", tmp_path, tmp_path / "gone"])
    assert told["mounts"][0]["entries"] == []
    assert told["mounts"][0]["writes"] == {"new.txt": "ok", "no/folder": "ENOENT"}
    assert (tmp_path / "new.txt").read_text() == "left by a reader"
    assert told["mounts"][1]["error"] == "ENOENT"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_read_only_volume_is_named(tmp_path: Path) -> None:
    """A write there ends with EROFS."""
    mount = f"mount -t tmpfs -o ro none {tmp_path} && exec {program('inspector')} --write new=x {tmp_path}"
    argv = ["unshare", "--mount", "sh", "-c", mount]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as running:
        assert running.stdout
        told = json.loads(running.stdout.readline())
        running.terminate()
    assert told["mounts"][0]["writes"] == {"new": "EROFS"}


def test_who_it_is_and_what_it_was_given(tmp_path: Path) -> None:
    """Only the variables asked for; one that is not set is null, not empty."""
    told = inspect(["--env", "A", "--env", "B", "--env", "C", tmp_path], {"A": "a", "B": "", "SECRET": "s"})
    assert told["env"] == {"A": "a", "B": "", "C": None}
    assert (told["uid"], told["gid"]) == (os.getuid(), os.getgid())


def test_a_pause_is_all_that_it_makes() -> None:
    began = time.monotonic()
    done = subprocess.run([program("inspector"), "--pause", "0.5s"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    assert time.monotonic() - began >= 0.5


def test_a_write_without_content_is_refused() -> None:
    """One line, exit code 2."""
    done = subprocess.run([program("inspector"), "--write", "name"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "inspector: --write name has no =CONTENT\n")
