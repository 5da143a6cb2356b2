"""Hostile archives and layers, beyond ARCH-006: special files, permissions, links and archive bombs."""

import pytest

from conformance import rule
from conformance.api.containment import assert_contained
from conformance.api.exceptions import NotApplicable
from conformance.api.fetcher import Fetcher
from scenarios.content import hostile
from scenarios.content.hostile import GOOD, MARK
from scenarios.initializers.base import Conditions
from scenarios.stores.base import Store
from scenarios.stores.oci import OCI, Layer

#: Time limit of a call with a hostile archive, in seconds.
BUSY_S = 30.0
#: Size of the destination for an archive bomb, in bytes.
ROOM = 24 << 20
#: So many files of one byte take three times that room.
MEMBERS = 3 * ROOM // 4096
#: Case -> (suffix, content of what fills the destination, by suffix and size).
BOMBS = {
    **{suffix: (suffix, hostile.bomb, 3 * ROOM) for suffix in ("tar.bz2", "tar.xz", "tar.zst")},
    **{f"many-{suffix}": (suffix, hostile.crowd, MEMBERS) for suffix in ("tar.gz", "zip")},
}


@rule("SEC-001")
@pytest.mark.parametrize("case", hostile.SPECIALS)
def test_no_special_file_is_made(store: Store, initializer: Fetcher, case: str) -> None:
    """The initializer rejects or skips pipes and devices: reading a pipe would hang the model server."""
    store.put({"model/m.tar": hostile.SPECIALS[case]})
    run = initializer.fetch(store.uri("model/m.tar"), way="archive", timeout_s=BUSY_S)
    assert MARK not in run.entries(), "the initializer made the special file"
    assert_contained(run, whole=GOOD)


@rule("SEC-002")
def test_no_member_keeps_the_rights_of_its_owner(store: Store, initializer: Fetcher) -> None:
    """The initializer rejects a file packed with the setuid and setgid bits, or drops the bits."""
    store.put({"model/m.tar": hostile.privileged()})
    run = initializer.fetch(store.uri("model/m.tar"), way="archive", timeout_s=BUSY_S)
    kept = {path: f"{entry.mode:04o}" for path, entry in run.entries().items() if entry.mode & 0o6000}
    assert not kept, f"these files keep setuid or setgid bits: {kept}"
    assert_contained(run, whole=GOOD)


@rule("SEC-003")
@pytest.mark.parametrize("case", hostile.LINKS)
def test_no_chain_of_links_leads_out(store: Store, initializer: Fetcher, case: str) -> None:
    """The archive has links that are harmless one by one, links too long to follow, or path names of another system."""
    initializer.needs_sandbox()
    name, content = hostile.LINKS[case]
    store.put({f"model/{name}": content})
    run = initializer.fetch(store.uri(f"model/{name}"), way="archive", timeout_s=BUSY_S)
    assert_contained(run, whole=GOOD)


@rule("SEC-004")
@pytest.mark.parametrize("case", hostile.LAYERS)
def test_no_layer_leads_out(store: OCI, initializer: Fetcher, case: str) -> None:
    """Registries accept any bytes as a layer."""
    initializer.needs_sandbox()
    store.put_layers("model", hostile.LAYERS[case])
    run = initializer.fetch(store.uri("model"), timeout_s=BUSY_S)
    assert_contained(run, whole={} if case == "folder-is-a-link" else GOOD)
    read = [path for path, entry in run.entries().items() if path == "flag" and entry.content]
    assert not read, "the initializer read content from outside the destination through a hard link"


@rule("SEC-005")
@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_a_bomb_is_no_success(store: Store, initializer: Fetcher, suffix: str) -> None:
    """The archive is a hundredth of its unpacked size, and the destination has room for a third of that size."""
    store.put({f"model/m.{suffix}": hostile.bomb(suffix, 3 * ROOM)})
    run = initializer.fetch(
        store.uri(f"model/m.{suffix}"), way="archive", timeout_s=BUSY_S, conditions=Conditions(space=ROOM)
    )
    assert_contained(run)
    run.assert_failed()


@rule("SEC-026")
@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_of_another_form_is_no_success(store: Store, initializer: Fetcher, case: str) -> None:
    """Other compressions pack zeros more tightly, and small files fill a disk by their number."""
    suffix, made, size = BOMBS[case]
    uri = store.put_archive(f"m.{suffix}", made(suffix, size))
    run = initializer.fetch(uri, way="archive", timeout_s=BUSY_S, conditions=Conditions(space=ROOM))
    if run.left_packed(f"m.{suffix}"):
        raise NotApplicable(f"the initializer does not unpack m.{suffix}")
    assert_contained(run)
    run.assert_failed()


@rule("SEC-027")
@pytest.mark.parametrize("kind", ["tar+gzip", "tar+zstd"])
def test_a_bomb_in_an_image_is_no_success(store: OCI, initializer: Fetcher, kind: Layer) -> None:
    """A layer unpacks to three times the room of the destination."""
    store.put_layers("model", [hostile.bomb_of_layer(3 * ROOM)], kind)
    run = initializer.fetch(store.uri("model"), timeout_s=BUSY_S, conditions=Conditions(space=ROOM))
    assert_contained(run)
    run.assert_failed()
