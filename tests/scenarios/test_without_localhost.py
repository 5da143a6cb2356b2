"""The name `localhost` is never looked up: a minimal root file system may not have it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.initializers.isolation import flaw
from scenarios.servers.base import Server
from scenarios.stores import STORES

PACKAGES = ("clusters", "conformance", "reports", "scenarios", "tests")
SCRIPT = """
import importlib, socket, sys
from pathlib import Path
from scenarios.servers.fleet import Fleet
try:
    sys.exit(f"localhost is {socket.gethostbyname('localhost')}")
except socket.gaierror:
    pass
servers = {getattr(importlib.import_module(m), c) for m, c in (name.split(":") for name in sys.argv[2:])}
fleet = Fleet.start(servers, Path(sys.argv[1]))
try:
    print(sorted(fleet.endpoints), dict(fleet.unavailable), [fleet.lost(name) for name in ("", *fleet.endpoints)])
finally:
    fleet.stop()
"""


def _servers() -> dict[str, type[Server]]:
    kinds = (kind for store in STORES.values() for kind in store.needed("embedded", identities=True))
    return {kind.name: kind for kind in kinds if kind}


@pytest.mark.skipif(bool(flaw("bubblewrap")), reason="no mount over /etc/hosts without bubblewrap")
def test_every_server_starts(tmp_path: Path) -> None:
    """On a machine that has no name but those in DNS, and no DNS."""
    servers = _servers()
    for kind in servers.values():
        kind().prepare()
    (tmp_path / "hosts").touch()
    (tmp_path / "nsswitch").write_text("hosts: files\n")
    bwrap: list[str | Path] = ["bwrap", "--dev-bind", "/", "/", "--unshare-net", "--die-with-parent"]
    bwrap += ["--ro-bind", tmp_path / "hosts", "/etc/hosts", "--ro-bind", tmp_path / "nsswitch", "/etc/nsswitch.conf"]
    named = [f"{kind.__module__}:{kind.__name__}" for kind in servers.values()]
    done = subprocess.run(
        [*bwrap, sys.executable, "-c", SCRIPT, tmp_path / "run", *named],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout == f"{sorted(servers)} {{}} {[''] * (len(servers) + 1)}\n", done.stderr


def test_no_source_has_it() -> None:
    """But in references of images, whose registry it stands for, and in what is run by hand to collect messages.

    A certificate for LLMInferenceServices holds the name, because KServe's controller requires it.
    """
    here = Path(__file__).parents[2]
    files = [path for package in PACKAGES for path in (here / package).rglob("*.py") if path != Path(__file__)]
    files = [path for path in files if here / "tests" / "messages" not in path.parents]
    files.remove(here / "scenarios" / "cluster" / "llm_certificate.py")
    assert len(files) > 100
    assert [str(path) for path in files if re.search(r"\blocalhost\b(?!/)", path.read_text(encoding="utf-8"))] == []
