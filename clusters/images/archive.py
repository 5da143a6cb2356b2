"""Write image archives in the format of `docker save`, from layers and without a container engine."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: Go's name for the architecture of this machine, as image configurations use it.
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
_CHUNK = 1 << 20


def layer(target: Path, content: Mapping[str, Path], *, owner: int = 0, dated: bool = False) -> Path:
    """Write `target`, a tar with files and folders of this machine under the paths that the image shows them at.

    Folders are taken whole. Everything belongs to the user and group `owner`; times are dropped, so that equal content
    makes equal layers, unless it is `dated`: compiled Python code holds only for a source of its very time.
    """

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = owner
        entry.uname = entry.gname = ""
        entry.mtime = entry.mtime if dated else 0
        return entry

    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for path, source in content.items():
            tar.add(source, path.lstrip("/"), filter=plain)
    return target


def write(target: Path, reference: str, layers: Sequence[Path], configuration: Mapping[str, Any]) -> Path:
    """Write the archive `target` of one image, from uncompressed layer tars, lowest first.

    configuration  as in an image's `config`: Entrypoint, Cmd, Env, User, WorkingDir, ...
    """
    digests = [_sha256(one) for one in layers]
    described = {
        "architecture": ARCHITECTURE,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": dict(configuration),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created": "1970-01-01T00:00:00Z"} for _ in digests],
    }
    text = json.dumps(described, sort_keys=True).encode()
    name = f"{hashlib.sha256(text).hexdigest()}.json"
    names = [f"{digest}/layer.tar" for digest in digests]
    manifest = json.dumps([{"Config": name, "RepoTags": [reference], "Layers": names}]).encode()
    with tarfile.open(target, "w") as tar:
        _add(tar, name, text)
        for one, path in dict(zip(layers, names, strict=True)).items():
            tar.add(one, path)
        _add(tar, "manifest.json", manifest)
    return target


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
