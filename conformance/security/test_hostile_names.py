"""Hostile names in listings. Servers refuse most of them, so the gateway shows them in place of a harmless one."""

import pytest

from conformance import rule
from conformance.api.containment import assert_contained, assert_reported
from conformance.api.fetch import Fetch, Fetcher
from scenarios.content.hostile import AWKWARD, ESCAPING, FORGING, GOOD
from scenarios.content.renamed import PLACEHOLDER, marked, put_renamed
from scenarios.stores.base import Store


def _fetch_renamed(store: Store, initializer: Fetcher, name: str) -> Fetch:
    """A model of GOOD and a file that is listed as `name`, into which the file's own mark is put."""
    initializer.needs_sandbox()
    uri, access = put_renamed(store, name.format(marked(store)))
    run = initializer.fetch(uri, access=access, way="unsigned")
    if any(path.endswith(PLACEHOLDER) for path in run.entries()):
        raise RuntimeError("the gateway has not renamed the file")
    return run


@rule("SEC-021")
@pytest.mark.parametrize("case", ESCAPING)
def test_no_name_leads_out(store: Store, initializer: Fetcher, case: str) -> None:
    """A key is any text; whoever takes it for a path writes where it says."""
    assert_contained(_fetch_renamed(store, initializer, ESCAPING[case]), whole=GOOD)


@rule("SEC-022")
@pytest.mark.parametrize("case", AWKWARD)
def test_no_file_is_lost_for_its_name(store: Store, initializer: Fetcher, case: str) -> None:
    """A model without one of its files is a broken model, unless somebody says so."""
    run = _fetch_renamed(store, initializer, AWKWARD[case])
    assert_contained(run, whole=GOOD)
    assert_reported(run, marked(store))


@rule("SEC-023")
def test_no_name_writes_a_line_of_its_own(store: Store, initializer: Fetcher) -> None:
    """Logs are read line by line, by people and by programs that raise alarms."""
    run = _fetch_renamed(store, initializer, FORGING)
    assert_contained(run, whole=GOOD)
    forged = [line for line in run.output.splitlines() if line.startswith("FORGED")]
    assert not forged, f"a line of the log begins with what the name says: {forged[0][:80]}"
