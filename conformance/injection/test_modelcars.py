"""Models in images: as a sidecar of the model server (modelcar), or as an image volume."""

from __future__ import annotations

import shlex

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.injection.test_injection import TRANSFORMER, WORKER
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import INITIALIZER, MODELS, container
from scenarios.reasons import NotOffered

URI = "oci://registry.example/model:1"
IMAGE = "registry.example/model:1"
NATIVE = "oci+native://registry.example/model:1"
#: Every ConfigMap setting that makes KServe serve images as models.
OFF = {"enableModelcar": False, "ociModelMode": None, "enableOciModelSupport": None}


@pytest.fixture
def modelcars(kserve_config: Configuration) -> Configuration:
    """Enable modelcars in KServe's configuration, because releases before 0.15 disable them."""
    if not kserve_config.section("storageInitializer").get("enableModelcar"):
        try:
            kserve_config.change(storageInitializer={"enableModelcar": True})
        except NotOffered as reason:
            pytest.skip(str(reason))
    return kserve_config


@rule("MODELCAR-001")
@pytest.mark.usefixtures("modelcars")
def test_an_image_runs_beside_the_model_server(admission: Admission) -> None:
    """The model server reads through a link into the modelcar's file system."""
    pod = admission.inject(URI)
    car = pod.container("modelcar")
    assert car.image == IMAGE
    assert INITIALIZER not in pod.init_names
    assert pod.spec["shareProcessNamespace"] is True
    assert pod.model_server.environment["MODEL_INIT_MODE"] == "async"
    assert pod.model_server.mounts["/mnt"].volume == car.mounts["/mnt"].volume
    assert not car.mounts["/mnt"].read_only


@rule("MODELCAR-002")
@pytest.mark.usefixtures("modelcars")
def test_the_link_can_be_made_again(admission: Admission) -> None:
    """A killed modelcar restarts, and the old link still exists."""
    command = admission.inject(URI).container("modelcar").args[-1]
    assert MODELS in command
    assert "ln -sf " in command, f"the second start fails: {command}"


@rule("MODELCAR-003")
@pytest.mark.usefixtures("modelcars")
def test_the_image_is_there_before(admission: Admission) -> None:
    """Pulling a large image takes minutes."""
    first = admission.inject(URI).container("modelcar-init")
    assert first.image == IMAGE
    assert "exit 1" in first.args[-1]
    assert "/models does not exist or is empty" in first.args[-1]


@rule("MODELCAR-004")
@pytest.mark.usefixtures("modelcars")
def test_a_transformer_sees_the_image(admission: Admission) -> None:
    """The predictor and the transformer share one pod."""
    pod = admission.inject(URI, containers=[container(), container(TRANSFORMER)])
    assert pod.container(TRANSFORMER).mounts["/mnt"].volume == pod.model_server.mounts["/mnt"].volume


@rule("MODELCAR-005")
@pytest.mark.usefixtures("modelcars")
def test_a_worker_sees_the_image(admission: Admission) -> None:
    """The model server runs on several nodes, and this pod is a worker."""
    pod = admission.inject(URI, containers=[container(WORKER)])
    assert pod.container(WORKER).mounts["/mnt"].volume == pod.container("modelcar").mounts["/mnt"].volume


@rule("MODELCAR-006")
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"cpuModelcar": "20m", "memoryModelcar": "30Mi"}, ("20m", "30Mi")),
        ({"cpuModelcar": None, "memoryModelcar": None}, ("10m", "15Mi")),
    ],
    ids=["set", "default"],
)
def test_the_modelcars_resources(
    admission: Admission, modelcars: Configuration, settings: dict[str, str], expected: tuple[str, str]
) -> None:
    """The modelcar only sleeps, so it needs few resources."""
    modelcars.change(storageInitializer=settings)
    car = admission.inject(URI).container("modelcar")
    assert car.requests == car.limits == dict(zip(("cpu", "memory"), expected, strict=True))


@rule("MODELCAR-007")
def test_the_modelcars_user(admission: Admission, modelcars: Configuration) -> None:
    """A container can read the other's files only if both run as the same user."""
    modelcars.change(storageInitializer={"uidModelcar": 2020})
    pod = admission.inject(URI)
    assert pod.container("modelcar").security["runAsUser"] == 2020
    assert pod.model_server.security["runAsUser"] == 2020


@rule("MODELCAR-008")
def test_other_security_settings_stay(admission: Admission, modelcars: Configuration) -> None:
    """The model server is hardened, as a restricted namespace requires."""
    modelcars.change(storageInitializer={"uidModelcar": 2020})
    hardened = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
    security = admission.inject(URI, containers=[container(securityContext=hardened)]).model_server.security
    assert security == {**hardened, "runAsUser": 2020}


@rule("MODELCAR-009")
def test_modelcars_switched_off(admission: Admission, kserve_config: Configuration) -> None:
    """Without modelcars, the initializer receives the URI and must judge it."""
    kserve_config.change(storageInitializer=OFF)
    assert admission.inject(URI).initializer.args == [URI, MODELS]


@rule("MODELCAR-010")
@pytest.mark.usefixtures("modelcars")
def test_no_second_modelcar(admission: Admission) -> None:
    """Another webhook changes the pod, so the API server invokes KServe's webhook again."""
    once = admission.inject(URI, containers=[container(), container(TRANSFORMER)])
    assert admission.again(once).spec == once.spec


@rule("MODELCAR-011")
@pytest.mark.usefixtures("modelcars")
def test_an_image_as_a_volume(admission: Admission) -> None:
    """An image volume needs no second container and no shared process namespace."""
    admission.needs_image_volumes()
    pod = admission.inject(NATIVE)
    mount = pod.model_server.mounts[MODELS]
    assert pod.volumes[mount.volume]["image"]["reference"] == IMAGE
    assert (mount.sub_path, mount.read_only) == ("models", True)
    assert pod.init_names == []


@rule("MODELCAR-012")
def test_a_model_never_vanishes(admission: Admission, kserve_config: Configuration) -> None:
    """The URI requests a mode that the cluster disables."""
    admission.needs_image_volumes()
    kserve_config.change(storageInitializer=OFF)
    stored = admission.api.submit(admission.api.pod(NATIVE)).stored
    assert stored is None or IMAGE in str(stored["spec"]), "the API server admitted a pod without a model"


@rule("MODELCAR-013")
def test_an_unknown_mode(admission: Admission, kserve_config: Configuration) -> None:
    """The ConfigMap has a typo."""
    kserve_config.change(storageInitializer={"ociModelMode": "other"})
    admission.assert_words(admission.refusal().replace('\\"', '"'), "ociModelMode")


@rule("MODELCAR-014")
def test_a_path_is_no_command(admission: Admission) -> None:
    """The service's owner chooses the path, but the command runs in a container that may have more rights."""
    path = "/mnt/a;touch pwned/model"
    predictor = {"storageUris": [{"uri": URI, "mountPath": path}]}
    command = admission.serve(predictor=predictor).container("modelcar").args[-1]
    assert path in shlex.split(command.replace("$", "")), f"the shell splits the path: {command}"
