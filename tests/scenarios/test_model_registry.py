"""The stand-in of the model registry, read by the registry's official Python client, and the store before it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.harness.run_options import Options, supported
from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers.base import Endpoint
from scenarios.servers.fleet import Fleet
from scenarios.servers.identity_services import IdentityServices
from scenarios.servers.minio import MinIO
from scenarios.servers.model_registry import ModelRegistryServer
from scenarios.stores import STORES
from scenarios.stores.base import Access, AccessKind, Store, Tree
from scenarios.stores.model_registry import ModelRegistry

# The official client; the untyped way, because its own types differ from release to release.
mr_openapi: Any = pytest.importorskip("mr_openapi", reason="the model-registry package is missing")


class Shelf(Store):
    """A store behind the registry that keeps what it is given."""

    name = "shelf"

    def __init__(self, endpoint: Endpoint | None, gateway: Gateway, case: str, scratch: Path) -> None:
        super().__init__(endpoint, gateway, case, scratch)
        self.held: dict[str, bytes] = {}

    def put(self, tree: Tree) -> None:
        self.held |= tree

    def uri(self, path: str = "") -> str:
        return f"shelf://{self.case}/{path}"

    def access(self, kind: AccessKind = "valid") -> Access:
        return Access({"SHELF_KEY": kind}, secrets=("shelf-secret",))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    running = Fleet.start([ModelRegistryServer], tmp_path_factory.mktemp("servers") / "fleet")
    yield running
    running.stop()


@pytest.fixture
def store(fleet: Fleet, tmp_path: Path) -> ModelRegistry:
    case = f"case-{abs(hash(tmp_path))}"
    made = ModelRegistry(fleet.endpoints[ModelRegistryServer.name], fleet.gateway, case, tmp_path)
    made.content = Shelf(None, fleet.gateway, case, tmp_path)
    return made


def ask(store: ModelRegistry, question: Callable[[Any], Awaitable[Any]], *, host: str = "", api: str = "v1") -> Any:  # noqa: ANN401 -- the client's classes
    """What the official client understands, asking through the gateway as an initializer does."""

    class Client(mr_openapi.ApiClient):  # type: ignore[misc]
        def param_serialize(self, method: str, resource_path: str, *rest: Any, **named: Any) -> Any:  # noqa: ANN401
            return super().param_serialize(method, resource_path.replace("/v1/", f"/{api}/"), *rest, **named)

    async def asking() -> object:
        settings = mr_openapi.Configuration(host=f"http://{host or store.host}")
        settings.proxy = store.gateway.proxy_url
        async with Client(settings) as client:
            return await question(mr_openapi.ModelRegistryServiceApi(client))

    return asyncio.run(asking())


@pytest.mark.parametrize("api", ["v1alpha3", "v1"])
def test_a_model_is_resolved_to_its_artifact(store: ModelRegistry, api: str) -> None:
    store.put({"model/a.bin": b"a"})
    model = ask(store, lambda of: of.find_registered_model(name="model"), api=api)
    version = ask(store, lambda of: of.find_model_version(name="v1", parent_resource_id=model.id), api=api)
    artifacts = ask(store, lambda of: of.get_model_version_artifacts(version.id), api=api)
    assert (model.name, version.name, version.registered_model_id) == ("model", "v1", model.id)
    (artifact,) = (item.actual_instance for item in artifacts.items)
    assert (artifact.artifact_type, artifact.uri) == ("model-artifact", f"shelf://{store.case}/model/v1")


def test_kinds_of_artifacts_are_told_apart(store: ModelRegistry) -> None:
    store.add_artifact("shelf://x")
    store.add_artifact("https://docs.example/card.md", name="card", kind="doc-artifact")
    artifacts = ask(store, lambda api: api.get_model_version_artifacts("1", order_by="CREATE_TIME", sort_order="DESC"))
    assert [type(item.actual_instance).__name__ for item in artifacts.items] == ["DocArtifact", "ModelArtifact"]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["v9", "v10", "v1"]),
        ({"sort_order": "DESC"}, ["v1", "v10", "v9"]),
        ({"order_by": "CREATE_TIME", "sort_order": "DESC"}, ["v1", "v10", "v9"]),
        ({"order_by": "ID", "page_size": "2"}, ["v9", "v10"]),
    ],
    ids=["default", "descending", "by-time", "page"],
)
def test_versions_come_in_the_order_asked_for(store: ModelRegistry, asked: dict[str, str], names: list[str]) -> None:
    for name in ("v9", "v10", "v1"):
        store.add_version("model", name)
    listed = ask(store, lambda api: api.get_registered_model_versions("1", **asked))
    assert [version.name for version in listed.items] == names
    assert listed.size == len(names)


async def _models(api: Any, asked: dict[str, str | None]) -> Any:  # noqa: ANN401
    return await api.get_registered_models(**asked)


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_pages_follow_each_other(store: ModelRegistry, order: str) -> None:
    every = [f"model-{number}" for number in range(5)]
    for name in every:
        store.add_model(name)
    asked = {"page_size": "2", "sort_order": order, "order_by": "CREATE_TIME"}
    seen: list[str] = []
    token = None
    while token != "":
        page = ask(store, functools.partial(_models, asked={**asked, "next_page_token": token}))
        seen += [model.name for model in page.items]
        token = page.next_page_token
    assert seen == (every if order == "ASC" else every[::-1])


def test_rows_are_found_by_their_id(store: ModelRegistry) -> None:
    version = store.add_version("model", "v1")
    found = ask(store, lambda api: api.get_model_version(version))
    assert (found.name, ask(store, lambda api: api.get_registered_model(found.registered_model_id)).name) == (
        "v1",
        "model",
    )
    with pytest.raises(mr_openapi.exceptions.NotFoundException):
        ask(store, lambda api: api.get_model_version("99"))


def test_a_filter_is_followed_or_refused(store: ModelRegistry) -> None:
    """One that was ignored would deliver another model."""
    for name in ("v1", "v2"):
        store.add_version("model", name)
    listed = ask(store, lambda api: api.get_model_versions(filter_query="name = 'v2' AND state='LIVE'"))
    assert [version.name for version in listed.items] == ["v2"]
    with pytest.raises(mr_openapi.exceptions.BadRequestException):
        ask(store, lambda api: api.get_model_versions(filter_query="name LIKE 'v%'"))


def test_nothing_is_written(store: ModelRegistry) -> None:
    with pytest.raises(mr_openapi.exceptions.ApiException, match="405"):
        ask(store, lambda api: api.create_registered_model(mr_openapi.RegisteredModelCreate(name="model")))


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (lambda api: api.find_registered_model(name="missing"), "no registered models found for name=missing"),
        (lambda api: api.find_model_version(name="missing", parent_resource_id="1"), "no model versions found"),
    ],
    ids=["model", "version"],
)
def test_what_is_not_registered_is_not_found(
    store: ModelRegistry, question: Callable[[Any], Awaitable[Any]], words: str
) -> None:
    store.add_model("model")
    with pytest.raises(mr_openapi.exceptions.NotFoundException, match=words):
        ask(store, question)


def test_cases_are_registries_of_their_own(store: ModelRegistry, fleet: Fleet, tmp_path: Path) -> None:
    other = ModelRegistry(store.endpoint, fleet.gateway, f"{store.case}-b", tmp_path)
    store.add_model("model")
    assert ask(other, lambda api: api.get_registered_models()).items == []
    assert [request.status for request in other.requests()] == [200]


def test_a_forced_status_answers_everything(store: ModelRegistry) -> None:
    store.add_model("model")
    store.fail(HTTPStatus.SERVICE_UNAVAILABLE)
    with pytest.raises(mr_openapi.exceptions.ServiceException):
        ask(store, lambda api: api.get_registered_models())


def test_a_registry_answers_as_the_service_of_a_namespace(store: ModelRegistry) -> None:
    store.add_model("model")
    told = store.in_namespace().environment
    host = f"{told['MODEL_REGISTRY_SERVICE_NAME']}.{store.case}.{told['MODEL_REGISTRY_CLUSTER_DOMAIN']}:8080"
    listed = ask(store, lambda api: api.get_registered_models(), host=host)
    assert [model.name for model in listed.items] == ["model"]


def test_versions_of_a_model_lie_apart(store: ModelRegistry) -> None:
    store.put({"model/a.bin": b"old"})
    store.put({"model/b.bin": b"more"})
    store.put({"model/a.bin": b"new"}, "v2")
    assert cast("Shelf", store.content).held == {
        "model/v1/a.bin": b"old",
        "model/v1/b.bin": b"more",
        "model/v2/a.bin": b"new",
    }
    assert len(ask(store, lambda api: api.get_model_version_artifacts("1")).items) == 1


@pytest.mark.parametrize("path", ["", "model/v1/a.bin"], ids=["root", "deeper"])
def test_only_models_and_versions_have_a_uri(store: ModelRegistry, path: str) -> None:
    with pytest.raises(NotOffered):
        store.uri(path)
    assert store.uri("model/v1") == "model-registry://model/v1"


def test_a_file_beside_models_is_not_offered(store: ModelRegistry) -> None:
    with pytest.raises(NotOffered):
        store.put({"model.txt": b""})


def test_access_is_the_registry_and_the_contents_credentials(store: ModelRegistry) -> None:
    access = store.access("denied")
    assert access.environment["MODEL_REGISTRY_BASE_URL"] == store.host
    assert access.environment["SHELF_KEY"] == "denied"
    assert access.secrets == ("shelf-secret",)


def test_it_needs_the_server_of_its_content() -> None:
    assert ModelRegistry.needed("native", identities=True) == [ModelRegistryServer, MinIO, IdentityServices]


@pytest.mark.parametrize(("initializer", "judged"), [("kserve", False), ("mr-storage-initializer", True)])
def test_only_custom_containers_are_judged_by_it(initializer: str, judged: bool) -> None:
    options = cast("Options", SimpleNamespace(initializer=SimpleNamespace(name=initializer), kserve="0.21.0"))
    assert supported("model-registry", options) is judged
    assert supported("s3", options)
    assert STORES["model-registry"] is ModelRegistry
