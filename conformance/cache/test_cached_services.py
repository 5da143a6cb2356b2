"""Local model cache: which InferenceServices KServe's webhook marks as users of a cached model."""

from __future__ import annotations

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.exceptions import RuleViolation
from scenarios.cluster import kubernetes
from scenarios.cluster.admission import Answer
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import GROUP, INTERNAL, Object
from scenarios.cluster.model_caches import ModelCaches

LABEL = f"{INTERNAL}/localmodel"
SOURCE_OF, CLAIM_OF = f"{INTERNAL}/localmodel-sourceuri", f"{INTERNAL}/localmodel-pvc-name"
GROUP_ANNOTATION, DECLINE = f"{GROUP}/nodegroup", f"{GROUP}/disable-localmodel"


class _Cached:
    """A cached model on two node groups. Its services are only dry runs."""

    def __init__(self, admission: Admission, caches: ModelCaches) -> None:
        self.admission = admission
        self.source = f"s3://bucket/{admission.name('model')}"
        self.name = caches.cache(self.source, ["near", "far"])
        admission.api.until(lambda: bool(_marks(admission.api.answer(self._service(self.source)))))

    def marks(self, uri: str, **annotations: str) -> dict[str, str]:
        """Return the labels and annotations of the cache that a service of `uri` gets."""
        answer = self.admission.api.submit(self._service(uri, **annotations))
        if answer.stored is None:
            raise RuleViolation(f"the API server refused the InferenceService: {answer.refusal}")
        return _marks(answer)

    def expected(self, group: str) -> dict[str, str]:
        return {LABEL: self.name, SOURCE_OF: self.source, CLAIM_OF: f"{self.name}-{group}"}

    def _service(self, uri: str, **annotations: str) -> Object:
        name = self.admission.name("service")
        service = kubernetes.inference_service(name, "conformance", {"storageUri": uri}, {})
        service["metadata"]["annotations"].update(annotations)
        service["metadata"]["namespace"] = self.admission.api.ordinary
        return service


def _marks(answer: Answer) -> dict[str, str]:
    metadata = (answer.stored or {}).get("metadata") or {}
    found = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    return {key: value for key, value in found.items() if key.startswith(f"{INTERNAL}/localmodel")}


@pytest.fixture
def cached(admission: Admission, model_caches: ModelCaches) -> _Cached:
    """Return a cached model."""
    return _Cached(admission, model_caches)


@rule("CACHE-005")
@pytest.mark.parametrize("below", ["", "/v1", "/v1/onnx"], ids=["source", "one-level", "two-levels"])
def test_a_service_of_the_cached_model(cached: _Cached, below: str) -> None:
    """The service has the cache's URI or a path below it."""
    assert cached.marks(f"{cached.source}{below}") == cached.expected("near")


@rule("CACHE-006")
@pytest.mark.parametrize("change", ["longer", "parent", "scheme"])
def test_a_service_of_another_model(cached: _Cached, change: str) -> None:
    """The URI looks like the cached one."""
    others = {
        "longer": f"{cached.source}2",
        "parent": cached.source.rpartition("/")[0],
        "scheme": cached.source.replace("s3://", "gs://"),
    }
    assert cached.marks(others[change]) == {}


@rule("CACHE-007")
@pytest.mark.parametrize("group", ["near", "far", "foreign"])
def test_a_service_on_a_node_group(cached: _Cached, group: str) -> None:
    """The service's nodes have the model, or they have not."""
    expected = {} if group == "foreign" else cached.expected(group)
    assert cached.marks(cached.source, **{GROUP_ANNOTATION: group}) == expected


@rule("CACHE-008")
def test_a_service_that_declines(cached: _Cached) -> None:
    """The user of one service wants a fresh copy."""
    assert cached.marks(cached.source, **{DECLINE: "true"}) == {}


@rule("CACHE-008")
def test_a_cache_that_is_off(cached: _Cached, kserve_config: Configuration) -> None:
    """The operator has the cache off."""
    kserve_config.change(localModel={"enabled": False})
    assert cached.marks(cached.source) == {}
