"""Adding a release of KServe is a line of releases.yaml: every other list of releases is held against that file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.version import Version

from tests.suite_copy import HOUSE, add_line, copy_suite, run_copy

DATA = "scenarios/initializers/releases.yaml"
INSTALLED = "clusters/kserve/releases.yaml"
NIGHT = ".github/workflows/nightly.yml"
CHANGE = ".github/workflows/pull-request.yml"
TOX = "tox.ini"
TOY = "99.1.0"


def _minor(version: str) -> str:
    return version.rpartition(".")[0]


@dataclass(frozen=True)
class Checkout:
    """The lists of releases in a folder with the suite's code."""

    folder: Path

    @property
    def places(self) -> dict[str, tuple[list[str], list[str]]]:
        """Place -> the releases that it has, and those that it should have."""
        every = sorted((row["version"] for row in self._rows(DATA)), key=Version)
        # The source of a release that has its entrypoint from another one is in no module, so nothing installs it.
        borrowed = {row["version"] for row in self._rows(DATA) if "entrypoint" in row}
        installed = [version for version in every if version not in borrowed]
        charts = [row["release"] for row in self._rows(INSTALLED) if not row["manifests"]]
        minors, chart_minors = list(map(_minor, installed)), list(map(_minor, charts))
        cluster = self._jobs(NIGHT)["cluster"]["strategy"]["matrix"]
        alone = [row["release"] for row in cluster["exclude"] if row["install"] == "manifests"]
        smoke = [step["with"] for step in self._jobs(CHANGE)["smoke"]["steps"] if step.get("uses") == "./"]
        known = re.search(r"^Releases known: (.*)\.$", (self.folder / "README.md").read_text(), re.M)
        return {
            "README.md, `Releases known`": (known[1].split(", ") if known else [], every),
            f"{NIGHT}, job download": (self._jobs(NIGHT)["download"]["strategy"]["matrix"]["release"], every),
            f"{NIGHT}, job cluster": (cluster["release"], minors),
            f"{NIGHT}, what job cluster excludes": (alone, chart_minors),
            f"{CHANGE}, job smoke": ([one["initializer"].removeprefix("kserve:") for one in smoke], every[-1:]),
            f"{TOX}, names of testenv:cluster": (self._factors, minors),
            f"{TOX}, commands of testenv:cluster": (re.findall(r" --kserve (\S+)", self._commands), installed),
            f"{TOX}, commands with `--install helm`": (
                re.findall(r" --kserve (\S+) --install helm", self._commands),
                charts,
            ),
            INSTALLED: ([row["release"] for row in self._rows(INSTALLED)], installed),
        }

    @property
    def disagreements(self) -> list[str]:
        """A line for each place that has other releases than releases.yaml."""
        return [
            f"{place} has {', '.join(has)}, and by {DATA} it should have {', '.join(should)}"
            for place, (has, should) in self.places.items()
            if has != should
        ]

    @property
    def _section(self) -> tuple[str, str]:
        """The names and the commands of the environments that install KServe."""
        tox = ConfigParser()
        tox.read(self.folder / TOX)
        (name,) = (name for name in tox.sections() if name.startswith("testenv:cluster{"))
        return name, tox[name]["commands"]

    @property
    def _factors(self) -> list[str]:
        return re.findall(r"-kserve([\d.]+)", self._section[0])

    @property
    def _commands(self) -> str:
        """One line for each release, which its factor chooses."""
        return "\n".join(
            line
            for line in self._section[1].splitlines()
            if (found := re.fullmatch(r"\s*kserve(\S+): --kserve (\S+).*", line)) and found[1] == _minor(found[2])
        )

    def _rows(self, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = yaml.safe_load((self.folder / path).read_text())
        return rows

    def _jobs(self, path: str) -> dict[str, Any]:
        jobs: dict[str, Any] = yaml.safe_load((self.folder / path).read_text())["jobs"]
        return jobs


def _places(lines: Iterable[str]) -> set[str]:
    return {line.partition(" has ")[0] for line in lines}


def test_every_list_has_the_releases_of_the_data() -> None:
    assert Checkout(HOUSE).disagreements == []


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A copy of the suite in which somebody has added a release, and nothing else."""
    copy_suite(tmp_path)
    shutil.copytree(HOUSE / ".github", tmp_path / ".github")
    for name in (TOX, "README.md"):
        shutil.copy(HOUSE / name, tmp_path)
    row = f"- {{version: {TOY}, released: 2030-01-01, package: kserve-storage}}"
    add_line(tmp_path / DATA, row, after="- {version: 0.21.0")
    return tmp_path


def test_a_new_release_is_missed_wherever_releases_are_listed(suite: Path) -> None:
    """The lines name each place, and the release that it lacks."""
    checkout = Checkout(suite)
    assert _places(checkout.disagreements) == set(checkout.places) - {
        f"{NIGHT}, what job cluster excludes",
        f"{TOX}, commands with `--install helm`",
    }
    assert all(_minor(TOY) in line.rpartition("should have")[2] for line in checkout.disagreements)


def test_a_new_release_is_one_that_options_know(suite: Path) -> None:
    """One line makes it the newest; a second one, with its manifests, lets a run install it in a cluster."""
    collect = ("--collect-only", "-q", "--rule", "PLACE-001,INJECT-001")
    known = run_copy(suite, *collect, "--initializer", f"kserve:{TOY}", "--kserve", TOY)
    assert known.returncode == 0, known.stdout + known.stderr
    in_cluster = (*collect, "--cluster", "kind", "--kserve", TOY)
    refused = run_copy(suite, *in_cluster)
    assert f"the suite cannot install KServe {TOY}" in refused.stderr
    add_line(suite / INSTALLED, f"- {{release: {TOY}, manifests: [kserve.yaml], mode: Standard}}", "- {release: 0.20.0")
    installable = run_copy(suite, *in_cluster)
    assert installable.returncode == 0, installable.stdout + installable.stderr
    assert INSTALLED not in _places(Checkout(suite).disagreements)
