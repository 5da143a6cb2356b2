"""LLMInferenceServices that differ from the defaults, and that change: settings, own initializers, adapters, bases."""

from __future__ import annotations

import json

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.llm import LLM, URI
from conformance.llm.test_llm_sources import IMAGE
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import INITIALIZER, MODELS, container, storage_container
from scenarios.cluster.llm_inference_services import config

HUB = ("HF_HUB_ENABLE_HF_TRANSFER", "HF_XET_HIGH_PERFORMANCE", "HF_XET_NUM_CONCURRENT_RANGE_GETS")
OWN = "registry.example/own:1"
BASES = [URI, "hf://owner/model", "pvc://claim", f"oci://{IMAGE}"]


def _adapter(name: str, uri: str) -> dict[str, str]:
    return {"name": name, "uri": uri}


def _with_adapters(*adapters: dict[str, str]) -> dict[str, object]:
    return {"lora": {"adapters": list(adapters)}}


@rule("LLM-003")
def test_image_and_resources(llm: LLM) -> None:
    """An administrator sets them for the whole cluster."""
    now = Configuration(llm.api).section("storageInitializer")
    initializer = llm.serve().initializer
    assert initializer.image == now["image"]
    assert initializer.requests == {"cpu": now["cpuRequest"], "memory": now["memoryRequest"]}
    assert initializer.limits == {"cpu": now["cpuLimit"], "memory": now["memoryLimit"]}


@rule("LLM-021")
def test_a_custom_container(llm: LLM, admission: Admission) -> None:
    """A vendor's container is installed for all URIs of a bucket."""
    name, bucket = admission.name("vendor"), f"s3://{llm.api.scheme()}"
    admission.create(storage_container(name, [{"prefix": f"{bucket}/"}], {"image": OWN}))
    service = llm.create(f"{bucket}/model")
    image = llm.template(service).initializer.image
    told = [json.dumps(llm.services.status(service)), *llm.services.events(service)]
    assert image == OWN or any(name in text for text in told), (
        f"KServe {llm.release} runs no custom storage container in LLMInferenceServices, and does not report it: "
        f"ClusterStorageContainer {name} ({OWN}) matches the URI, the initializer is {image}"
    )


@rule("LLM-022")
@pytest.mark.parametrize("field", ["image", "env", "resources"])
def test_an_own_initializer(llm: LLM, field: str) -> None:
    """A large model needs more memory, or a server of the Hub's own."""
    fields = {
        "image": OWN,
        "env": [{"name": HUB[0], "value": "0"}],
        "resources": {"limits": {"memory": "7Gi"}, "requests": {"memory": "6Gi"}},
    }
    own = {"name": INITIALIZER, "args": ["own"], field: fields[field]}
    pod = llm.serve("hf://owner/model", template={"initContainers": [own]})
    assert pod.initializer.args == ["hf://owner/model", MODELS]
    found = {
        "image": pod.initializer.image == OWN,
        "env": pod.initializer.variables.count(HUB[0]) == 1 and pod.initializer.environment[HUB[0]] == "0",
        "resources": (pod.initializer.limits["memory"], pod.initializer.requests["memory"]) == ("7Gi", "6Gi"),
    }
    assert found[field], f"the template's own {field} is not used: {pod.initializer.raw}"


@rule("LLM-023")
def test_a_removed_image(llm: LLM) -> None:
    """A trial of another initializer is over."""
    now = Configuration(llm.api).section("storageInitializer")["image"]
    service = llm.create(template={"initContainers": [{"name": INITIALIZER, "image": OWN}]})
    assert llm.template(service).initializer.image == OWN
    pod = llm.changed(service, "marked", template={"initContainers": None, "containers": [_marked()]})
    assert pod.initializer.image == now


def _marked() -> dict[str, object]:
    return container("main", env={"CONFORMANCE": "marked"})


@rule("LLM-024")
def test_a_new_image_in_the_configmap(llm: LLM, kserve_config: Configuration) -> None:
    """An upgrade of KServe does not restart every model server."""
    before = kserve_config.section("storageInitializer")["image"]
    service = llm.create()
    assert llm.template(service).initializer.image == before
    kserve_config.change(storageInitializer={"image": OWN})
    assert llm.template(llm.create(), contains=OWN).initializer.image == OWN
    assert llm.changed(service, "marked", template={"containers": [_marked()]}).initializer.image == before


@rule("LLM-025")
def test_a_changed_uri(llm: LLM) -> None:
    """A new version of the model is in another folder."""
    service = llm.create()
    first = llm.template(service)
    second = llm.changed(service, "s3://bucket/next", model={"uri": "s3://bucket/next"})
    assert second.initializer.args == ["s3://bucket/next", MODELS]
    assert second.init_names == first.init_names
    assert second.volumes == first.volumes
    mounts = [one["mountPath"] for one in second.model_server.raw["volumeMounts"]]
    assert mounts.count(MODELS) == 1


@rule("LLM-026")
@pytest.mark.parametrize("uri", [URI, "hf://owner/model"], ids=["s3", "hf"])
def test_variables_of_the_hub(llm: LLM, uri: str) -> None:
    """They make downloads from the Hub several times faster."""
    found = {name for name in llm.serve(uri).initializer.variables if name.startswith("HF_")}
    assert found == (set(HUB) if uri.startswith("hf://") else set())


@rule("LLM-030")
@pytest.mark.parametrize("adapters", [False, True], ids=["alone", "adapters"])
def test_a_confidential_model(llm: LLM, *, adapters: bool) -> None:
    """The initializer fetches the key from a key broker, and decrypts the model."""
    confidential = {"confidential": {"enabled": True, "resourceId": "kbs:///default/key/1"}}
    beside = _with_adapters(_adapter("one", "s3://bucket/one")) if adapters else {}
    found = llm.serve(model={**confidential, **beside}).initializer.environment
    assert found["CONFIDENTIAL_ENABLED"] == "true"
    assert found["CONFIDENTIAL_RESOURCE_ID"] == "kbs:///default/key/1"


@rule("LLM-031")
@pytest.mark.parametrize("base", BASES, ids=lambda uri: uri.partition(":")[0])
def test_adapters(llm: LLM, base: str) -> None:
    """Two adapters of a base model are in two stores."""
    adapters = [_adapter("b-two", "hf://owner/two"), _adapter("a-one", "s3://bucket/one")]
    pod = llm.serve(base, model=_with_adapters(*adapters))
    args, downloaded = pod.initializer.args, base.startswith(("s3", "hf"))
    paths = dict(zip(args[::2], args[1::2], strict=True))
    assert list(paths) == [*([base] if downloaded else []), "s3://bucket/one", "hf://owner/two"]
    assert not downloaded or paths[base] == MODELS
    shared = [path for path, mount in pod.initializer.mounts.items() if "emptyDir" in pod.volumes[mount.volume]]
    for destination in paths.values():
        [mounted] = [path for path in shared if destination == path or destination.startswith(f"{path}/")]
        seen = pod.model_server.mounts[mounted]
        assert (seen.volume, seen.sub_path) == (pod.initializer.mounts[mounted].volume, "")


@rule("LLM-031")
def test_an_adapter_on_a_claim(llm: LLM) -> None:
    """The adapter is mounted where the model server looks for it."""
    pod = llm.serve(model=_with_adapters(_adapter("one", "pvc://claim/adapters/one")))
    [mount] = [one for one in pod.model_server.mounts.values() if "persistentVolumeClaim" in pod.volumes[one.volume]]
    assert (mount.sub_path, mount.read_only) == ("adapters/one", True)
    assert any(mount.path in argument for argument in pod.model_server.args)


@rule("LLM-032")
def test_an_adapter_in_an_image(llm: LLM) -> None:
    """A pod can have one modelcar."""
    llm.assert_words(llm.refusal(model=_with_adapters(_adapter("one", f"oci://{IMAGE}"))), "one", "oci://")


@rule("LLM-035")
def test_the_last_base_wins(llm: LLM, admission: Admission) -> None:
    """A platform team publishes models, and an application chooses one."""
    names = [admission.name(f"base{number}") for number in (1, 2)]
    bases = [{"model": {"uri": f"s3://bucket/{name}", "name": "model"}, "replicas": 0} for name in names]
    admission.create(*[config(name, llm.release, base) for name, base in zip(names, bases, strict=True)])
    pod = llm.serve(None, baseRefs=[{"name": name} for name in names])
    assert pod.initializer.args == [f"s3://bucket/{names[1]}", MODELS]
    own = llm.serve("s3://bucket/own", baseRefs=[{"name": name} for name in names])
    assert own.initializer.args == ["s3://bucket/own", MODELS]


@rule("LLM-035")
def test_a_base_without_an_initializer(llm: LLM, admission: Admission) -> None:
    """The platform's model server fetches models itself, and one application does not want that."""
    name = admission.name("base")
    admission.create(config(name, llm.release, {"storageInitializer": {"enabled": False}}))
    assert llm.serve(baseRefs=[{"name": name}]).init_names == []
    own = llm.serve(baseRefs=[{"name": name}], storageInitializer={"enabled": True})
    assert own.init_names == [INITIALIZER]


@rule("LLM-036")
def test_a_missing_base(llm: LLM, admission: Admission) -> None:
    """The service was created before its base."""
    name = admission.name("late")
    service = llm.create(baseRefs=[{"name": name}])
    llm.assert_words(llm.refused(service), name)
    admission.create(config(name, llm.release, {"model": {"uri": URI, "name": "model"}}))
    assert llm.template(service, contains=INITIALIZER).initializer.args == [URI, MODELS]
