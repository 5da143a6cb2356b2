"""The servers that a run starts: those of the selected cases, and no other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import conformance
from conformance.harness.run_options import servers_for
from conformance.spec import current
from scenarios.servers.identity_services import IdentityServices
from scenarios.servers.moto import Moto
from tests.sample_options import OPTIONS

#: A test that gives the pod an identity: it has the argument, or takes the access from the store.
_USES = re.compile(r"\bidentity: str\b|\.identity\(|\.principal\(")


@pytest.mark.parametrize(
    ("rules", "stores", "runs"),
    [
        ((), (), True),
        (("IDENT-001",), (), True),
        (("IDENT-001",), ("http",), False),
        (("CRED-024",), (), True),
        (("CRED-025", "PLACE-*"), (), False),
        ((), ("hf",), False),
    ],
)
def test_identity_services_run_for_their_rules_alone(
    rules: Sequence[str], stores: Sequence[str], *, runs: bool
) -> None:
    servers = servers_for(replace(OPTIONS, rules=tuple(rules), stores=tuple(stores)), current())
    assert (IdentityServices in servers) is runs


def test_a_store_without_identities_in_the_run_keeps_its_server() -> None:
    assert servers_for(replace(OPTIONS, rules=("PLACE-001",), stores=("s3",)), current()) == {Moto}


def test_rules_that_use_identities_are_marked() -> None:
    """`identities` in the spec decides before the collection whether the services run."""
    texts = (path.read_text() for path in Path(conformance.__path__[0]).rglob("test_*.py"))
    tests = [pair for text in texts for pair in re.findall(r'@rule\("([A-Z]+-\d+)"(.*?)(?=@rule|\Z)', text, re.DOTALL)]
    assert {rule for rule, text in tests if _USES.search(text)} == {rule.id for rule in current() if rule.identities}
