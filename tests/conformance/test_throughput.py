"""Budgets: what decides them, what a line makes of parallel connections, and what the report shows of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from conformance.api.benchmark import parallelism
from conformance.api.budget import QUANTITIES
from conformance.api.intervals import FEWEST, MOST, interval
from conformance.api.workloads import ARCHIVE, LARGE, SHARDS
from conformance.spec import Budget, current
from reports import page, reader, verdict, writer
from reports.measurement import Measurement
from reports.model import Report, to_json
from reports.summary import summary
from scenarios.initializers import proc, sandbox
from scenarios.initializers.base import DEST, PVC, Call, Conditions
from scenarios.network.throttled_link import ThrottledLink, program, throttle
from scenarios.network.view import Request
from scenarios.servers.base import DIRECT
from scenarios.stores.http import HTTP
from tests.isolations import WORKING
from tests.sample_report import DRAFT, METRICS, result
from tests.serving import Handler, serving

SIZE = 600_000
TWICE = Budget("transfer time", "s", 2, of="that of the reference client", plus=1)


@pytest.mark.parametrize(
    ("shares", "tolerance", "decision"),
    [
        ((0.5, 0.52), None, "within"),
        ((1.9, 2.0), None, "over"),
        ((0.9, 0.95), None, "undecided"),
        ((0.85, 0.9, 0.87, 0.88), None, "within"),
        ((0.5, 3.0, 0.4), None, "undecided"),
        ((1.0,), 0.0, "within"),
        ((1.01,), 0.0, "over"),
        ((0.98,), 0.05, "undecided"),
    ],
)
def test_decision(shares: tuple[float, ...], tolerance: float | None, decision: str) -> None:
    """A budget is kept or broken only where the whole interval says so."""
    assert interval(shares, tolerance).decision == decision


def test_more_samples_narrow_the_interval() -> None:
    """So that a case that is undecided at first is decided by and by."""
    found = [interval([0.8, 1.0] * (n // 2) + [0.9] * (n % 2), None) for n in range(FEWEST, MOST + 1)]
    widths = [one.high / one.low for one in found]
    assert widths == sorted(widths, reverse=True)


def test_what_hardly_scatters_is_decided_sooner() -> None:
    """Two samples that agree are enough where the least spread is small, and not where they differ."""
    assert interval([1.3, 1.3], None).decision == "undecided"
    assert interval([1.3, 1.3], None, 0.02).decision == "over"
    assert interval([1.1, 1.5], None, 0.02).decision == "undecided"


def test_shares_of_a_budget() -> None:
    """A multiple of what lies beside, plus a constant; a least number; another one for a store."""
    assert TWICE.share("s3", 5, 2) == 1
    assert Budget("parallelism", "connections", 3, least=True).share("s3", 4) == 0.75
    assert Budget("peak memory", "MiB", 512, stores={"hf": 900}).number("hf") == 900
    assert TWICE.text() == "at most 2 times that of the reference client plus 1 s"


def test_every_budget_can_be_measured() -> None:
    """Every rule of PERF has a budget; a budget names a quantity of the suite, and what it multiplies can be had."""
    rules = [rule for rule in current() if rule.budget or rule.area == "PERF"]
    for rule in rules:
        assert rule.budget, rule.id
        assert not rule.budget.of or QUANTITIES[rule.budget.quantity].beside, rule.id


@pytest.mark.parametrize(
    ("starts", "connections"),
    [((0, 0, 0, 0), 4), ((0, 1, 2, 3), 1), ((0, 0, 1, 1), 2), ((0, 0.25, 0.5, 0.75), 3), ((), 0)],
    ids=["at-once", "one-by-one", "two-and-two", "staggered", "nothing"],
)
def test_parallelism(starts: tuple[float, ...], connections: float) -> None:
    """Bodies that take a second each; short answers count nothing."""
    bodies = [_request(start, SIZE) for start in starts]
    assert parallelism([_request(0, 100), *bodies], SIZE) == pytest.approx(connections)


def _request(at: float, size: int) -> Request:
    return Request(at, "moto", "h", "GET", "/", 200, response_bytes=size)


class _Answer(Handler):
    def do_GET(self) -> None:  # noqa: N802 -- its name there
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()
        self.wfile.write(b"x" * SIZE)


def test_a_line_bounds_each_connection(tmp_path: Path) -> None:
    """0.6 MB at 1 MB/s takes 0.6 s or more on one connection, and hardly more for four on as many."""
    program()
    with serving(_Answer) as port:
        behind = f"127.0.0.1:{port}"
        with throttle(ThrottledLink(1_000_000), {behind}, tmp_path) as drawn:
            led = drawn.environment({"ENDPOINT": f"http://{behind}/", "OTHER": "1"})
            fetch = partial(_fetch, led["ENDPOINT"])
            began = time.monotonic()
            with ThreadPoolExecutor(4) as threads:
                sizes = list(threads.map(fetch, range(4)))
            took = time.monotonic() - began
    assert led["OTHER"] == "1"
    assert sizes == [SIZE] * 4
    assert 0.5 < took < 4 * 0.6


def _fetch(url: str, _: int) -> int:
    with DIRECT.open(urllib.request.Request(url), timeout=30) as answer:  # noqa: S310 - our own
        return len(answer.read())


def test_memory_of_several_processes_is_added(tmp_path: Path) -> None:
    """Two children with 60 MiB each; what they share with their parent counts once."""
    code = """
import os, time
shared = bytearray(b"x") * (64 << 20)
for _ in range(2):
    if os.fork() == 0:
        own = bytearray(b"x") * (60 << 20); time.sleep(1.5); os._exit(0)
os.wait(); os.wait()
"""
    outcome = sandbox.run(
        [sys.executable, "-c", code], [Path(sys.prefix), Path(sys.base_prefix)], Call([], tmp_path), WORKING[0]
    )
    assert outcome.exit_code == 0, outcome.stderr
    assert 180 << 20 < outcome.peak_memory < 240 << 20


def test_a_busy_machine_is_told_from_a_slow_program() -> None:
    """The kernel counts how long a process was ready to run and did not."""
    core = min(os.sched_getaffinity(0))
    spin = f"""
import os, time
os.sched_setaffinity(0, {{{core}}})
end = time.monotonic() + 1
while time.monotonic() < end: pass
"""
    both = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(2)]
    waited = 0.0
    while both[0].poll() is None:
        waited = max(waited, proc.waited(both[0].pid))
        time.sleep(0.02)
    both[1].wait()
    assert waited > 0.2


def test_large_files_stay_on_disk(tmp_path: Path) -> None:
    """A call may be observed by the files' sha256 alone."""
    claim = tmp_path / "claim"
    claim.mkdir()
    content = SHARDS.make()["part-0/0000.bin"]
    (claim / "model.bin").write_bytes(content)
    (tmp_path / "call").mkdir()
    call = Call([(PVC, DEST)], tmp_path / "call", mounts={PVC: claim}, conditions=Conditions(hashed=True))
    outcome = sandbox.run(["/bin/cp", "-r", f"{PVC}/.", DEST], [], replace(call, arguments=[]), WORKING[0])
    assert outcome.trees[DEST]["model.bin"].content == SHARDS.expected()["part-0/0000.bin"]
    assert outcome.peak_disk >= len(content)


def test_workloads_are_the_same_in_every_run() -> None:
    """Samples of two runs can be compared; an archive delivers what it held."""
    assert LARGE.make() == LARGE.make()
    assert list(ARCHIVE.expected()) == ["model.bin"]


def test_a_reference_client_without_a_server_fails(tmp_path: Path) -> None:
    """It never says that it is done when it is not."""
    outcome = HTTP.client.program().call(Call([("http://127.0.0.1:9/model.bin", DEST)], tmp_path))
    assert outcome.exit_code != 0


MEASURED = Measurement(
    "transfer time", "s", (2.0, 2.2, 2.4), (1.0, 1.1, 1.2), "boto3 1.0, download_file", TWICE.text(), (0.6, 0.8),
    "within", moved_bytes=10 << 20,
)  # fmt: skip


def _report() -> Report:
    measured = result(measurements=(MEASURED,))
    return verdict.finish(DRAFT, [measured], METRICS, complete=True)


def test_every_sample_is_in_the_report(tmp_path: Path) -> None:
    """In the JSON, which is read back, and on the page."""
    written = writer.write(_report(), tmp_path)
    assert reader.load(tmp_path / "report.json") == written
    assert to_json(written)["results"][0]["measurements"][0]["samples"] == [2.0, 2.2, 2.4]
    text = page.page(written)
    assert "2.0 2.2 2.4 beside 1.0 1.1 1.2" in text
    assert "boto3 1.0, download_file" in text


def test_the_summary_shows_rates_beside_the_reference() -> None:
    """MiB/s of the initializer, then that of the reference client."""
    lines = summary(_report(), path=Path("r"), colour=False, width=100)
    assert any("4.5 MiB/s [9.1]" in line for line in lines)
