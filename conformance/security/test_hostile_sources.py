"""Hostile sources: files of the pod, links on volumes, link-local addresses, and shell syntax."""

import os
from pathlib import Path

import pytest

from conformance import rule
from conformance.api.containment import assert_contained
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from scenarios.content.hostile import EVIL, MARK, SHELL
from scenarios.content.models import MODEL, under
from scenarios.network.view import Gateway
from scenarios.stores.base import Store
from scenarios.stores.folder import Folder
from scenarios.stores.http import HTTP
from scenarios.stores.local import Local
from scenarios.stores.pvc import PVC

#: The path of a pod's service account token.
TOKEN = "/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 -- a file
#: A folder of the container outside the claim and the destination. No source may deliver its content.
OUTSIDE = "/srv/outside"
#: Link-local and reserved (RFC 3927, 2.1): no host answers there, even if a client bypasses the gateway.
LINK_LOCAL = "169.254.0.254"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Create a folder with a secret that must not be delivered as a model."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(EVIL)
    return folder


@rule("SEC-025")
def test_what_means_no_harm_arrives(initializer: Fetcher, sample: Sample) -> None:
    """An initializer that rejects every source does not pass these rules."""
    assert initializer.fetch(sample.uri).tree == sample.tree


@rule("SEC-006")
@pytest.mark.parametrize(
    "uri", ["file:///proc/self/environ", f"file:///var{TOKEN}", TOKEN], ids=["environment", "token", "bare"]
)
def test_secrets_of_the_pod_are_no_models(store: Local, initializer: Fetcher, outside: Path, uri: str) -> None:
    """Anyone who can set a storageUri could read the ServiceAccount's credentials through the model server."""
    if TOKEN in uri:
        initializer.needs_sandbox()  # without one, the path differs
    run = initializer.fetch(uri, access=store.access(), mounts={TOKEN: outside / "secret"})
    assert not run.entries(), f"the initializer delivered files: {', '.join(run.entries())}"
    run.assert_failed()


@rule("SEC-007")
@pytest.mark.parametrize(
    "uri", ["file:///etc/passwd", "/etc/passwd", "file:///mnt/models/../../etc/passwd"], ids=["uri", "bare", "dots"]
)
def test_files_of_the_system_are_no_models(store: Local, initializer: Fetcher, uri: str) -> None:
    """Files of the initializer's own image are not models."""
    run = initializer.fetch(uri, access=store.access())
    assert not run.entries(), f"the initializer delivered files: {', '.join(run.entries())}"
    run.assert_failed()


@rule("SEC-008")
@pytest.mark.parametrize("path", ["../../srv/outside", "model/../../../srv/outside/secret"], ids=["folder", "file"])
def test_dots_lead_out_of_no_claim(store: PVC, initializer: Fetcher, outside: Path, path: str) -> None:
    """`pvc://claim/../..` is outside the claim."""
    store.put(under("model", MODEL))
    run = initializer.fetch(store.uri(path), mounts={OUTSIDE: outside})
    assert not run.entries(), f"the initializer delivered files: {', '.join(run.entries())}"
    run.assert_failed()


@rule("SEC-009")
@pytest.mark.parametrize(
    "target", [OUTSIDE, f"{OUTSIDE}/secret", "../../../srv/outside"], ids=["folder", "file", "relative"]
)
def test_links_on_a_volume_are_not_followed_out(
    store: Folder, initializer: Fetcher, outside: Path, target: str
) -> None:
    """Anyone who can write to the volume chooses a link's target, which resolves where the secrets are."""
    store.put(under("model", MODEL))
    (store.place("model") / "out").symlink_to(target)
    run = initializer.fetch(store.uri("model"), mounts={OUTSIDE: outside})
    read = [path for path, entry in run.entries().items() if entry.content == EVIL]
    assert not read, f"these files have content from outside the volume: {', '.join(read)}"


@rule("SEC-010")
@pytest.mark.parametrize("kind", ["fifo", "loop", "chain"])
def test_special_files_on_a_volume_do_not_hang(store: Folder, initializer: Fetcher, kind: str) -> None:
    """The volume has a pipe without a writer, links to each other, or more links than the kernel follows."""
    store.put(under("model", MODEL))
    folder = store.place("model")
    if kind == "fifo":
        os.mkfifo(folder / "pipe")
    else:
        links = [f"link-{number}" for number in range(2 if kind == "loop" else 60)]
        for name, following in zip(links, [*links[1:], links[0] if kind == "loop" else "config.json"], strict=True):
            (folder / name).symlink_to(following)
    assert_contained(initializer.fetch(store.uri("model"), timeout_s=20), whole=MODEL)


@rule("SEC-011")
@pytest.mark.parametrize("way", ["asked", "redirected"])
def test_link_local_addresses_are_not_asked(store: HTTP, initializer: Fetcher, gateway: Gateway, way: str) -> None:
    """Clouds serve the machine's credentials at this address. The gateway refuses the request and records it.

    A client may first open a tunnel, even without TLS. That request has no path, but has the caller's name.
    """
    address = f"http://{LINK_LOCAL}/{store.case}/model.bin"
    uri = address if way == "asked" else store.serve("model/m.bin", b"m", redirect_to=address)
    since = gateway.position()
    run = initializer.fetch(uri, environment=gateway.named(store.case))
    mine = (one for one in gateway.requests(since) if store.case in {one.caller, *one.path.split("/")})
    asked = [request for request in mine if request.host == LINK_LOCAL]
    assert not asked, f"the initializer sent {asked[0].method} {asked[0].host} {asked[0].path}"
    run.assert_failed()


@rule("SEC-012")
def test_no_shell_reads_a_uri(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """The publisher chooses a model's name, so the initializer must not run it as a command."""
    initializer.needs_sandbox()
    run = initializer.fetch(store.with_word(sample.uri, SHELL))
    assert_contained(run)
    made = [
        path
        for path in [*run.outcome.unexpected_writes, *run.entries()]
        if path.removeprefix("/").startswith(f"{MARK}-")
    ]
    assert not made, f"a shell executed part of the URI, and made: {', '.join(made)}"
    run.assert_failed()
