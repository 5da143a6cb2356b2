"""The Kubeflow model registry: `model-registry://MODEL[/VERSION]` refers to content in another store, here S3.

Source for the scheme: cmd/csi of github.com/kubeflow/model-registry, the storage initializer that implements it.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Literal, get_args
from urllib.parse import quote

from scenarios.reasons import NotOffered
from scenarios.servers.base import Mode, Server
from scenarios.servers.model_registry import DOMAIN, ModelRegistryServer
from scenarios.stores.base import NO_RELEASE, NOBODY, Access, AccessKind, Tree
from scenarios.stores.s3 import S3
from scenarios.stores.standin import StandInStore

VERSION = "v1"
PORT = 8080
SERVICE = "model-registry-service"
#: The time of the first row in ms since 1970. Each later row is dated one second later.
EPOCH_MS = 1_750_000_000_000

ArtifactType = Literal["model-artifact", "doc-artifact"]


class ModelRegistry(StandInStore):
    """A registry for this test alone. The content of MODEL's VERSION is in S3 at `CASE/MODEL/VERSION/`.

    The first segment of a path in `put` names a model. `put(tree, "v2")` adds another version of it.
    """

    name = "model-registry"
    kserve = NO_RELEASE
    placeless = "model-registry://"
    #: The content is in S3, which signs requests.
    unsigned_kind: ClassVar[AccessKind] = "anonymous"
    behind = S3
    servers: ClassVar[Mapping[Mode, type[Server]]] = dict.fromkeys(get_args(Mode), ModelRegistryServer)

    @property
    def host(self) -> str:
        """The registry's `HOST:PORT`, for MODEL_REGISTRY_BASE_URL and for the first segment of a URI."""
        return f"{self.case}.{DOMAIN}:{PORT}"

    def put(self, tree: Tree, version: str = VERSION) -> None:
        content: dict[str, bytes] = {}
        models = set()
        for path, data in tree.items():
            model, _, inner = path.partition("/")
            if not inner:
                raise NotOffered(f"model-registry: {path!r} is in no model; the first segment of a path must name one")
            content[f"{model}/{version}/{inner}"] = data
            models.add(model)
        self.content.put(content)
        for model in sorted(models):
            if not self._rows("artifacts", parent=self.add_version(model, version)):
                self.add_artifact(self.content.uri(f"{model}/{version}"), model, version)

    def uri(self, path: str = "") -> str:
        model, *version = path.split("/")
        if not model or len(version) > 1:
            raise NotOffered(f"model-registry: {path!r} is neither a model nor a version, and only they have a URI")
        return f"model-registry://{path}"

    def uri_with_host(self, path: str) -> str:
        """The same URI with the registry's host in it."""
        return f"model-registry://{self.host}/{path}"

    def add_model(self, name: str) -> str:
        """Register a model if it is missing. Returns its ID."""
        return self._add("registered_models", name=name, parent="0", state="LIVE")

    def add_version(self, model: str, version: str) -> str:
        """Register a version, and its model, if missing. Returns its ID. Later registrations are newer."""
        parent = self.add_model(model)
        return self._add("model_versions", name=version, parent=parent, registeredModelId=parent, state="LIVE")

    def add_artifact(
        self,
        uri: str | None,
        model: str = "model",
        version: str = VERSION,
        *,
        name: str = "content",
        kind: ArtifactType = "model-artifact",
    ) -> None:
        """Add an artifact to a version. Creates the model and the version if they are missing."""
        place = {} if uri is None else {"uri": uri}
        parent = self.add_version(model, version)
        self._add("artifacts", name=name, parent=parent, artifactType=kind, state="LIVE", **place)

    def put_archive(self, name: str, content: bytes) -> str:
        """The artifact is on the registry's web server: clients of S3 leave archives packed."""
        self.add_artifact(self.serve(name, content), name=name)
        return self.uri("model")

    def serve(self, path: str, content: bytes) -> str:
        """Put a file on the registry's web server. Returns its URL."""
        self._write(self.partition.folder, {path: content})
        return f"https://{self.case}.{DOMAIN}/artifacts/{quote(path)}"

    def fail(self, status: HTTPStatus) -> None:
        """Make the registry answer every further request with `status`."""
        self.partition.note(status=status)

    def access(self, kind: AccessKind = "valid") -> Access:
        """The registry is public. Only the content is private, so these are credentials for the content."""
        behind = self.content.access(kind)
        registry = {"MODEL_REGISTRY_BASE_URL": self.host, "MODEL_REGISTRY_SCHEME": "http"}
        # Set as by an annotation on the Secret: Go's S3 client puts the bucket into the host name by default.
        settings = {**self.gateway.environment(), "S3_USER_VIRTUAL_BUCKET": "false", **behind.environment, **registry}
        return Access(settings, {**self.gateway.mounts, **behind.mounts}, behind.secrets)

    def missing(self) -> str:
        return self.uri("not-there")

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:
        return self.uri("model"), self.access().plus(MODEL_REGISTRY_BASE_URL=address)

    def in_namespace(self) -> Access:
        """Access with which `?namespace=CASE` leads to this registry. The default registry does not exist."""
        cluster = {"MODEL_REGISTRY_SERVICE_NAME": SERVICE, "MODEL_REGISTRY_CLUSTER_DOMAIN": DOMAIN}
        return self.access().plus(MODEL_REGISTRY_BASE_URL=f"nobody.{DOMAIN}:{PORT}", **cluster)

    def _rows(self, table: str, **wanted: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.partition.facts().get(table, [])
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    def _add(self, table: str, *, name: str, parent: str, **fields: str) -> str:
        if known := self._rows(table, name=name, parent=parent):
            return str(known[0]["id"])
        rows = self._rows(table)
        key = str(len(rows) + 1)
        born = str(EPOCH_MS + 1000 * len(rows))
        row = {"id": key, "name": name, "parent": parent, "createTimeSinceEpoch": born, **fields}
        self.partition.note(**{table: [*rows, {**row, "lastUpdateTimeSinceEpoch": born}]})
        return key
