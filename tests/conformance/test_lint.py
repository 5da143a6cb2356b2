"""`python -m conformance lint`: manifests are checked without a cluster, by the definitions of a real release."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusters.kserve.manifests import rendered
from clusters.kserve.releases import find, newest_installable
from conformance.__main__ import main
from conformance.lint.upstream import Upstream
from conformance.spec import current

CONTAINER: dict[str, Any] = {
    "apiVersion": "serving.kserve.io/v1alpha1",
    "kind": "ClusterStorageContainer",
    "metadata": {"name": "kit"},
    "spec": {
        "container": {
            "name": "storage-initializer",
            "image": "example/kit:1.0",
            "resources": {"limits": {"memory": "1Gi"}},
        },
        "supportedUriFormats": [{"prefix": "kit://"}],
    },
}
#: The sample of an article on ClusterStorageContainers, with its indentation restored.
ARTICLE = """\
apiVersion: serving.kserve.io/v1beta1
kind: ClusterStorageContainer
metadata:
  name: model-registry-storage-initializer
spec:
  container:
    image: example/model-registry-storage-initializer:1.0
    resources:
      limits: {cpu: "1", memory: 1Gi}
  supportedUriFormats:
    - "model-registry://*"
"""


def _service(**storage: object) -> dict[str, Any]:
    model = {"modelFormat": {"name": "sklearn"}, **storage}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "iris"},
        "spec": {"predictor": {"model": model}},
    }


def _changed(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- YAML
    """Return the container with changed fields of its spec; `container__name` is a field of the container."""
    spec = {**CONTAINER["spec"], "container": dict(CONTAINER["spec"]["container"])}
    for name, value in changes.items():
        place, _, field = name.partition("__")
        if field:
            spec[place][field] = value
        else:
            spec[place] = value
    return {**CONTAINER, "spec": spec}


def _lint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *objects: object, release: str = "", claims: str = ""
) -> tuple[int, str]:
    file = tmp_path / "manifest.yaml"
    file.write_text(objects[0] if isinstance(objects[0], str) else yaml.safe_dump_all(objects))
    held_to = ["--claims", claims] if claims else []
    status = main(["lint", str(file), "--kserve", release or newest_installable(), *held_to])
    return status, capsys.readouterr().out.replace(f"{file}:", "")


def test_a_good_pair_has_no_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A storage container, and a service that uses its scheme. A Secret beside them is left out."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}}
    status, text = _lint(tmp_path, capsys, CONTAINER, secret, _service(storageUri="kit://models/iris"))
    assert (status, text) == (0, f"KServe {newest_installable()}: 0 errors, 0 warnings\n")


@pytest.mark.parametrize("release", ["0.16.0", newest_installable()])
def test_kserves_own_storage_container_has_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], release: str
) -> None:
    """As the release ships it."""
    (own,) = (one for one in rendered(find(release), "manifests", {}) if one["kind"] == "ClusterStorageContainer")
    assert _lint(tmp_path, capsys, own, release=release)[0] == 0


def test_the_sample_of_an_article_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has another version, no name for its container, and a string in place of a prefix."""
    status, text = _lint(tmp_path, capsys, ARTICLE)
    assert status == 1
    name = "error: ClusterStorageContainer/model-registry-storage-initializer"
    assert f"1: {name}: apiVersion: KServe 0.20.0 serves ClusterStorageContainer as serving.kserve.io/v1alpha1" in text
    assert f"6: {name}: spec.container: 'name' is a required property" in text
    assert f"11: {name}: spec.supportedUriFormats[0]: 'model-registry://*' is no object; write `- prefix:" in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"container__name": "kit"}, "name the container storage-initializer"),
        ({"container__image": ""}, "no image"),
        ({"container__image": "example/kit"}, "pin a tag or a digest"),
        ({"container__resources": {}}, "no memory limit"),
        ({"container__supportedUriFormats": []}, "unknown field; it belongs to spec.supportedUriFormats"),
        ({"supportedUriFormats": []}, "no URI formats"),
        ({"supportedUriFormats": [{}]}, "give either a prefix or a regex"),
        ({"supportedUriFormats": [{"prefix": "kit://*"}]}, "KServe compares a prefix literally: write kit://"),
        ({"supportedUriFormats": [{"regex": "(kit"}]}, "does not compile"),
        ({"supportedUriFormats": [{"prefix": "s3://mine/"}]}, "ClusterStorageContainer default matches such URIs too"),
        ({"supportedUriFormats": [{"regex": "https?://kit/(.+)"}]}, "ClusterStorageContainer default matches such"),
        ({"workloadType": "localModelDownloadJob"}, "the webhook does not use it for pods"),
    ],
    ids=str,
)
def test_a_storage_container_that_does_not_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], expected: str
) -> None:
    """Each flaw has its own line."""
    _, text = _lint(tmp_path, capsys, _changed(**changes))
    assert expected in text


CLAIMS = """\
name: kit
version: "1.0"
image: example/kit:1.0
uris: [{prefix: "kit://", store: s3}]
features: []
"""


@pytest.mark.parametrize(
    ("changes", "claims", "expected"),
    [
        ({}, CLAIMS, "0 errors, 0 warnings"),
        ({"container__image": "example/kit:1.1"}, CLAIMS, "is about example/kit:1.0; name the same image"),
        ({"supportsMultiModelDownload": True}, CLAIMS, "claim the feature several-pairs in"),
        ({}, CLAIMS.replace("[]", "[several-pairs]"), "warning: ClusterStorageContainer/kit: spec.supportsMultiModel"),
        (
            {"supportsMultiModelDownload": True},
            CLAIMS.replace("[]", "[several-pairs]"),
            "0 errors, 0 warnings",
        ),
        ({"supportedUriFormats": [{"prefix": "kat://"}]}, CLAIMS, "has no URI with this prefix"),
        ({"supportedUriFormats": [{"prefix": "kat://"}]}, CLAIMS, "no format has the prefix kit:// of"),
        ({"supportedUriFormats": [{"regex": "kit://.*"}]}, CLAIMS, "0 errors, 0 warnings"),
        ({"container__resources": "much"}, CLAIMS, "1 errors"),
    ],
    ids=str,
)
def test_a_storage_container_that_differs_from_its_claims(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], claims: str, expected: str
) -> None:
    """The claims are about one image; a report about them proves nothing about another."""
    (tmp_path / "conformance.yaml").write_text(claims)
    _, text = _lint(tmp_path, capsys, _changed(**changes), claims=str(tmp_path / "conformance.yaml"))
    assert expected in text


def test_claims_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is named in one line."""
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump(CONTAINER))
    assert main(["lint", str(tmp_path / "manifest.yaml"), "--claims", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml: cannot be read" in capsys.readouterr().err


def test_two_storage_containers_for_one_uri(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which of them KServe uses is not defined."""
    other = {**CONTAINER, "metadata": {"name": "other"}}
    _, text = _lint(tmp_path, capsys, CONTAINER, other)
    assert "ClusterStorageContainer/other: spec.supportedUriFormats[0]: ClusterStorageContainer kit matches" in text


@pytest.mark.parametrize(
    ("storage", "expected"),
    [
        ({"storageUri": "kit://models/iris"}, "no storage container takes kit:// URIs"),
        ({"storageUri": "models/iris"}, "has no scheme"),
        ({"storageUri": "s3://b/m", "storage": {"path": "m"}}, "give only one of storageUri and storage.path"),
        ({"storageUri": "s3://b/m", "storageURIs": []}, "storageURIs: unknown field"),
    ],
    ids=str,
)
def test_a_service_that_does_not_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], storage: dict[str, Any], expected: str
) -> None:
    """Its storage cannot be fetched."""
    status, text = _lint(tmp_path, capsys, _service(**storage))
    assert status == 1
    assert expected in text


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2\n", "\x00"], ids=["syntax", "no-object", "binary"])
def test_a_file_that_is_no_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """One line with the file's name."""
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    assert main(["lint", str(file)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_unknown_release(capsys: pytest.CaptureFixture[str]) -> None:
    """One line with those that exist."""
    assert main(["lint", "any.yaml", "--kserve", "9.9"]) == 2
    assert "choose one of" in capsys.readouterr().err


def test_every_rule_that_a_problem_names_exists() -> None:
    """A reader looks it up."""
    source = "".join(file.read_text() for file in (Path(__file__).parents[2] / "conformance/lint").glob("*.py"))
    named = set(re.findall(r"[A-Z]+-\d{3}", source))
    assert named
    assert named <= set(current().rules)


def test_the_oldest_release_has_no_default_container() -> None:
    """Its list of schemes is in its code."""
    assert Upstream.load("0.11.2").formats == []
