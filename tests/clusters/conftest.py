"""Fixtures that tests of clusters share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSERVE_CONFORMANCE_CACHE", str(tmp_path / "cache"))
