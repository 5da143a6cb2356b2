"""`oras://` for the reference initializer, whose mutants show that rules notice defects on this store too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from initializer.limits import Environment
from initializer.remote import RemoteFile
from initializer.schemes import oci

BACKEND = "OCI"
TITLE = "org.opencontainers.image.title"


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:
    """The files of the artifact: one layer for each."""
    config = f"{environment['DOCKER_CONFIG']}/config.json" if "DOCKER_CONFIG" in environment else ""
    place = f"oci://{uri.removeprefix('oras://')}"
    registry = oci.Registry.of(place, {**environment, "KSERVE_OCI_DOCKER_CONFIG": config})
    for layer in registry.manifest(registry.reference)["layers"]:
        digest, path = layer["digest"], layer["annotations"][TITLE]
        yield RemoteFile(path, layer["size"], partial(registry.read, digest), sha256=digest.removeprefix("sha256:"))
