"""What README.md and docs/ promise, compared with the code."""

import re
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest

from scenarios.initializers import known_releases
from scenarios.stores import STORES

HOUSE = Path(__file__).parent.parent
README = (HOUSE / "README.md").read_text()
PAGES = [*HOUSE.glob("*.md"), *(HOUSE / "docs").rglob("*.md")]


def _row(first: str) -> str:
    """The row of a table of README.md whose first cell has `first`."""
    rows = [line for line in README.splitlines() if line.startswith("|") and first in line.split("|")[1]]
    assert rows, f"README.md has no row for {first}"
    return rows[0]


def test_the_table_of_options_is_that_of_the_command() -> None:
    """Every option of the suite is in the table, and every option in the table is one of the suite."""
    command = [sys.executable, "-m", "pytest", "conformance/", "--help"]
    printed = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, check=True).stdout
    groups = re.findall(r"^storage initializer conformance[a-z ]*:\n(.*?)\n\n", printed, re.M | re.S)
    own = "\n".join(groups)
    listed = {option for line in README.splitlines() if line.startswith("| `--") for option in _options(line)}
    assert listed == set(re.findall(r"^  (--[a-z-]+)", own, re.M))


def _options(row: str) -> list[str]:
    return re.findall(r"`(--[a-z-]+)", row.split("|")[1])


@pytest.mark.parametrize("store", STORES)
def test_the_table_of_stores_names_servers_and_fidelity(store: str) -> None:
    cells = [cell.strip() for cell in _row(f"`{store}`").split("|")[2:5]]
    servers = STORES[store].servers
    played = [servers.get(mode) for mode in ("embedded", "native", "container")]
    without = "none" if servers else "a folder"
    assert cells == [f"{server.name} ({server.fidelity})" if server else without for server in played]


def test_the_releases_are_those_that_are_known() -> None:
    assert f"Releases known: {', '.join(sorted(known_releases(), key=_numbers))}." in README


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _expanded(section: str) -> list[str]:
    """`cluster{,-kserve0.15}` stands for two environments."""
    name, _, factors = section.partition("{")
    return [name + factor for factor in factors.rstrip("}").split(",")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_tells_to_run_exists(page: Path) -> None:
    """Environments of tox, and modules that are run with `python -m`."""
    tox = ConfigParser()
    tox.read(HOUSE / "tox.ini")
    environments = {name for section in tox.sections() for name in _expanded(section.removeprefix("testenv:"))}
    text = page.read_text()
    asked = {name for names in re.findall(r"tox -e ([a-z0-9.,-]*[a-z0-9])", text) for name in names.split(",")}
    assert asked <= environments
    for module in re.findall(r"python -m ((?:conformance|reports)[a-z.]*)", text):
        path = HOUSE / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_dependency_has_its_reason_and_licence() -> None:
    """The page of decision 11 names what pyproject.toml asks for, and nothing else."""
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["embedded"]]
    page = (HOUSE / "docs/decisions/0011-dependencies.md").read_text()
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ") and "licence" not in line]
    named = {name for cell in cells for name in re.findall(r"[a-z][a-z0-9-]+", cell) if name != "with"}
    assert named == {re.split(r"[\[<>=]", requirement)[0] for requirement in asked}
