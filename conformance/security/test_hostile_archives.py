"""Hostile archives and layers beyond ARCH-006: special members, rights, links and bombs stay in the destination."""

import pytest

from conformance import rule
from conformance.api.containment import assert_contained
from conformance.api.fetch import Fetcher
from scenarios.content import hostile
from scenarios.content.hostile import GOOD, MARK
from scenarios.initializers.base import Conditions
from scenarios.stores.base import Store
from scenarios.stores.oci import OCI

#: Seconds that a hostile archive may keep an initializer busy.
BUSY_S = 30.0
#: What the destination of a bomb holds, in bytes.
ROOM = 24 << 20


@rule("SEC-001")
@pytest.mark.parametrize("case", hostile.SPECIALS)
def test_no_special_file_is_made(store: Store, initializer: Fetcher, case: str) -> None:
    """A model has no pipe that hangs its reader, and no device; the member is refused or left out."""
    store.put({"model/m.tar": hostile.SPECIALS[case]})
    run = initializer.fetch(store.uri("model/m.tar"), way="archive", timeout_s=BUSY_S)
    assert MARK not in run.entries(), "the special file was made"
    assert_contained(run, whole=GOOD)


@rule("SEC-002")
def test_no_member_keeps_the_rights_of_its_owner(store: Store, initializer: Fetcher) -> None:
    """A program packed with the setuid and setgid bits is a file like any other, or refused."""
    store.put({"model/m.tar": hostile.privileged()})
    run = initializer.fetch(store.uri("model/m.tar"), way="archive", timeout_s=BUSY_S)
    kept = {path: f"{entry.mode:04o}" for path, entry in run.entries().items() if entry.mode & 0o6000}
    assert not kept, f"kept: {kept}"
    assert_contained(run, whole=GOOD)


@rule("SEC-003")
@pytest.mark.parametrize("case", hostile.LINKS)
def test_no_chain_of_links_leads_out(store: Store, initializer: Fetcher, case: str) -> None:
    """Links that are harmless one by one, or too long to be followed, and names of another system."""
    initializer.needs_sandbox()
    name, content = hostile.LINKS[case]
    store.put({f"model/{name}": content})
    run = initializer.fetch(store.uri(f"model/{name}"), way="archive", timeout_s=BUSY_S)
    assert_contained(run, whole=GOOD)


@rule("SEC-004")
@pytest.mark.parametrize("case", hostile.LAYERS)
def test_no_layer_leads_out(store: OCI, initializer: Fetcher, case: str) -> None:
    """A registry takes any bytes for a layer."""
    initializer.needs_sandbox()
    store.put_layers("model", hostile.LAYERS[case])
    run = initializer.fetch(store.uri("model"), timeout_s=BUSY_S)
    assert_contained(run, whole={} if case == "folder-is-a-link" else GOOD)
    read = [path for path, entry in run.entries().items() if path == "flag" and entry.content]
    assert not read, "content from outside was read through a hard link"


@rule("SEC-005")
@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_a_bomb_is_no_success(store: Store, initializer: Fetcher, suffix: str) -> None:
    """An archive of a hundredth of what it unpacks to, and a third of the room for that."""
    store.put({f"model/m.{suffix}": hostile.bomb(suffix, 3 * ROOM)})
    run = initializer.fetch(
        store.uri(f"model/m.{suffix}"), way="archive", timeout_s=BUSY_S, conditions=Conditions(space=ROOM)
    )
    assert_contained(run)
    run.assert_failed()
