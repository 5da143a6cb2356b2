"""The page of a report in a real browser: filters, keyboard, accessibility, and reports that try to run a script."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from reports import matrix
from reports.claims import Claims, Feature, Observed
from reports.exploration import Exploration, Finding
from reports.matrix import Column
from reports.measurement import Measurement
from reports.model import Initializer, Report, Result, Rule, Server
from reports.page import page
from tests.browser import axe, chromium, faults, opened
from tests.sample_report import DRAFT, FAILED, KNOWN, MIXED, PASSED, RULES, report_of, result

MEASURED = Measurement(
    "transfer time", "s", (2.0, 2.2, 2.4), (1.0, 1.1, 1.2), "boto3 1.0, download_file", "at most 2 s", (0.6, 2.8),
    "over", moved_bytes=10 << 20,
)  # fmt: skip
ALIKE = "PLACE-002 MUST: ...\nproblem: exit code 1 instead of 0\n"
SAMPLE = (
    *MIXED,
    result(FAILED, "PLACE-002", case="b", message=ALIKE, route="pod"),
    result(FAILED, "PLACE-002", "azure-files", case="b", message=ALIKE),
    result(case="fast", measurements=(MEASURED,)),
    result(store=""),
)
CASES = "#results tbody tr:visible"
CLAIMS = Claims.of("conformance.yaml", "image: kit:1\n")
FEATURES = (Feature("archives", "It unpacks archives.", claimed=True, observed=Observed.WORKS, passed=2, judged=2),)
FINDING = Finding(
    "PLACE-001", "space", "exit code 1", "the folder 'a b'", "call: s3://case/model", True, "pytest --seed 7"
)
EXPLORED = (Exploration("folders", "PLACE-001", "s3", "moto", seed=7, cases=40, calls=44, findings=(FINDING,)),)
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "'\"><svg onload=window.hacked=1>",
    "</style></title></script><script>window.hacked = 1</script>",
    "javascript:window.hacked=1",
    "{{ 7 * 7 }}{% raw %}",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def _written(report: Report, directory: Path) -> Path:
    path = directory / "report.html"
    path.write_text(page(report), encoding="utf-8")
    return path


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return _written(report_of(*SAMPLE, claims=CLAIMS, features=FEATURES, explored=EXPLORED), tmp_path)


def _shown(opened_page: Page) -> int:
    """Return how many results the page shows, by its own count and by its rows."""
    opened_page.evaluate("document.querySelectorAll('#results details').forEach((one) => { one.open = true })")
    count = opened_page.locator(CASES).count()
    told = opened_page.locator("#matching").inner_text()
    assert told == (f"all {count} results" if count == len(SAMPLE) else f"{count} of {len(SAMPLE)} results")
    return count


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (400, "light"), (400, "dark")])
def test_no_fault_of_accessibility(browser: Browser, sample: Path, width: int, scheme: str) -> None:
    """Axe-core finds no serious or critical fault, also within opened details and while a filter is set."""
    script = axe()
    opened_page = opened(browser, sample, viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert faults(opened_page, script) == []
    opened_page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    opened_page.get_by_role("combobox", name="Store").select_option("s3")
    assert faults(opened_page, script) == []
    assert opened_page.evaluate("document.documentElement.scrollWidth") <= width
    rows = opened_page.locator("#results tbody tr").evaluate_all("all => all.map((row) => row.offsetHeight)")
    assert max(rows) < 300, "a column is too narrow for its words"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_fault_in_the_table_of_releases(browser: Browser, tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "matrix.html"
    columns = [Column(report_of(*SAMPLE[:5])), Column(report_of(*SAMPLE), "new/report.html")]
    path.write_text(matrix.page(matrix.matrix(columns)), encoding="utf-8")
    assert faults(opened(browser, path, color_scheme=scheme), axe()) == []


def test_a_screen_reader_finds_its_way(browser: Browser, sample: Path) -> None:
    """Landmarks, a count that is announced, and cells that name their rule, store and outcome."""
    opened_page = opened(browser, sample)
    for role in ("banner", "search", "main", "contentinfo"):
        expect(opened_page.locator("body")).to_match_aria_snapshot(f"- {role}")
    expect(opened_page.get_by_role("status")).to_have_text(f"all {len(SAMPLE)} results")
    expect(opened_page.get_by_role("group", name="Outcome")).to_be_visible()
    expect(opened_page.get_by_role("link", name="PLACE-002 on s3: 2 failed")).to_be_visible()
    expect(opened_page.get_by_role("rowheader", name="PLACE-002 A prefix is a path segment")).to_be_visible()


def test_axe_notices(browser: Browser, tmp_path: Path) -> None:
    """The check above can fail: a control without a label and grey text on grey are faults."""
    bad = tmp_path / "bad.html"
    bad.write_text("<!doctype html><html lang=en><title>t</title><main style='color:#999;background:#aaa'>text<input>")
    found = {fault.partition(":")[0] for fault in faults(opened(browser, bad), axe())}
    assert found == {"color-contrast", "label"}


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("", SAMPLE),
        ("#?store=s3", [one for one in SAMPLE if one.store == "s3"]),
        ("#?store=any", [one for one in SAMPLE if not one.store]),
        ("#?route=pod", [one for one in SAMPLE if one.route == "pod"]),
        ("#?level=SHOULD", [one for one in SAMPLE if one.level == "SHOULD"]),
        ("#?area=ERR", [one for one in SAMPLE if one.rule == "ERR-001"]),
        ("#?outcome=failed&outcome=error", [one for one in SAMPLE if one.outcome in {"failed", "error"}]),
        ("#?text=SEGMENT+prefix", [one for one in SAMPLE if one.rule == "PLACE-002"]),
        ("#?text=place-001&store=s3&outcome=passed", [one for one in SAMPLE if one.rule == "PLACE-001"
                                                      and one.store == "s3" and one.outcome == "passed"]),
        ("#?text=nothing", []),
        ("#?store=no-such-store", SAMPLE),
    ],
)  # fmt: skip
def test_an_address_with_filters_can_be_shared(
    browser: Browser, sample: Path, fragment: str, expected: list[Result]
) -> None:
    """Whoever opens it sees the same results in the list, in the table, and in the groups of causes."""
    opened_page = opened(browser, sample, fragment)
    assert _shown(opened_page) == len(expected)
    cells = {(one.rule, one.store) for one in expected}
    assert opened_page.locator("table.matrix a.cell:visible").count() == len(cells)
    failed = any(one.outcome is FAILED for one in expected)
    assert opened_page.locator("#failed").is_visible() is failed


def test_filters_are_kept_in_the_address(browser: Browser, sample: Path) -> None:
    """They survive a reload, and vanish from the address when they are cleared."""
    opened_page = opened(browser, sample)
    opened_page.get_by_role("combobox", name="Store").select_option("azure-files")
    opened_page.get_by_role("checkbox", name="failed", exact=False).first.check()
    opened_page.get_by_label("Rule", exact=True).fill("place")
    expect(opened_page).to_have_url(re.compile(re.escape("#?text=place&store=azure-files&outcome=failed") + "$"))
    opened_page.reload()
    assert _shown(opened_page) == 2
    assert opened_page.locator("table.matrix thead th:visible").count() == 2
    opened_page.get_by_role("button", name="Clear the filters").click()
    expect(opened_page.locator("#matching")).to_have_text(f"all {len(SAMPLE)} results")
    expect(opened_page).to_have_url(sample.as_uri())


def test_a_link_to_something_hidden_clears_the_filters(browser: Browser, sample: Path) -> None:
    """And a link to a rule opens its results."""
    opened_page = opened(browser, sample, "#?outcome=unsupported")
    opened_page.evaluate("location.hash = '#ERR-001'")
    expect(opened_page.locator("#matching")).to_have_text(f"all {len(SAMPLE)} results")
    assert opened_page.locator("#ERR-001").get_attribute("open") is not None
    expect(opened_page.locator("#ERR-001")).to_be_in_viewport()


def test_the_keyboard_is_enough(browser: Browser, sample: Path) -> None:
    """Skip to the rules, search, choose a store and an outcome, and clear: with keys alone."""
    opened_page = opened(browser, sample)
    opened_page.keyboard.press("Tab")
    expect(opened_page.get_by_role("link", name="Skip to the rules")).to_be_focused()
    opened_page.keyboard.press("Enter")
    expect(opened_page.locator("#rules")).to_be_in_viewport()
    opened_page.locator("#filters input").first.focus()
    for key in ("p", "l", "a", "c", "e", "Tab", "Tab", "s", "Tab", "Tab", "Tab", "Space"):
        opened_page.keyboard.press(key)
    expect(opened_page).to_have_url(re.compile(re.escape("#?text=place&store=s3&outcome=failed") + "$"))
    assert _shown(opened_page) == 2
    opened_page.get_by_role("button", name="Clear the filters").focus()
    opened_page.keyboard.press("Enter")
    expect(opened_page.locator("#matching")).to_have_text(f"all {len(SAMPLE)} results")


def test_failures_with_one_cause_are_grouped(browser: Browser, sample: Path) -> None:
    opened_page = opened(browser, sample)
    headings = opened_page.locator("section:has(#failed) article h3").all_inner_texts()
    assert sum("2 cases with one cause" in heading for heading in headings) == 1
    assert len(headings) == 3


def test_the_page_is_complete_without_scripts(browser: Browser, sample: Path) -> None:
    opened_page = opened(browser, sample, "#?store=s3", java_script_enabled=False)
    assert not opened_page.locator("#filters").is_visible()
    assert opened_page.locator("#results details:visible").count() == len(RULES)
    assert opened_page.locator("#results tbody tr").count() == len(SAMPLE)
    assert opened_page.locator("#results [hidden]").count() == 0


@pytest.mark.parametrize("evil", HOSTILE)
def test_a_hostile_report_runs_nothing(browser: Browser, tmp_path: Path, evil: str) -> None:
    """Every text that a run takes from elsewhere is hostile, and every link is followed that could run a script."""
    bad = _hostile(evil)
    report = report_of(
        bad, replace(bad, outcome=KNOWN, case="b"),
        rules=(Rule(evil, evil, evil, bad.level, evil),),
        initializer=Initializer(evil, evil, evil, evil, evil, evil, (evil,), evil),
        environment=replace(DRAFT.environment, platform=evil, servers=(Server(evil, evil, "stand-in", evil),)),
        claims=Claims.of(evil, evil), features=(Feature(evil, evil, claimed=True),),
        explored=(Exploration(evil, evil, evil, evil, 1, reason=evil, findings=(_found(evil),)),), stale=(evil,),
    )  # fmt: skip
    asked: list[str] = []
    opened_page = opened(browser, _written(report, tmp_path), f"#?text={evil}&store={evil}")
    opened_page.on("request", lambda request: asked.append(request.url))
    opened_page.reload()
    for href in opened_page.locator("a").evaluate_all("all => all.map((one) => one.getAttribute('href'))"):
        assert href.startswith(("#", "evidence/")), href
    assert opened_page.locator("#matching").inner_text()
    assert not _hacked(opened_page)
    assert all(url.startswith("file:") for url in asked)
    assert len(asked) == 1


def _hostile(evil: str) -> Result:
    measured = replace(MEASURED, name=evil, unit=evil, budget=evil, reference_name=evil)
    return Result(
        evil, RULES[0].level, evil, evil, evil, evil, evil, evil, FAILED, 0.1, f"{evil}\nproblem: {evil}", evil, evil,
        evil, (), (measured,),
    )  # fmt: skip


def _found(evil: str) -> Finding:
    return Finding(evil, evil, evil, evil, evil, False, evil)


def test_names_in_a_report_do_not_replace_those_of_the_page(browser: Browser, tmp_path: Path) -> None:
    """A rule, a profile and a store with the names of the page's own elements leave the filters as they are."""
    rule = replace(RULES[0], id="filters", area="results")
    odd = [replace(result(store=store), rule=rule.id, profile=f"matching/{store}") for store in ("reset", "rules")]
    opened_page = opened(browser, _written(report_of(*odd, rules=(rule,)), tmp_path), "#?store=reset")
    expect(opened_page.locator("output")).to_have_text("1 of 2 results")


def _hacked(opened_page: Page) -> bool:
    opened_page.wait_for_timeout(50)
    return bool(opened_page.evaluate("window.hacked === 1"))


@pytest.mark.parametrize("evil", HOSTILE[:3])
def test_the_policy_stops_what_escaping_would_miss(browser: Browser, sample: Path, evil: str) -> None:
    """The page's Content Security Policy alone stops each script; without the policy, each runs."""
    text = sample.read_text(encoding="utf-8").replace("<main>", f"<main><p title=''>{evil}</p>")
    sample.write_text(text, encoding="utf-8")
    assert not _hacked(opened(browser, sample))
    sample.write_text(re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text), encoding="utf-8")
    assert _hacked(opened(browser, sample))


def test_two_thousand_results(browser: Browser, tmp_path: Path) -> None:
    """The page takes at most 2 s of CPU time and 5 MB, and paints within 1 s (of three times the best)."""
    rules = tuple(replace(RULES[0], id=f"PLACE-{number:03}") for number in range(1, 201))
    some: dict[str, Any] = {"reason": "it ends too early", "message": "x" * 500, "measurements": (MEASURED,)}
    results = [
        replace(result(PASSED if case else KNOWN, case=str(case)), rule=rule.id, **({} if case else some))
        for rule in rules
        for case in range(10)
    ]
    report = report_of(*results, rules=rules)
    began = time.process_time()
    text = page(report)
    assert time.process_time() - began < 2
    assert len(text.encode()) < 5_000_000
    path = tmp_path / "report.html"
    path.write_text(text, encoding="utf-8")
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    best = min(_painted(opened(browser, path), paint) for _ in range(3))
    assert best < 1000


def _painted(opened_page: Page, expression: str) -> float:
    opened_page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    return float(opened_page.evaluate(expression))
