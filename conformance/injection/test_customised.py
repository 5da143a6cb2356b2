"""Settings of the default initializer: what KServe's ConfigMap changes in new pods, and which errors block new pods."""

from __future__ import annotations

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.pod import Container
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import STORAGE_CONTAINER, Object, secret, service_account, storage_container

MOUNT = "/etc/ssl/custom-certs"
QUANTITIES = ("memoryRequest", "memoryLimit", "cpuRequest", "cpuLimit")


def _initializer(admission: Admission, **pod: object) -> Container:
    """Return the initializer for a URI that no storage container matches: only KServe's ConfigMap applies."""
    return admission.inject(f"{admission.scheme()}://model", **pod).initializer


@rule("CFG-001")
@pytest.mark.parametrize(
    "image",
    ["registry.example:5000/team/initializer:v9", f"registry.example/initializer@sha256:{'0123abcd' * 8}"],
    ids=["tag", "digest"],
)
def test_the_image_of_the_configmap(admission: Admission, kserve_config: Configuration, image: str) -> None:
    """The ConfigMap names a mirror or a custom build."""
    kserve_config.change(storageInitializer={"image": image})
    assert _initializer(admission).image == image


@rule("CFG-002")
def test_the_default_image(admission: Admission, kserve_config: Configuration) -> None:
    """The image setting is empty."""
    kserve_config.change(storageInitializer={"image": ""})
    assert _initializer(admission).image == "kserve/storage-initializer:latest"


@rule("CFG-003")
def test_requests_and_limits(admission: Admission, kserve_config: Configuration) -> None:
    """A large model needs more than the defaults."""
    settings = {"memoryRequest": "300Mi", "memoryLimit": "9Gi", "cpuRequest": "250m", "cpuLimit": "3"}
    kserve_config.change(storageInitializer=settings)
    initializer = _initializer(admission)
    assert initializer.requests == {"memory": "300Mi", "cpu": "250m"}
    assert initializer.limits == {"memory": "9Gi", "cpu": "3"}


@rule("CFG-004")
def test_the_former_image(admission: Admission, kserve_config: Configuration) -> None:
    """The operator rolls back to the former image."""
    former = _initializer(admission).image
    kserve_config.change(storageInitializer={"image": "registry.example/broken:1"})
    assert _initializer(admission).image == "registry.example/broken:1"
    kserve_config.restore()
    assert _initializer(admission).image == former


@rule("CFG-005")
@pytest.mark.parametrize("key", QUANTITIES)
@pytest.mark.parametrize("value", ["much", "", None], ids=["word", "empty", "missing"])
def test_a_quantity_that_cannot_be_read(
    admission: Admission, kserve_config: Configuration, key: str, value: str | None
) -> None:
    """The administrator made a typo and looks for it in the events of pods that do not start."""
    kserve_config.change(storageInitializer={key: value})
    admission.assert_words(admission.refusal(f"{admission.scheme()}://model"), "storageInitializer", key=key)


@rule("CFG-006")
@pytest.mark.parametrize("section", ["storageInitializer", "credentials"])
def test_a_configmap_that_is_no_json(admission: Admission, kserve_config: Configuration, section: str) -> None:
    """The JSON has a trailing comma."""
    kserve_config.write(**{section: '{"image": "x",}'})
    refusal = admission.refusal(f"{admission.scheme()}://model")
    assert section.rstrip("s") in refusal, f"the refusal does not name the section {section}: {refusal}"


@rule("CFG-007")
def test_a_configmap_of_an_older_release(admission: Admission, kserve_config: Configuration) -> None:
    """An upgrade did not update the ConfigMap: it has only the keys of 0.7."""
    now = kserve_config.section("storageInitializer")
    kserve_config.change(storageInitializer={key: None for key in now if key not in {"image", *QUANTITIES}})
    assert _initializer(admission).image == now["image"]


@rule("CFG-008")
def test_without_the_configmap(admission: Admission, kserve_config: Configuration) -> None:
    """The ConfigMap was deleted by mistake."""
    kserve_config.remove()
    assert "inferenceservice-config" in admission.refusal(f"{admission.scheme()}://model")


@rule("CFG-009")
def test_the_storage_container_wins(admission: Admission, kserve_config: Configuration) -> None:
    """The storage container overrides the ConfigMap, which surprises users who change only the ConfigMap."""
    default = admission.api.client.get(STORAGE_CONTAINER, "default")["spec"]["container"]
    kserve_config.switch("default", disabled=False)
    kserve_config.change(storageInitializer={"image": "registry.example/mine:1"})
    assert _initializer(admission).image == "registry.example/mine:1"
    assert admission.inject("s3://bucket/model").initializer.image == default["image"]


def _has_bundle(admission: Admission, name: str, path: str, **pod: object) -> bool:
    made = admission.inject(f"{admission.scheme()}://model", **pod)
    mount = made.initializer.mounts[path]
    volume = made.volumes[mount.volume]["configMap"]["name"]
    told = {"CA_BUNDLE_CONFIGMAP_NAME": name, "CA_BUNDLE_VOLUME_MOUNT_POINT": path}
    return volume == name and mount.read_only and told.items() <= made.initializer.environment.items()


@rule("CFG-010")
def test_the_ca_bundle_of_the_cluster(admission: Admission, kserve_config: Configuration) -> None:
    """KServe copies the bundle into each namespace, under a name of its own."""
    kserve_config.change(storageInitializer={"caBundleConfigMapName": "our-authorities"})
    assert _has_bundle(admission, "global-ca-bundle", MOUNT)


@rule("CFG-010")
def test_the_ca_bundle_in_kserves_own_namespace(admission: Admission, kserve_config: Configuration) -> None:
    """In KServe's own namespace, the bundle keeps its configured name. If the webhook skips it, no pod has a bundle."""
    own = admission.api.system
    if not admission.serves(own):
        assert admission.inject(namespace=own).init_names == []
        return
    kserve_config.change(storageInitializer={"caBundleConfigMapName": "our-authorities"})
    assert _has_bundle(admission, "our-authorities", MOUNT, namespace=own)


@rule("CFG-011")
def test_the_place_of_the_ca_bundle(admission: Admission, kserve_config: Configuration) -> None:
    """The image expects the bundle at another path."""
    kserve_config.change(
        storageInitializer={"caBundleConfigMapName": "our-authorities", "caBundleVolumeMountPath": "/etc/own"}
    )
    assert _has_bundle(admission, "global-ca-bundle", "/etc/own")


def _account(admission: Admission, annotations: dict[str, str]) -> str:
    keys, account = admission.name("keys"), admission.name("account")
    data = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
    admission.create(secret(keys, data, {f"serving.kserve.io/{key}": value for key, value in annotations.items()}))
    admission.create(service_account(account, [keys]))
    return account


@rule("CFG-012")
@pytest.mark.parametrize("path", [None, "/etc/own/cabundle.crt"], ids=["default-path", "own-path"])
def test_a_secret_with_its_own_ca_bundle(admission: Admission, path: str | None) -> None:
    """One store has a private authority, and the cluster has none."""
    annotations = {"s3-cabundle-configmap": "store-authority", **({"s3-cabundle": path} if path else {})}
    account = _account(admission, annotations)
    assert _has_bundle(admission, "store-authority", "/etc/own" if path else MOUNT, serviceAccountName=account)


@rule("CFG-012")
def test_a_secrets_ca_bundle_wins(admission: Admission, kserve_config: Configuration) -> None:
    """Both the cluster and the Secret have a bundle."""
    kserve_config.change(storageInitializer={"caBundleConfigMapName": "our-authorities"})
    account = _account(admission, {"s3-cabundle-configmap": "store-authority"})
    assert _has_bundle(admission, "store-authority", MOUNT, serviceAccountName=account)


@rule("CFG-013")
def test_no_ca_bundle_for_claims(admission: Admission, kserve_config: Configuration) -> None:
    """A claim needs no download."""
    kserve_config.change(storageInitializer={"caBundleConfigMapName": "our-authorities"})
    pod = admission.inject("pvc://claim/model")
    assert not any("configMap" in source for source in pod.volumes.values())


@rule("CFG-014")
def test_the_image_fits_the_controller(admission: Admission) -> None:
    """The image matches the installed release. A newer controller passes arguments that an older image lacks."""
    configured = str(Configuration(admission.api).section("storageInitializer")["image"])
    default = str(admission.api.client.get(STORAGE_CONTAINER, "default")["spec"]["container"]["image"])
    assert default == configured
    assert configured.endswith(f":v{admission.release}"), f"the controller of {admission.release} injects {configured}"


@rule("CFG-015")
def test_a_storage_container_with_its_own_bundle(admission: Admission, kserve_config: Configuration) -> None:
    """The vendor's container expects the bundle at another path."""
    name = "CA_BUNDLE_VOLUME_MOUNT_POINT"
    kserve_config.change(storageInitializer={"caBundleConfigMapName": "our-authorities"})
    admission.create(_with_variable(admission, name))
    initializer = _initializer(admission)
    assert initializer.variables.count(name) == 1
    assert initializer.environment[name] == "/own"


@rule("CFG-016")
def test_an_image_given_to_the_chart(admission: Admission, kserve_config: Configuration) -> None:
    """The operator runs `helm upgrade` with a custom image."""
    kserve_config.take_from_chart(admission.release, image="registry.example/team/initializer", tag="v9")
    assert _initializer(admission).image == "registry.example/team/initializer:v9"


@rule("CFG-017")
def test_a_ca_bundle_given_to_the_chart(admission: Admission, kserve_config: Configuration) -> None:
    """The company's MinIO has a private authority, and Helm installed everything."""
    bundle = {"caBundleConfigMapName": "our-authorities", "caBundleVolumeMountPath": "/etc/own"}
    kserve_config.take_from_chart(admission.release, **bundle)
    assert _has_bundle(admission, "global-ca-bundle", "/etc/own")


@rule("CFG-018")
def test_limits_given_to_the_chart(admission: Admission, kserve_config: Configuration) -> None:
    """The model is large, and Helm installed everything."""
    asked = {"requests": {"memory": "300Mi", "cpu": "250m"}, "limits": {"memory": "9Gi", "cpu": "3"}}
    kserve_config.take_from_chart(admission.release, resources=asked)
    initializer = _initializer(admission)
    assert initializer.requests == asked["requests"]
    assert initializer.limits == asked["limits"]


def _with_variable(admission: Admission, name: str) -> Object:
    declared = {"env": [{"name": name, "value": "/own"}]}
    return storage_container(admission.name("csc"), [{"prefix": f"{admission.scheme()}://"}], declared)
