"""A headless Chromium for tests of pages, and axe-core, which finds faults of accessibility."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.node import npm_package

AXE = "4.14.1"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser; skip the test, with the reason and remedy, if this machine has none."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no {PROGRAMS[0]} on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


def axe() -> str:
    """Return axe-core's script; skip the test, with the reason, if npm cannot install it."""
    try:
        return (npm_package("axe-core", AXE) / "axe.min.js").read_text(encoding="utf-8")
    except ToolFailed as reason:
        pytest.skip(str(reason))


def faults(page: Page, script: str) -> list[str]:
    """Return the serious and critical faults that axe-core finds: rule, element and summary of each."""
    page.evaluate(script)
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert found["passes"], "axe-core checked nothing"
    return [
        f"{violation['id']}: {node['html'][:120]}: {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


def opened(browser: Browser, path: Path, fragment: str = "", **options: Any) -> Page:  # noqa: ANN401
    """Open a file in a context of its own. An error of a script of the page fails the test."""
    page = browser.new_context(**options).new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{path.as_uri()}{fragment}")
    assert not errors
    return page
