"""The reference initializer as an image keeps the rules that it keeps as a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import reference_image
from tests.suite_runs import run


@pytest.mark.cluster
@pytest.mark.usefixtures("engine")
def test_the_image_keeps_the_rules(tmp_path: Path) -> None:
    """Two stores stand for all: one that is mounted and one that is asked."""
    image = f"image:{reference_image.load()}"
    done = run(tmp_path, "--initializer", image, "--profile", "download/local,download/http", "-n", "2", timeout_s=600)
    assert done.code == 0, done.text
    assert done.verdicts() == {"download/http": "conformant", "download/local": "conformant"}
    assert {result["route"] for result in done.report["results"]} == {"container"}
