"""Local model cache: models that the initializer under test really downloads, services that read them, and the end."""

from __future__ import annotations

import pytest

from conformance import rule
from conformance.api.exceptions import RuleViolation
from scenarios.cluster.inference_services import InferenceServices, Served
from scenarios.cluster.model_caches import ModelCaches
from scenarios.content.models import MODEL, under
from scenarios.initializers.base import DEST
from scenarios.stores.base import Store


@pytest.fixture
def model(store: Store) -> str:
    """Return the URI of a model in the test's S3 bucket."""
    store.put(under("model", MODEL))
    return store.uri("model")


def _tree(served: Served) -> dict[str, bytes]:
    """Return the files that the model server sees. Raises RuleViolation when it never started."""
    if served.inspection is None:
        raise RuleViolation(served.stuck or "the model server never started")
    found = served.inspection.trees[DEST]
    return {path: entry.content for path, entry in found.items() if entry.content is not None}


def _cached(store: Store, services: InferenceServices, caches: ModelCaches, uri: str) -> str:
    """Cache the model with the initializer under test. Returns the cache's name when the download has ended."""
    services.job_container(uri, store.access())
    return caches.cache(uri)


def _ended(caches: ModelCaches, cache: str, state: str) -> None:
    """Assert that the download has ended in this state on every node."""
    states = caches.states(cache)
    if set(states.values()) != {state}:
        raise RuleViolation(f"the cache reports {states or 'no node'}, not {state}\n{caches.why(cache)}")


def _read(store: Store, services: InferenceServices, caches: ModelCaches, model: str) -> tuple[str, Served]:
    """Cache the model, and run a service that reads it. Returns the cache's name, and the service's outcome."""
    cache = _cached(store, services, caches, model)
    _ended(caches, cache, "NodeDownloaded")
    served = services.serve(model)
    assert _tree(served) == MODEL
    return cache, served


@rule("CACHE-020")
def test_a_cached_model_is_read(
    store: Store, services: InferenceServices, model_caches: ModelCaches, model: str
) -> None:
    """The initializer under test downloads the model once, and a service reads it without a download."""
    _, served = _read(store, services, model_caches, model)
    assert not served.injected, "the pod downloads the model again"


@rule("CACHE-021")
def test_a_source_that_is_gone(store: Store, services: InferenceServices, model_caches: ModelCaches) -> None:
    """The bucket exists, but not the model."""
    store.put({"other/x.bin": b"x"})
    _ended(model_caches, _cached(store, services, model_caches, store.uri("model")), "NodeDownloadError")


@rule("CACHE-022")
@pytest.mark.parametrize("when", ["downloaded", "downloading"])
def test_a_deleted_cache(
    store: Store, services: InferenceServices, model_caches: ModelCaches, model: str, when: str
) -> None:
    """The operator deletes a cache."""
    cache = _cached(store, services, model_caches, model)
    model_caches.job(cache)
    if when == "downloaded":
        _ended(model_caches, cache, "NodeDownloaded")
    _gone(model_caches, cache, model)


@rule("CACHE-023")
def test_a_cache_after_its_service(
    store: Store, services: InferenceServices, model_caches: ModelCaches, model: str
) -> None:
    """A service read the cache, and is deleted first."""
    cache, served = _read(store, services, model_caches, model)
    services.end(served)
    _gone(model_caches, cache, model, served.namespace)


@rule("CACHE-024")
def test_a_cache_after_its_node_group(model_caches: ModelCaches) -> None:
    """The operator removes the node group before the cache."""
    uri = f"s3://bucket/{model_caches.api.name('model')}"
    group = model_caches.own_group()
    cache = model_caches.cache(uri, [group])
    model_caches.await_claim(cache)
    model_caches.delete_group(group)
    _gone(model_caches, cache, uri)


def _gone(caches: ModelCaches, cache: str, uri: str, *namespaces: str) -> None:
    """Delete the cache and assert that nothing is left of it."""
    refusal = caches.delete_when_unused(cache)
    assert not refusal, f"the deletion is refused: {refusal}"
    if left := caches.left(cache, uri, namespaces):
        raise RuleViolation("the deleted cache left: " + ", ".join(left))
