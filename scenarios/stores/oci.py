"""OCI images in modelcar layout: the model is below `models/` in the layers.

The first segment of a path names an image. Deeper paths have no URI of their own. KServe's initializer downloads
`oci://` since 0.21.0 (PR 5739), with oras. In earlier releases only the webhook's modelcar uses images.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from clusters.base import Image
from clusters.images.archive import ARCHITECTURE
from scenarios.content import zstd
from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers import accounts
from scenarios.servers.base import Endpoint
from scenarios.stores.base import Tree
from scenarios.stores.registry import MANIFEST, RegistryStore, descriptor, digest, document, login

INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
Layer = Literal["tar", "tar+gzip", "tar+zstd"]
PACKERS: Mapping[Layer, Callable[[bytes], bytes]] = {"tar": bytes, "tar+gzip": gzip.compress, "tar+zstd": zstd.frame}
#: The architectures of an index. This machine's comes last, so that a client cannot just take the first one.
ARCHITECTURES = tuple(sorted(("amd64", "arm64"), key=ARCHITECTURE.__eq__))


class OCI(RegistryStore):
    """Images `CASE/NAME:latest` in a registry. Every `put` adds a layer."""

    name = "oci"
    kserve = ">=0.21"
    malformed: ClassVar[Mapping[str, str]] = {"empty": "oci://"}

    def __init__(self, endpoint: Endpoint | None, gateway: Gateway, case: str, scratch: Path) -> None:
        super().__init__(endpoint, gateway, case, scratch)
        self._layers: defaultdict[str, list[tuple[Layer, bytes]]] = defaultdict(list)

    def put(self, tree: Tree, *, layer: Layer = "tar+gzip", index: bool = False, below: str = "models") -> None:
        """Put `tree` as in every store.

        layer  the format of the new layer.
        index  make the tag an image index for all ARCHITECTURES. Only this machine's image has the tree.
        below  the folder in the image.
        """
        images: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        for path, content in tree.items():
            image, _, inner = path.partition("/")
            if not inner:
                raise NotOffered(f"oci: {path!r} is in no image; the first segment of a path must name one")
            images[self._valid(image)][f"{below}/{inner}"] = content
        for image, files in images.items():
            self._layers[image].append((layer, _layer(files)))
            self._push(f"{self.case}/{image}", self._layers[image], ARCHITECTURES if index else ())

    def put_layers(self, image: str, layers: Sequence[bytes], kind: Layer = "tar") -> None:
        """Put an image of exactly these layers: tar archives with any content, from the lowest to the highest."""
        self._push(f"{self.case}/{self._valid(image)}", [(kind, layer) for layer in layers], ())

    def put_image(self, image: str, source: Image) -> str:
        """Put an image of this machine that only the reader may pull.

        Returns its name for a container runtime on a node of the cluster. Runtimes contact its address without TLS.
        """
        assert source.archive, "it lies on this machine"  # noqa: S101
        with tarfile.open(source.archive) as tar:
            (described,) = json.loads(_member(tar, "manifest.json"))
            layers: list[tuple[Layer, bytes]] = [("tar", _member(tar, name)) for name in described["Layers"]]
            repository = f"{self.case}/{self._valid(image)}"
            self._tag(repository, self._manifest(repository, layers, _member(tar, described["Config"])))
        accounts.restrict(self._folder, self._accounts, readers=["reader"])
        return f"{self._on_nodes}/{repository}:latest"

    def login_on_nodes(self) -> str:
        """The `.dockerconfigjson` for nodes that pull the image of `put_image`."""
        return login(self._on_nodes, "reader", self._accounts["reader"])

    @property
    def _on_nodes(self) -> str:
        return f"127.0.0.1:{urlsplit(self.server.direct_url).port}"

    def _push(self, image: str, layers: Sequence[tuple[Layer, bytes]], architectures: Sequence[str]) -> None:
        mine = self._manifest(image, layers, _config(layers, ARCHITECTURE))
        if not architectures:
            self._tag(image, mine)
            return
        entries = []
        for architecture in architectures:
            theirs: list[tuple[Layer, bytes]] = [("tar", _layer({f"models/{architecture}.bin": b"x"}))]
            foreign = _config(theirs, architecture)
            manifest = mine if architecture == ARCHITECTURE else self._manifest(image, theirs, foreign)
            self._tag(image, manifest, reference=digest(manifest))
            platform = {"architecture": architecture, "os": "linux"}
            entries.append({**descriptor(MANIFEST, manifest), "platform": platform})
        self._tag(image, document(INDEX, manifests=entries), INDEX)

    def _manifest(self, image: str, layers: Sequence[tuple[Layer, bytes]], config: bytes) -> bytes:
        """Pack an image's layers, which are tar archives, and upload them. Returns its manifest."""
        blobs = [(kind, PACKERS[kind](layer)) for kind, layer in layers]
        described = [descriptor(f"application/vnd.oci.image.layer.v1.{kind}", blob) for kind, blob in blobs]
        for blob in [config, *(blob for _, blob in blobs)]:
            self._upload(image, blob)
        return document(MANIFEST, config=descriptor(CONFIG, config), layers=described)


def _config(layers: Sequence[tuple[Layer, bytes]], architecture: str) -> bytes:
    """The configuration of an image for Linux that never runs."""
    rootfs = {"type": "layers", "diff_ids": [digest(layer) for _, layer in layers]}
    return json.dumps({"architecture": architecture, "os": "linux", "config": {}, "rootfs": rootfs}).encode()


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file, f"{name} is a file"  # noqa: S101
    return file.read()


def _layer(files: Mapping[str, bytes]) -> bytes:
    """A tar archive of `files` and their parent folders, as image builders write it: owned by root, world-readable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in _folders(files):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for path, content in files.items():
            if not path.endswith("/"):
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), 0o644
                archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _folders(paths: Iterable[str]) -> list[str]:
    """Every folder above `paths` (and those that are themselves folders), parents first."""
    above = {str(parent) for path in paths for parent in PurePosixPath(path).parents} - {"."}
    return sorted(above | {path.rstrip("/") for path in paths if path.endswith("/")})
