"""Faults: the gateway plays what a case has planned and leaves others alone; what dies under a run is no verdict."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scenarios.network import gateway as gateways
from scenarios.network.faults import PART_BYTES, Fault, answering, breaking
from scenarios.network.view import BAD_CERTIFICATES, Gateway
from scenarios.servers.fleet import Fleet
from scenarios.servers.http_server import HttpServer
from tests.serving import Handler, serving

FILE = bytes(range(256)) * 8192
SUITE = Path(__file__).parents[2]


class Files(Handler):
    """`file` and `chunked` are 2 MiB; everything else is short."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802 -- its name there
        name = self.path.rpartition("/")[2]
        self.send_response(200)
        if name == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(FILE), FILE))
            return
        body = FILE if name == "file" else b"listing"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@dataclass
class FilesGateway:
    """A gateway before one server that is offered as `files.test`."""

    gateway: Gateway
    url: str

    def get(self, path: str, timeout_s: float = 10) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=timeout_s)
        connection.request("GET", path)
        return connection.getresponse()

    def statuses(self, path: str, requests: int) -> list[int]:
        answers = [self.get(path) for _ in range(requests)]
        for answer in answers:
            answer.read()
        return [answer.status for answer in answers]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilesGateway]:
    with serving(Files) as port:
        folder = tmp_path_factory.mktemp("gateway")
        route = gateways.Route("files", f"http://127.0.0.1:{port}", ("files.test",), "", folder)
        started = gateways.start([route], folder)
        yield FilesGateway(started.gateway, started.urls["files"])
        started.process.stop()


def test_answers_are_counted(files: FilesGateway) -> None:
    """Two are spared, two are hit, and the rest passes; listings do not count."""
    since = files.gateway.position()
    files.gateway.plan_faults("case-t-1", Fault("answer", times=2, skip=2, least=1000, status=503, text="later"))
    assert files.statuses("/case-t-1/list", 3) == [200] * 3
    assert files.statuses("/case-t-1/file", 6) == [200, 200, 503, 503, 200, 200]
    assert files.statuses("/case-t-11/file", 3) == [200] * 3
    assert [r.injected_fault for r in files.gateway.requests(since)] == [""] * 5 + ["answer"] * 2 + [""] * 5


def test_another_answer_is_whole(files: FilesGateway) -> None:
    """With its own headers and text, and in the log with its own status."""
    since = files.gateway.position()
    files.gateway.plan_faults("case-t-2", answering(429, "wait", file=False, Retry_After="7"))
    answer = files.get("/case-t-2/file")
    assert (answer.status, answer.headers["Retry-After"], answer.read()) == (429, "7", b"wait")
    assert [(r.status, r.response_bytes) for r in files.gateway.requests(since)] == [(429, 4)]


def _read_to_end(answer: http.client.HTTPResponse, read: bytearray) -> None:
    while piece := answer.read1(1 << 14):
        read += piece


def test_a_client_that_reads_late_gets_all_before_the_reset(files: FilesGateway) -> None:
    """A reset throws away what the client's machine has no room for: on a busy machine a client reads seconds late."""
    files.gateway.plan_faults("case-t-12", breaking("reset"))
    answer = files.get("/case-t-12/file", timeout_s=30)
    time.sleep(7)
    read = bytearray()
    with pytest.raises(ConnectionResetError):
        _read_to_end(answer, read)
    assert len(read) == PART_BYTES


def test_a_plan_is_replaced(files: FilesGateway) -> None:
    """The counters start anew; an empty plan lifts the fault."""
    files.gateway.plan_faults("case-t-3", answering(500, file=False))
    assert files.statuses("/case-t-3/list", 2) == [500, 200]
    files.gateway.plan_faults("case-t-3", answering(500, file=False))
    assert files.statuses("/case-t-3/list", 2) == [500, 200]
    files.gateway.plan_faults("case-t-3")
    assert files.statuses("/case-t-3/list", 1) == [200]


@pytest.mark.parametrize("path", ["file", "chunked"])
@pytest.mark.parametrize(
    ("kind", "error"),
    [("cut", http.client.IncompleteRead), ("reset", ConnectionResetError), ("stall", TimeoutError)],
)
def test_a_body_breaks(files: FilesGateway, kind: str, error: type[Exception], path: str) -> None:
    """So many bytes arrive, never the end, to a slow reader too; the log has it, and the next one passes."""
    since, case = files.gateway.position(), f"case-t{kind}{path}-4"
    files.gateway.plan_faults(case, Fault(kind, times=1, after=PART_BYTES))  # type: ignore[arg-type]
    answer = files.get(f"/{case}/{path}", timeout_s=1)
    time.sleep(0.3)
    assert answer.read(PART_BYTES) == FILE[:PART_BYTES]
    with pytest.raises(error):
        answer.read()
    assert [(r.response_bytes, r.injected_fault) for r in files.gateway.requests(since)] == [(PART_BYTES, kind)]
    assert files.get(f"/{case}/{path}").read() == FILE


def test_a_slow_first_byte(files: FilesGateway) -> None:
    """The answer begins late and is whole; nobody else waits."""
    files.gateway.plan_faults("case-t-5", Fault("slow", times=1, delay_s=1.0))
    since = files.gateway.position()
    began = time.monotonic()
    late = threading.Thread(target=lambda: files.get("/case-t-5/file").read())
    late.start()
    assert files.get("/case-t-6/file").read() == FILE
    assert time.monotonic() - began < 1.0
    late.join()
    assert [r.injected_fault for r in files.gateway.requests(since)] == ["", "slow"]
    assert 1.0 <= time.monotonic() - began < 5.0


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    list(zip(BAD_CERTIFICATES, ["certificate has expired", "(Hostname|IP address) mismatch"], strict=True)),
    ids=BAD_CERTIFICATES,
)
def test_certificates_are_wrong_in_one_way(files: FilesGateway, wrong: str, complaint: str) -> None:
    """By way of the proxy and without it; the sound proxy still presents sound ones."""
    context = ssl.create_default_context(cafile=str(files.gateway.ca))
    for proxy, host in (
        (files.gateway.bad_certificates[wrong], "files.test"),
        (files.gateway.bad_certificates[wrong], None),
    ):
        address = urlsplit(proxy)
        connection = http.client.HTTPSConnection(address.netloc, timeout=10, context=context)
        if host:
            connection.set_tunnel(host, 443)
        with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
            connection.connect()
    connection = http.client.HTTPSConnection(urlsplit(files.gateway.proxy_url).netloc, timeout=10, context=context)
    connection.set_tunnel("files.test", 443)
    connection.request("GET", "/list")
    assert connection.getresponse().read() == b"listing"


def test_what_has_died_is_named(tmp_path: Path) -> None:
    """A server first, then the gateway."""
    fleet = Fleet.start([HttpServer], tmp_path / "fleet")
    try:
        assert fleet.lost("") == fleet.lost(HttpServer.name) == ""
        gateway, server = fleet._processes
        server.stop()
        assert fleet.lost("") == ""
        assert fleet.lost(HttpServer.name).startswith(f"{HttpServer.name} no longer accepts connections")
        gateway.stop()
        assert fleet.lost("").startswith("the gateway no longer accepts connections")
    finally:
        fleet.stop()


def test_a_program_without_workers_is_not_asked_for_their_loss(tmp_path: Path) -> None:
    """`unsupported`, which counts in no verdict: it is the program itself that the rule's test had to kill."""
    (result,) = _results(tmp_path, "--store=http", "--rule=FAULT-017", module="faults/test_interruptions.py")
    assert result["outcome"] == "unsupported"
    assert "no child processes" in result["reason"]


KILLER = """
from conformance.harness.run import RUN
def pytest_runtest_call(item):
    item.config.stash[RUN].fleet._processes[{number}].stop()
"""


@pytest.mark.parametrize(
    ("number", "name", "rule", "module"),
    [
        (0, "the gateway", "PLACE-014", "download/test_placement.py"),
        (1, HttpServer.name, "ERR-001", "download/test_errors.py"),
    ],
    ids=["gateway", "server"],
)
def test_what_dies_under_a_case_is_an_error(tmp_path: Path, number: int, name: str, rule: str, module: str) -> None:
    """Neither a failure of the initializer nor, where a refusal is asked for, its success."""
    (tmp_path / "killer.py").write_text(KILLER.format(number=number))
    results = _results(tmp_path, "-p", "killer", "--store=http", f"--rule={rule}", module=module)
    assert {result["outcome"] for result in results} == {"error"}
    assert f"{name} no longer accepts connections" in results[0]["reason"]


def _results(folder: Path, *options: str, module: str) -> list[dict[str, str]]:
    """Results of a run of one module on an honest initializer; plugins lie in `folder`."""
    honest = f"command:{sys.executable} {SUITE / 'tests' / 'initializers' / 'honest.py'}"
    report = [f"--report-dir={folder / 'out'}", "-p", "no:cacheprovider", f"--initializer={honest}"]
    subprocess.run(
        [sys.executable, "-m", "pytest", SUITE / "conformance" / module, *report, *options],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=300,
    )
    return list(json.loads((folder / "out" / "report.json").read_text())["results"])
