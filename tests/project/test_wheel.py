"""The wheel: one package in site-packages, which runs the suite and the commands for reports."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from clusters.toolchain.cache import run

CHECKOUT = Path(__file__).parents[2]
PACKAGE = "storage_initializer_conformance"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like site-packages with the unpacked wheel."""
    if os.environ.get("UV_OFFLINE"):
        pytest.skip("UV_OFFLINE: this machine has no package registries, and the build needs hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "uv", "build", "--wheel", "--out-dir", folder, CHECKOUT], timeout_s=300)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def _run(site: Path, *arguments: str) -> str:
    """The output of the package's command, far from the checkout."""
    code = (
        f"import sys; sys.path[:] = [p for p in sys.path if p != {str(CHECKOUT)!r}]; sys.path.insert(0, {str(site)!r})"
    )
    start = f"{code}; import runpy; runpy.run_module({PACKAGE!r}, run_name='__main__', alter_sys=True)"
    done = subprocess.run(
        [sys.executable, "-c", start, *arguments], cwd=site, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_adds_one_package(installed: Path) -> None:
    """No package `reports`, `scenarios` or `clusters` on the top level."""
    assert {path.name for path in installed.iterdir() if path.suffix != ".dist-info"} == {PACKAGE}


def test_the_wheel_runs_the_suite_and_its_commands(installed: Path, tmp_path: Path) -> None:
    """A small run on a store that needs no server, and a comparison of its report with itself."""
    honest = f"command:{sys.executable} {CHECKOUT / 'tests' / 'initializers' / 'honest.py'}"
    report = tmp_path / "reports" / "report.json"
    options = [f"--initializer={honest}", "--store=local", "--rule=PLACE-001", f"--report-dir={report.parent}"]
    assert "1 passed" in _run(installed, *options)
    assert "No case changed." in _run(installed, "reports", "compare", str(report), str(report))
