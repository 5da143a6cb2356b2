"""A store of a scheme that the suite does not know: the tutorial, followed literally, and plugins that are refused."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from reports import reader
from tests.suite_runs import run

HOUSE = Path(__file__).parents[2]
TUTORIAL = (HOUSE / "docs" / "plugins.md").read_text()


def _follow(folder: Path) -> list[list[str]]:
    """Save the files of the tutorial to `folder`. Returns its commands."""
    names = re.findall(r"as `(\w+\.py)`:", TUTORIAL)
    files = re.findall(r"^```python\n(.*?)^```", TUTORIAL, re.DOTALL | re.MULTILINE)
    for name, text in zip(names, files, strict=True):
        (folder / name).write_text(text)
    return [shlex.split(line) for line in re.findall(r"^\$ (pytest .*)$", TUTORIAL, re.MULTILINE)]


def test_the_tutorial(tmp_path: Path) -> None:
    """Its six rules pass on the new store, and the report names the plugin."""
    (_, *first), _ = _follow(tmp_path)
    options = [re.sub(r"\bshelf\w*\.py\b", lambda name: str(tmp_path / name[0]), part) for part in first[1:]]
    command = [sys.executable, "-m", "pytest", "conformance/", *options, "-p", "no:cacheprovider", "-n", "2"]
    done = subprocess.run(
        [*command, "--report-dir", str(tmp_path / "report")],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = reader.load(tmp_path / "report" / "report.json")
    assert {(one.store, one.outcome) for one in report.results} == {("shelf", "passed")}
    assert len({one.rule for one in report.results}) == 6
    (plugin,) = report.environment.plugins
    assert plugin.stores == ("shelf",)
    assert all("--plugin" in one.reproduce for one in report.results)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "no such file"),
        ("import no_such_package", "cannot be imported: ModuleNotFoundError"),
        ("raise SystemError('no')", "cannot be imported: SystemError: no"),
        ("", "no mapping STORES"),
        ("STORES = {'shelf': []}", "no subclass of Store with a name"),
        ("from scenarios.stores.s3 import S3\nSTORES = {S3: []}", "has a store 's3' already"),
        (
            "from scenarios.stores.s3 import S3\nclass Mine(S3):\n    name = 'mine'\nSTORES = {Mine: ['shelves']}",
            "mine joins an unknown group shelves",
        ),
        (
            "from scenarios.stores.s3 import S3\nclass Mine(S3):\n    name = 'mine'\n"
            "STORES = {Mine: ['files']}\nREFERENCE = {'mine://': 'mine.py'}",
            "REFERENCE must map prefixes",
        ),
    ],
)
def test_a_plugin_that_is_refused(tmp_path: Path, text: str | None, expected: str) -> None:
    """One line with the plugin's name and the reason."""
    file = tmp_path / "strange_plugin.py"
    if text is not None:
        file.write_text(text)
    done = run(tmp_path, "--plugin", str(file), "--rule", "PLACE-001")
    assert done.code == 4, done.text
    assert expected in done.text.strip().splitlines()[-1]


def _package(folder: Path) -> Path:
    """The tutorial's plugin as a package of two modules."""
    _follow(folder)
    package = folder / "shelves"
    package.mkdir()
    (folder / "shelf.py").rename(package / "shelf.py")
    (package / "__init__.py").write_text("from shelves.shelf import STORES\n")
    return package


def test_a_package_as_a_plugin(tmp_path: Path) -> None:
    """`--plugin` takes its folder."""
    folder = _package(tmp_path)
    done = run(tmp_path, "--plugin", str(folder), "--store", "shelf", "--list-rules")
    assert done.code == 0, done.text
    assert "PLACE-001" in done.text


def test_the_digest_of_a_package_covers_all_of_its_files(tmp_path: Path) -> None:
    """A change of the store is a change of the plugin, in whichever file the store is."""
    folder = _package(tmp_path)
    program = "import sys; from scenarios.stores.plugins import *; load(sys.argv[1:]); print(loaded()[0].digest)"
    argv = [sys.executable, "-c", program, str(folder)]

    def digest() -> str:
        return subprocess.run(argv, cwd=HOUSE, capture_output=True, text=True, check=True).stdout

    before = digest()
    (folder / "shelf.py").write_text((folder / "shelf.py").read_text() + "# more\n")
    assert before.startswith("sha256:")
    assert digest() != before


def test_a_folder_that_is_no_package(tmp_path: Path) -> None:
    """The message names the missing file."""
    done = run(tmp_path, "--plugin", str(tmp_path), "--rule", "PLACE-001")
    assert done.code == 4, done.text
    assert "add __init__.py" in done.text.strip().splitlines()[-1]


def test_a_plugin_with_the_name_of_another_module(tmp_path: Path) -> None:
    """Python would import the other one."""
    file = tmp_path / "folder" / "yaml.py"
    file.parent.mkdir()
    file.write_text("")
    done = run(tmp_path, "--plugin", str(file), "--rule", "PLACE-001")
    assert done.code == 4, done.text
    assert "another module has the name yaml" in done.text.strip().splitlines()[-1]


def test_mutants_of_a_plugin_without_a_scheme(tmp_path: Path) -> None:
    """One line names what the plugin lacks."""
    _follow(tmp_path)
    argv = [sys.executable, "-m", "tests.mutants.run", "--plugin", str(tmp_path / "shelf.py")]
    done = subprocess.run(argv, cwd=HOUSE, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert "has no REFERENCE" in done.stderr.strip().splitlines()[-1]


def test_a_plugin_in_a_cluster_is_refused(tmp_path: Path) -> None:
    """The stores' pod has the suite's own servers only."""
    _follow(tmp_path)
    done = run(tmp_path, "--plugin", str(tmp_path / "shelf.py"), "--initializer", "image:x", "--cluster", "kind")
    assert done.code == 4, done.text
    assert "remove --cluster" in done.text
