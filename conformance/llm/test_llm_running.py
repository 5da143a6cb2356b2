"""A pod of an LLMInferenceService that runs, with the inspector as its model server."""

from __future__ import annotations

from conformance import rule
from conformance.api.llm import LLM
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.inference_services import InferenceServices
from scenarios.content.models import MODEL, under
from scenarios.stores.base import Store


@rule("LLM-038")
def test_the_model_arrives(store: Store, llm: LLM, services: InferenceServices, kserve_config: Configuration) -> None:
    """The ConfigMap is the only way to run another initializer here."""
    store.put(under("model", MODEL))
    kserve_config.change(storageInitializer={"image": services.image})
    account = services.admit(store.access())
    assert llm.run(store.uri("model"), services.inspector, **account) == MODEL
