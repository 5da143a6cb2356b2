"""Hostile names in listings. Servers refuse most of them, so the gateway puts them in place of a harmless name."""

import pytest

from conformance import rule
from conformance.api.containment import assert_contained, assert_reported
from conformance.api.fetch import Fetch
from conformance.api.fetcher import Fetcher
from scenarios.content.hostile import AWKWARD, ESCAPING, FORGING, GOOD
from scenarios.content.renamed import PLACEHOLDER, marked, put_renamed
from scenarios.stores.base import Store


def _fetch_renamed(store: Store, initializer: Fetcher, name: str) -> Fetch:
    """Fetch a model of GOOD and one file that the gateway lists as `name`, with the file's own mark inserted."""
    initializer.needs_sandbox()
    uri, access = put_renamed(store, name.format(marked(store)))
    run = initializer.fetch(uri, access=access, way="unsigned")
    if any(path.endswith(PLACEHOLDER) for path in run.entries()):
        raise RuntimeError("the gateway has not renamed the file")
    return run


@rule("SEC-021")
@pytest.mark.parametrize("case", ESCAPING)
def test_no_name_leads_out(store: Store, initializer: Fetcher, case: str) -> None:
    """A key can be any text, so an initializer that uses it as a path can write anywhere."""
    assert_contained(_fetch_renamed(store, initializer, ESCAPING[case]), whole=GOOD)


@rule("SEC-022")
@pytest.mark.parametrize("case", AWKWARD)
def test_no_file_is_lost_for_its_name(store: Store, initializer: Fetcher, case: str) -> None:
    """A model that lacks a file is broken, so the initializer must report a file that it skips."""
    run = _fetch_renamed(store, initializer, AWKWARD[case])
    assert_contained(run, whole=GOOD)
    assert_reported(run, marked(store))


@rule("SEC-023")
def test_no_name_writes_a_line_of_its_own(store: Store, initializer: Fetcher) -> None:
    """People and alerting programs read logs line by line, so a name must not forge a line."""
    run = _fetch_renamed(store, initializer, FORGING)
    assert_contained(run, whole=GOOD)
    forged = [line for line in run.output.splitlines() if line.startswith("FORGED")]
    assert not forged, f"the file name forged a line of the log: {forged[0][:80]}"
