"""Several URIs in one service: each has its own path, as a download, a claim or an image."""

from __future__ import annotations

import re

import pytest

from conformance import rule
from conformance.api.admission import Admission
from conformance.api.pod import InjectedPod
from conformance.injection.test_injection import READONLY
from scenarios.cluster.configuration import Configuration
from scenarios.cluster.kubernetes import MODELS, secret, service_account, storage_container

BASE, ADAPTER = "/mnt/models/base", "/mnt/models/adapter"
IMAGE = "oci://registry.example/model:1"


def _serve(admission: Admission, *entries: tuple[str, str | None], **predictor: object) -> InjectedPod:
    return admission.serve(predictor={"storageUris": _entries(entries), **predictor})


def _entries(entries: tuple[tuple[str, str | None], ...]) -> list[dict[str, str]]:
    return [{"uri": uri, **({"mountPath": path} if path else {})} for uri, path in entries]


def _both(admission: Admission) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return two URIs whose scheme no storage container matches, so that KServe uses its own initializer."""
    return (f"{admission.scheme()}://base", BASE), (f"{admission.scheme()}://adapter", ADAPTER)


@rule("URIS-001")
def test_each_uri_has_its_own_path(admission: Admission) -> None:
    """The service has a base model and its adapter."""
    first, second = _both(admission)
    assert _serve(admission, first, second).initializer.args == [*first, *second]


@rule("URIS-002")
def test_the_paths_share_a_volume(admission: Admission) -> None:
    """KServe mounts the common parent, so that the server finds both."""
    pod = _serve(admission, *_both(admission))
    written, read = pod.initializer.mounts[MODELS], pod.model_server.mounts[MODELS]
    assert pod.volumes[read.volume] == {"emptyDir": {}}
    assert (written.volume, written.read_only, read.read_only) == (read.volume, False, True)
    assert set(pod.initializer.mounts) == {MODELS}


@rule("URIS-003")
def test_one_of_several(admission: Admission) -> None:
    """The list has only one URI, and may get more later."""
    uri = f"{admission.scheme()}://base"
    pod = _serve(admission, (uri, None))
    assert pod.initializer.args == [uri, MODELS]
    assert pod.model_server.mounts[MODELS].read_only


@rule("URIS-004")
def test_a_claim_among_them(admission: Admission) -> None:
    """The base model is on a volume, and the adapter is a download."""
    _, adapter = _both(admission)
    pod = _serve(admission, ("pvc://claim", "/mnt/base"), adapter)
    mount = pod.model_server.mounts["/mnt/base"]
    assert pod.volumes[mount.volume] == {"persistentVolumeClaim": {"claimName": "claim"}}
    assert mount.read_only
    assert pod.initializer.args == [*adapter]


@rule("URIS-005")
def test_a_claims_path(admission: Admission) -> None:
    """`pvc://claim/a/b` is the folder `a/b` of the volume, not its root."""
    pod = _serve(admission, ("pvc://claim/a/b", MODELS))
    assert pod.model_server.mounts[MODELS].sub_path == "a/b"


@rule("URIS-006")
@pytest.mark.parametrize("scheme", ["s3", "gs", "hf"])
def test_the_default_takes_several(admission: Admission, kserve_config: Configuration, scheme: str) -> None:
    """The default configuration accepts several URIs."""
    kserve_config.switch("default", disabled=False)
    entries = ((f"{scheme}://owner/base", BASE), (f"{scheme}://owner/adapter", ADAPTER))
    assert _serve(admission, *entries).initializer.args == [*entries[0], *entries[1]]


@rule("URIS-007")
@pytest.mark.parametrize("declared", [False, True], ids=["not-declared", "declared"])
def test_a_container_that_takes_one_only(admission: Admission, *, declared: bool) -> None:
    """The vendor's container accepts only two arguments."""
    manifest = storage_container(admission.name("csc"), [{"prefix": f"{admission.scheme()}://"}])
    if declared:
        manifest["spec"]["supportsMultiModelDownload"] = False
    admission.create(manifest)
    refusal = admission.service_refusal(predictor={"storageUris": _entries(_both(admission))})
    admission.assert_words(refusal, "multi-model")


@rule("URIS-008")
@pytest.mark.parametrize(
    "entries",
    [
        (("s3://b/m", "/"),),
        (("s3://b/m", "/mnt/models/../etc"),),
        (("s3://b/m", "/mnt/models/a"), ("s3://b/n", "/opt/models/b")),
        (("", "/mnt/models/a"),),
        (("pvc://c/a", "/mnt/a"), ("pvc://d/a", "/mnt/a"), ("s3://b/m", "/mnt/b"), ("s3://b/n", "/mnt/c")),
    ],
    ids=["root", "dots", "no-parent", "empty-uri", "claims-twice"],
)
def test_paths_that_cannot_be(admission: Admission, entries: tuple[tuple[str, str], ...]) -> None:
    """KServe must refuse the service at admission, instead of creating a pod that cannot start."""
    admission.assert_words(admission.service_refusal(predictor={"storageUris": _entries(entries)}), "storage")


@rule("URIS-009")
@pytest.mark.parametrize("kind", ["download", "claim"])
def test_two_for_one_path(admission: Admission, kind: str) -> None:
    """The second model would hide the first or mix with it."""
    scheme = "pvc" if kind == "claim" else admission.scheme()
    entries = ((f"{scheme}://first", BASE), (f"{scheme}://second", BASE))
    refusal = admission.service_refusal(predictor={"storageUris": _entries(entries)})
    assert re.search("unique|duplicate|more than once", refusal, re.I), f"the refusal names another reason: {refusal}"


@rule("URIS-010")
def test_one_form_at_a_time(admission: Admission) -> None:
    """The manifest still has the old field too."""
    refusal = admission.service_refusal("s3://bucket/model", predictor={"storageUris": _entries(_both(admission))})
    admission.assert_words(refusal, "StorageURI")


@rule("URIS-011")
def test_credentials_reach_the_initializer(admission: Admission) -> None:
    """The models are private."""
    keys, account = admission.name("keys"), admission.name("account")
    data = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
    admission.create(secret(keys, data), service_account(account, [keys]))
    pod = _serve(admission, *_both(admission), serviceAccountName=account)
    assert pod.initializer.references == {key: (keys, key) for key in data}


@rule("URIS-012")
def test_the_annotation_governs_all(admission: Admission) -> None:
    """The service has a download and a claim."""
    _, adapter = _both(admission)
    entries = (("pvc://claim", "/mnt/base"), adapter)
    pod = admission.serve(predictor={"storageUris": _entries(entries)}, annotations={READONLY: "false"})
    mounts = {mount.path: mount.read_only for mount in pod.model_server.mounts.values()}
    assert "/mnt/base" in mounts, mounts
    assert not any(mounts.values()), mounts


@rule("URIS-013")
def test_an_image_among_them(admission: Admission) -> None:
    """One of the models is an image."""
    pod = _serve(admission, (IMAGE, "/mnt/image/model"))
    assert "/mnt/image/model" in pod.container("modelcar").args[-1]
    assert pod.container("modelcar").image == IMAGE.removeprefix("oci://")
    assert "/mnt/image" in pod.model_server.mounts


@rule("URIS-014")
def test_beside_an_image(admission: Admission) -> None:
    """The base model is an image, and the adapter is in a bucket."""
    _, adapter = _both(admission)
    pod = _serve(admission, (IMAGE, "/mnt/image/model"), adapter)
    assert pod.initializer.args == [*adapter]
    assert pod.container("modelcar").image == IMAGE.removeprefix("oci://")


@rule("URIS-015")
def test_several_images(admission: Admission) -> None:
    """Two images go to two folders."""
    pod = _serve(admission, (f"{IMAGE}a", "/mnt/a/model"), (f"{IMAGE}b", "/mnt/b/model"))
    cars = [one for one in pod.containers if one.image.startswith("registry.example/model")]
    assert [one.image for one in cars] == ["registry.example/model:1a", "registry.example/model:1b"]
    mounts = pod.model_server.mounts
    assert mounts["/mnt/a"].volume != mounts["/mnt/b"].volume


@rule("URIS-016")
@pytest.mark.parametrize(
    "paths", [["/mnt/a", "/mnt/b"], [f"/mnt/{n}/model" for n in range(11)]], ids=["shared-parent", "eleven"]
)
def test_images_that_would_hide_each_other(admission: Admission, paths: list[str]) -> None:
    """KServe mounts each modelcar's volume at the parent of its path."""
    entries = tuple((f"{IMAGE}{n}", path) for n, path in enumerate(paths))
    refusal = admission.service_refusal(predictor={"storageUris": _entries(entries)})
    admission.assert_words(refusal.replace('\\"', '"'), "OCI")
