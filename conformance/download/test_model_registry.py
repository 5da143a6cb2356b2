"""The model registry: which registry the initializer asks, which artifact it takes, and what it reports on errors."""

from http import HTTPStatus
from tarfile import TarInfo

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from conformance.api.silence import Silence
from scenarios.content import tars, zips
from scenarios.content.models import MODEL, link, tar, tar_of, under
from scenarios.initializers.base import Conditions
from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.stores.base import NOBODY
from scenarios.stores.model_registry import ModelRegistry

#: A call must end within this many seconds, whatever the registry does.
BOUNDED_S = 120.0

#: case -> registered versions, oldest first. Without a version in the URI, the last one must arrive.
NEWEST = {"numbers": ("v1", "v2", "v10"), "patched-late": ("2.0", "1.1")}

#: More than some programs read of one member, in MiB.
LONG_MIB = 1025
#: Size of an archive that does not fit into memory together with the rest of a small container, in bytes.
LARGE = 128 << 20

INCOMPLETE = ["version", "artifact", "model-artifact", "uri"]


@rule("MR-001")
@pytest.mark.parametrize("path", ["model/v1", "model"], ids=["version", "newest"])
@pytest.mark.parametrize("named", [False, True], ids=["variable", "uri"])
def test_ways_to_name_a_model(store: ModelRegistry, initializer: Fetcher, path: str, named: bool) -> None:
    """The environment variable names the registry, or the URI does while the variable points to an unreachable host."""
    store.put(under("model", MODEL))
    uri = store.uri_with_host(path) if named else store.uri(path)
    variable = {"MODEL_REGISTRY_BASE_URL": NOBODY} if named else {}
    assert initializer.fetch(uri, environment=variable).tree == MODEL


@rule("MR-002")
@pytest.mark.parametrize("path", ["model/v1", "model"], ids=["version", "newest"])
def test_a_registry_in_a_namespace(store: ModelRegistry, initializer: Fetcher, path: str) -> None:
    """Each team has a registry in its own namespace."""
    store.put(under("model", MODEL))
    uri = f"{store.uri(path)}?namespace={store.case}"
    assert initializer.fetch(uri, access=store.in_namespace()).tree == MODEL


@rule("MR-003")
@pytest.mark.parametrize("namespace", ["a.b", "team/../other", "-"], ids=["dot", "slash", "dash"])
def test_a_namespace_that_is_none(store: ModelRegistry, initializer: Fetcher, namespace: str) -> None:
    """The default registry has another team's model of the same name."""
    store.put(under("model", MODEL))
    run = initializer.fetch(f"{store.uri('model')}?namespace={namespace}")
    run.assert_refused()
    assert not run.entries(), "the initializer delivered the model of the default registry"


@rule("MR-004")
@pytest.mark.parametrize("versions", NEWEST.values(), ids=NEWEST)
def test_the_newest_version(store: ModelRegistry, initializer: Fetcher, versions: tuple[str, ...]) -> None:
    """v10 is newer than v2, and a patch of an old line can be newer than the first release of the new line."""
    for version in versions:
        store.put({"model/which.txt": version.encode()}, version)
    assert initializer.fetch(store.uri("model")).tree == {"which.txt": versions[-1].encode()}


@rule("MR-005")
def test_a_document_beside_the_model(store: ModelRegistry, initializer: Fetcher, sample: Sample) -> None:
    """The registry has a model card that was registered after the model."""
    store.add_artifact("https://docs.example/card.md", name="card", kind="doc-artifact")
    assert initializer.fetch(sample.uri).tree == sample.tree


@rule("MR-006")
def test_the_newest_model_artifact(store: ModelRegistry, initializer: Fetcher) -> None:
    """The content moved, and its new location was registered."""
    store.put({"model/which.txt": b"old"})
    store.content.put({"moved/which.txt": b"new"})
    store.add_artifact(store.content.uri("moved"), name="moved")
    assert initializer.fetch(store.uri("model")).tree == {"which.txt": b"new"}


@rule("MR-007")
def test_a_version_that_does_not_exist(store: ModelRegistry, initializer: Fetcher) -> None:
    """The model exists, but only with another version."""
    store.put(under("model", MODEL))
    initializer.fetch(store.uri("model/v2-retired")).assert_refused(names="v2-retired")


@rule("MR-008")
@pytest.mark.parametrize("lacking", INCOMPLETE)
def test_a_model_without_content(store: ModelRegistry, initializer: Fetcher, lacking: str) -> None:
    """The registration of the model is incomplete."""
    store.add_model("model") if lacking == "version" else store.add_version("model", "v1")
    if lacking == "model-artifact":
        store.add_artifact("https://docs.example/card.md", name="card", kind="doc-artifact")
    if lacking == "uri":
        store.add_artifact(None)
    initializer.fetch(store.uri("model")).assert_refused()


@rule("MR-009")
def test_a_registry_that_fails(store: ModelRegistry, initializer: Fetcher, sample: Sample) -> None:
    """The registry's database is down."""
    store.fail(HTTPStatus.INTERNAL_SERVER_ERROR)
    initializer.fetch(sample.uri, timeout_s=BOUNDED_S).assert_refused()


@rule("MR-010")
def test_a_registry_that_says_nothing(store: ModelRegistry, initializer: Fetcher, silence: Silence) -> None:
    """Kubernetes does not restart an init container that hangs."""
    uri, access = store.unreachable(silence.address)
    initializer.fetch(uri, access=access, timeout_s=BOUNDED_S).assert_refused()


@rule("MR-011")
@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN], ids=["401", "403"])
def test_a_registry_behind_a_proxy(
    store: ModelRegistry, initializer: Fetcher, sample: Sample, status: HTTPStatus
) -> None:
    """An authenticating proxy in front of the registry rejects the request."""
    store.fail(status)
    initializer.fetch(sample.uri).assert_refused()


@rule("MR-012")
def test_an_artifact_of_an_unknown_scheme(store: ModelRegistry, initializer: Fetcher) -> None:
    """The registry accepts an artifact with any scheme."""
    store.add_artifact("carrier-pigeon://loft/model")
    initializer.fetch(store.uri("model")).assert_refused()


@rule("MR-013")
@pytest.mark.parametrize("form", ["file", "archive"])
def test_an_artifact_on_a_web_server(store: ModelRegistry, initializer: Fetcher, form: str) -> None:
    """The artifact is on a web server instead of an object store."""
    file, content = (
        ("model.onnx", b"onnx") if form == "file" else ("model.tar.gz", tar({"1/model.onnx": b"onnx"}, mode="w:gz"))
    )
    store.add_artifact(store.serve(file, content))
    placed = {"model.onnx": b"onnx"} if form == "file" else {"1/model.onnx": b"onnx"}
    assert initializer.fetch(store.uri("model")).tree == placed


@rule("MR-014")
def test_an_artifact_of_a_single_file(store: ModelRegistry, initializer: Fetcher) -> None:
    """The artifact's URI names the object, not its folder."""
    store.content.put({"weights/model.onnx": b"onnx"})
    store.add_artifact(store.content.uri("weights/model.onnx"))
    assert initializer.fetch(store.uri("model")).tree == {"model.onnx": b"onnx"}


@rule("MR-015")
def test_versions_whose_names_start_alike(store: ModelRegistry, initializer: Fetcher) -> None:
    """Versions 1 and 10 are in neighbouring folders."""
    store.put({"model/a.bin": b"1"}, "1")
    store.put({"model/b.bin": b"10"}, "10")
    assert initializer.fetch(store.uri("model/1")).tree == {"a.bin": b"1"}


@rule("MR-016")
def test_the_content_at_an_address(store: ModelRegistry, initializer: Fetcher, sample: Sample) -> None:
    """S3_USER_VIRTUAL_BUCKET is not set, because `s3://` URIs do not need it either."""
    access = store.access().without("S3_USER_VIRTUAL_BUCKET")
    assert initializer.fetch(sample.uri, access=access).tree == sample.tree


@rule("MR-017")
@pytest.mark.parametrize("name", ["my model", "größe", "a+b&c=d"], ids=["space", "umlaut", "signs"])
@pytest.mark.parametrize("part", ["model", "version"])
def test_names_as_they_are_written(store: ModelRegistry, initializer: Fetcher, name: str, part: str) -> None:
    """Registries accept any name."""
    model, version = (name, "v1") if part == "model" else ("model", name)
    store.content.put(under("content", MODEL))
    store.add_artifact(store.content.uri("content"), model, version)
    assert initializer.fetch(store.uri(f"{model}/{version}")).tree == MODEL


@rule("MR-018")
@pytest.mark.parametrize(
    ("name", "written"), [("my model", "my%20model"), ("org/model", "org%2Fmodel")], ids=["space", "slash"]
)
def test_names_percent_encoded(store: ModelRegistry, initializer: Fetcher, name: str, written: str) -> None:
    """URIs percent-encode such names, so the initializer must decode them."""
    store.content.put(under("content", MODEL))
    store.add_artifact(store.content.uri("content"), name)
    assert initializer.fetch(store.uri(f"{written}/v1")).tree == MODEL


@rule("MR-019")
def test_a_scheme_in_the_base_url(store: ModelRegistry, initializer: Fetcher, sample: Sample) -> None:
    """The variable's name says URL, so users include the scheme."""
    run = initializer.fetch(sample.uri, environment={"MODEL_REGISTRY_BASE_URL": f"http://{store.host}"})
    if run.outcome.exit_code == 0:
        assert run.tree == sample.tree
    else:
        run.assert_refused()


@rule("MR-020")
def test_a_registry_over_tls(initializer: Fetcher, sample: Sample) -> None:
    """The company's own certificate authority issued the registry's certificate."""
    assert initializer.fetch(sample.uri, environment={"MODEL_REGISTRY_SCHEME": "https"}).tree == sample.tree


@rule("MR-021")
def test_a_registry_of_an_unknown_authority(initializer: Fetcher, sample: Sample) -> None:
    """No setting makes the initializer trust this certificate's authority."""
    initializer.fetch(sample.uri, environment={"MODEL_REGISTRY_SCHEME": "https"}, trust=False).assert_refused()


@rule("MR-022")
def test_a_name_is_no_host(store: ModelRegistry, initializer: Fetcher, gateway: Gateway) -> None:
    """A Service in the namespace can have the same name as a model. The initializer must not contact it."""
    name = f"iris-{store.case}"
    store.put(under(name, MODEL))
    position = gateway.position()
    assert initializer.fetch(store.uri(f"{name}/v1")).tree == MODEL
    asked = {request.host for request in gateway.requests(position) if request.host.partition(":")[0] == name}
    assert not asked, f"the initializer contacted a host with the model's name: {', '.join(asked)}"


@rule("MR-023")
def test_a_link_in_an_archive(store: ModelRegistry, initializer: Fetcher) -> None:
    """Users point to the current file with a link such as `latest -> v1.onnx`."""
    file = TarInfo("v1.onnx")
    file.size = len(b"onnx")
    members = [(file, b"onnx"), (link("latest.onnx", "v1.onnx"), b"")]
    store.add_artifact(store.serve("model.tar.gz", tar_of(members, mode="w:gz")))
    assert initializer.fetch(store.uri("model")).tree == {"v1.onnx": b"onnx", "latest.onnx": b"onnx"}


@rule("MR-024")
def test_the_log_names_the_artifact(store: ModelRegistry, initializer: Fetcher, sample: Sample) -> None:
    """Operators look up in the log which artifact runs in production."""
    run = initializer.fetch(sample.uri)
    assert run.tree == sample.tree
    assert store.content.uri("model/v1") in run.output, "the output does not contain the artifact's URI"


@rule("MR-025")
def test_a_registry_that_cannot_be_reached(store: ModelRegistry, initializer: Fetcher) -> None:
    """The configured Service name does not exist."""
    uri, access = store.unreachable()
    initializer.fetch(uri, access=access, timeout_s=BOUNDED_S).assert_refused()


@rule("MR-026")
def test_a_large_member_arrives_whole(store: ModelRegistry, initializer: Fetcher) -> None:
    """Weights of more than 1 GiB are common. A program may refuse them, but not cut them off."""
    content, digest = tars.of_large_file("weights.bin", LONG_MIB)
    uri = store.put_archive("m.tar.gz", content)
    room = Conditions(hashed=True, disk=2 * LONG_MIB << 20)
    run = initializer.fetch(uri, way="archive", timeout_s=BOUNDED_S, conditions=room)
    if run.outcome.exit_code != 0:
        run.assert_failed()
    else:
        assert run.tree == {"weights.bin": digest}, f"exit code 0, but weights.bin is not the file of {LONG_MIB} MiB"
    initializer.forget()


@rule("MR-027")
def test_memory_does_not_grow_with_an_archive(store: ModelRegistry, initializer: Fetcher) -> None:
    """KServe gives the initializer 1 GiB of memory by default."""
    peaks = []
    for size in (1 << 20, LARGE):
        uri = store.put_archive(f"{size}.zip", zips.assembled([zips.Part(b"weights.bin", bytes(size))]))
        run = initializer.fetch(uri, way="archive", timeout_s=BOUNDED_S, conditions=Conditions(hashed=True))
        assert list(run.tree) == ["weights.bin"]
        peaks.append(run.outcome.peak_memory)
    if not all(peaks):
        raise NotOffered("this route does not measure memory")
    grown = peaks[1] - peaks[0]
    assert grown < LARGE // 2, f"an archive of {LARGE >> 20} MiB takes {grown >> 20} MiB more memory than a small one"
