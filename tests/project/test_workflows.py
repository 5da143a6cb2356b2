"""The workflows: sound by actionlint, bounded in time, and without rights to write."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusters.toolchain.go import go_binary

HOUSE = Path(__file__).parents[2]
WORKFLOWS = HOUSE / ".github" / "workflows"
ACTIONLINT = "v1.7.12"


def _problems(repository: Path) -> str:
    program = go_binary("github.com/rhysd/actionlint/cmd/actionlint", ACTIONLINT, "actionlint")
    # Shell and Python scripts in workflows are not checked: whether those programs are here must not matter.
    command: list[str | Path] = [program, "-no-color", "-oneline", "-shellcheck=", "-pyflakes="]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False, timeout=60).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What actionlint reads of a repository, to be changed."""
    (tmp_path / ".git").mkdir()
    shutil.copytree(HOUSE / ".github", tmp_path / ".github")
    shutil.copy(HOUSE / "action.yml", tmp_path)
    return tmp_path


def _to_copy(repository: Path) -> Path:
    """Copy the workflows of docs/ to where they belong, with this action as their action."""
    workflows = repository / ".github" / "workflows"
    for path in (HOUSE / "docs" / "workflows").glob("*.yml"):
        text = path.read_text()
        assert "uses: OWNER/storage-initializer-conformance@main" in text
        (workflows / path.name).write_text(text.replace("OWNER/storage-initializer-conformance@main", "./"))
    return workflows


def _jobs(name: str) -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load((WORKFLOWS / name).read_text())["jobs"]
    return jobs


def test_actionlint_finds_no_problem(repository: Path) -> None:
    assert _problems(repository) == ""


def test_actionlint_compares_inputs_with_the_action(repository: Path) -> None:
    """What the test above rests on: an input that the action does not have is a problem."""
    workflow = repository / ".github" / "workflows" / "pull-request.yml"
    workflow.write_text(workflow.read_text().replace("arguments:", "argument:"))
    assert 'input "argument" is not defined in action' in _problems(repository)


@pytest.mark.parametrize(
    ("name", "known", "unknown"),
    [("certify.yml", "outputs.verdict", "outputs.verdikt"), ("kserve.yml", "base", "bass")],
)
def test_workflows_to_copy_use_what_the_action_has(repository: Path, name: str, known: str, unknown: str) -> None:
    workflow = _to_copy(repository) / name
    assert _problems(repository) == ""
    workflow.write_text(workflow.read_text().replace(known, unknown))
    assert "is not defined" in _problems(repository)


def test_the_page_of_the_action_has_its_inputs_and_outputs() -> None:
    about = yaml.safe_load((HOUSE / "action.yml").read_text())
    page = (HOUSE / "docs" / "action.md").read_text()
    for part, title in (("inputs", "Inputs"), ("outputs", "Outputs")):
        section = page.partition(f"## {title}\n")[2].partition("\n## ")[0]
        assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == list(about[part])


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_ends_and_may_only_read(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}
    assert [name for name, job in _jobs(path.name).items() if "timeout-minutes" not in job] == []
