"""Artifacts in an OCI registry: `oras://REGISTRY/REPOSITORY:TAG`, Apptainer's scheme for what `oras push` uploads.

An image packs its files into layers. An artifact has a layer for each file, and an annotation with the file's path (OCI
image-spec 1.1, "Guidelines for Artifact Usage").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers.base import Endpoint
from scenarios.stores.base import NO_RELEASE, Store, Tree
from scenarios.stores.registry import CREDENTIALS, MANIFEST, RegistryStore, descriptor, document

#: The types that `oras push` uses unless its caller names others.
ARTIFACT, FILE = "application/vnd.unknown.artifact.v1", "application/vnd.oci.image.layer.v1.tar"
#: The configuration of an artifact without one, and its content.
EMPTY, NOTHING = "application/vnd.oci.empty.v1+json", b"{}"
TITLE = "org.opencontainers.image.title"


class Oras(RegistryStore):
    """Artifacts `CASE/NAME:latest`. The registry, its accounts and the form of the URIs are those of `oci`."""

    name = "oras"
    kserve = NO_RELEASE  # KServe's own initializer does not know the scheme
    malformed: ClassVar[Mapping[str, str]] = {"empty": "oras://", "registry-only": "oras://registry.oci.example"}
    login_variables: ClassVar[Mapping[str, str]] = {"DOCKER_CONFIG": CREDENTIALS}

    def __init__(self, endpoint: Endpoint | None, gateway: Gateway, case: str, scratch: Path) -> None:
        super().__init__(endpoint, gateway, case, scratch)
        self._files: defaultdict[str, dict[str, bytes]] = defaultdict(dict)

    def put(self, tree: Tree) -> None:
        for path, content in tree.items():
            artifact, _, inner = path.partition("/")
            if not inner or inner.endswith("/"):
                raise NotOffered(f"oras: {path!r} is no file of an artifact; the first segment must name an artifact")
            self._files[self._valid(artifact)][inner] = content
        for artifact in {path.partition("/")[0] for path in tree}:
            self._push(f"{self.case}/{artifact}", self._files[artifact])

    def _push(self, repository: str, files: Mapping[str, bytes]) -> None:
        for blob in {NOTHING, *files.values()}:
            self._upload(repository, blob)
        layers = [descriptor(FILE, blob) | {"annotations": {TITLE: path}} for path, blob in files.items()]
        manifest = document(MANIFEST, artifactType=ARTIFACT, config=descriptor(EMPTY, NOTHING), layers=layers)
        self._tag(repository, manifest)


#: The stores of this plugin, and the groups of rules that each joins.
STORES: Mapping[type[Store], Sequence[str]] = {Oras: ["trees", "remote", "parts", "tagged", "guarded", "public"]}

#: Prefix of URIs -> the reference initializer's module for it, for the mutants.
REFERENCE = {"oras://": Path(__file__).with_name("oras_scheme.py")}
