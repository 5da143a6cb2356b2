"""What README.md and docs/ promise, compared with the code."""

import re
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from conformance.spec import current
from scenarios.stores import STORES

HOUSE = Path(__file__).parents[2]
README = (HOUSE / "README.md").read_text()
PAGES = [*HOUSE.glob("*.md"), *(HOUSE / "docs").rglob("*.md")]


def _row(first: str) -> str:
    """The row of a table of README.md whose first cell has `first`."""
    rows = [line for line in README.splitlines() if line.startswith("|") and first in line.split("|")[1]]
    assert rows, f"README.md has no row for {first}"
    return rows[0]


@pytest.fixture(scope="module")
def own_options() -> set[str]:
    """The suite's own options, as `--help` prints them."""
    command = [sys.executable, "-m", "pytest", "conformance/", "--help"]
    printed = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, check=True).stdout
    groups = re.findall(r"^storage initializer conformance[a-z ]*:\n(.*?)\n\n", printed, re.M | re.S)
    return set(re.findall(r"^  (--[a-z-]+)", "\n".join(groups), re.M))


def _options(page: str) -> set[str]:
    """The options in the first cells of a page's tables."""
    return {name for line in page.splitlines() if line.startswith("| `--") for name in _named(line.split("|")[1])}


def _named(text: str) -> list[str]:
    return re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)


def test_every_option_has_a_row_in_its_page(own_options: set[str]) -> None:
    """And no row is about an option that the suite does not have."""
    assert _options((HOUSE / "docs" / "options.md").read_text()) == own_options


def test_the_options_of_the_readme_are_few_and_real(own_options: set[str]) -> None:
    shown = _options(README)
    assert shown <= own_options
    assert 0 < len(shown) <= 6


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_runs_that_a_page_shows_have_real_options(page: Path, own_options: set[str]) -> None:
    """In commands that start a run: `tox -e conformance -- ...`, `pytest conformance ...`."""
    text = page.read_text().replace("\\\n", " ")
    runs = re.findall(
        r"(?:tox -e (?:conformance\S*|cluster|cluster-kserve\S*) -- |pytest conformance\S*)([^`#\n]*)", text
    )
    asked = {name for run in runs for name in _named(run)}
    assert asked <= own_options


def test_the_failure_of_the_readme_is_about_a_rule_as_it_is() -> None:
    """The rule's title and statement are printed by the run that the README shows."""
    shown = README.partition("## A failure")[2].partition("\n## ")[0]
    rule = current().rules[re.findall(r"--rule (\S+)", shown)[0]]
    assert f"\n{rule.id} {rule.level}: {rule.title}\n  {rule.statement}\n" in shown


def test_the_action_takes_what_the_readme_gives() -> None:
    steps = yaml.safe_load(README.partition("```yaml\n")[2].partition("```")[0])["steps"]
    given = next(step["with"] for step in steps if "storage-initializer-conformance" in step.get("uses", ""))
    inputs = yaml.safe_load((HOUSE / "action.yml").read_text())["inputs"]
    assert given.keys() <= inputs.keys()
    assert {name for name, about in inputs.items() if about.get("required")} <= given.keys()


@pytest.mark.parametrize("store", STORES)
def test_the_table_of_stores_names_servers_and_fidelity(store: str) -> None:
    cells = [cell.strip() for cell in _row(f"`{store}`").split("|")[2:5]]
    servers = STORES[store].servers
    played = [servers.get(mode) for mode in ("embedded", "native", "container")]
    without = "none" if servers else "a folder"
    assert cells == [f"{server.name} ({server.fidelity})" if server else without for server in played]


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
