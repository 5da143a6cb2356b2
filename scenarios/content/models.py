"""Sample models: trees to fill stores with, and archives of them."""

from __future__ import annotations

import io
import random
import stat
import tarfile
import zipfile
from collections.abc import Mapping

#: A small model with one nested folder, for tests that do not depend on the content.
MODEL: dict[str, bytes] = {"config.json": b'{"model": "sample"}\n', "weights/part-0.bin": bytes(range(256)) * 3}

#: The size of each large file of SHARDED, in bytes.
SHARD_BYTES = 1 << 20

_TENSORS = b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "

#: Model server -> the files that it expects below /mnt/models.
LAYOUTS: dict[str, dict[str, bytes]] = {
    "torchserve": {
        "config/config.properties": b"inference_address=http://0.0.0.0:8085\n",
        "model-store/gemma.mar": b"PK\x03\x04 not unpacked, because it is no archive by name",
    },
    "tensorflow": {
        "1/saved_model.pb": b"\x08\x01graph",
        "1/variables/variables.index": b"index",
        "1/variables/variables.data-00000-of-00001": b"data" * 50,
        "1/assets/vocab.txt": b"a\r\nb\r\n",
    },
    "safetensors": {
        "config.json": b"{}\n",
        "model.safetensors.index.json": b'{"weight_map": {}}\n',
        "model-00001-of-00002.safetensors": _TENSORS + b"1",
        "model-00002-of-00002.safetensors": _TENSORS + b"2",
        "tokenizer.json": b"{}",
        ".gitattributes": b"*.safetensors filter=lfs\n",
    },
    "mlflow": {
        "MLmodel": b"artifact_path: model\n",
        "model.pkl": b"\x80\x04N.",
        "conda.yaml": b"channels: []\n",
        "requirements.txt": b"scikit-learn\n",
        "metadata/MLmodel": b"artifact_path: model\n",
        "checkpoints/model.ckpt": b"checkpoint",
    },
    "triton": {
        "simple/config.pbtxt": b'name: "simple"\n',
        "simple/1/model.onnx": b"onnx 1",
        "simple/2/model.onnx": b"onnx 2",
        "ensemble/config.pbtxt": b'name: "ensemble"\n',
    },
}

#: Names of files and folders that clients and servers easily corrupt.
NAMES: dict[str, str] = {
    "space": "with space",
    "percent": "100%25 done%",
    "plus": "a+b",
    "hash": "a#b",
    "question": "what?x=1",
    "unicode": "模型-ü",
    "leading-dot": ".hidden",
}


def under(folder: str, tree: Mapping[str, bytes]) -> dict[str, bytes]:
    """`tree` moved below `folder`."""
    return {f"{folder}/{path}": content for path, content in tree.items()}


def noise(size: int, seed: int = 1) -> bytes:
    """`size` bytes that do not compress. They are the same in every run."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - no secret


#: A model with files large enough to inject a fault in the middle of one.
SHARDED: dict[str, bytes] = {"config.json": b"{}\n", **{f"part-{n}.bin": noise(SHARD_BYTES, seed=n) for n in range(3)}}


def tar(tree: Mapping[str, bytes], *, mode: str = "w", permissions: int = 0o644) -> bytes:
    """A tar archive of `tree`. `mode` is that of tarfile (`w:gz` for a compressed one)."""
    members = [tarfile.TarInfo(name) for name in tree]
    for member in members:
        member.size, member.mode = len(tree[member.name]), permissions
    return tar_of([(member, tree[member.name]) for member in members], mode=mode)


def tar_of(members: list[tuple[tarfile.TarInfo, bytes]], *, mode: str = "w") -> bytes:
    """A tar archive of exactly these members, whatever their names and types."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zipped(tree: Mapping[str, bytes]) -> bytes:
    """A zip archive of `tree`, with names unchanged."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in tree.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def archive(suffix: str, tree: Mapping[str, bytes]) -> bytes:
    """An archive of `tree` in the format of `suffix`: tar, tgz, tar.gz or zip."""
    if suffix == "zip":
        return zipped(tree)
    return tar(tree, mode="w" if suffix == "tar" else "w:gz")


def link(name: str, target: str, *, hard: bool = False) -> tarfile.TarInfo:
    """A tar member that is a link."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = (tarfile.LNKTYPE if hard else tarfile.SYMTYPE), target
    return member
