"""The gateway: requests pass unchanged, are logged before they are answered, and none leaves the machine."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scenarios.network import gateway as gateways
from scenarios.network.ipv6 import relayed
from scenarios.network.view import PROXY_USER, Request
from tests.serving import Handler, serving

BIG = bytes(range(256)) * 12 * 1024


class Recorder(Handler):
    """Notes each request as it came; the path says what is answered."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, dict[str, str], bytes]]
    released: threading.Event

    def do_GET(self) -> None:  # noqa: N802 -- its name there
        length = int(self.headers.get("Content-Length", 0))
        body = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(length)
        path = self.requestline.split(" ")[1]  # `self.path` loses a leading slash of two
        self.seen.append((self.command, path, {k.lower(): v for k, v in self.headers.items()}, body))
        if self.path == "/cut":
            self._answer(b"ten bytes.", length=1000)
            self.close_connection = True
        elif self.path == "/stall":
            self._answer(b"first", length=9)
            self.released.wait(10)
            self.wfile.write(b"last")
        elif self.path == "/big":
            self._answer(BIG)
        elif self.headers.get("Range"):
            self._answer(b"ar", 206)
        else:
            self._answer(b"" if self.command == "HEAD" else b"hearty", length=6)

    do_HEAD = do_PUT = do_GET  # noqa: N815 -- names given by http.server

    def _answer(self, body: bytes, status: int = 200, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


@dataclass
class RecordedGateway:
    """A gateway before one server that is offered as `*.served.test`."""

    started: gateways.StartedGateway
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def reverse(self) -> str:
        return urlsplit(self.started.urls["recorder"]).netloc

    @property
    def forward(self) -> str:
        return urlsplit(self.started.gateway.proxy_url).netloc

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.started.gateway.ca))

    def logged(self, since: int = 0) -> list[Request]:
        return list(self.started.gateway.requests(since))

    def exchange(self, raw: bytes) -> bytes:
        """Send `raw` to the reverse listener and read until the connection closes."""
        host, _, port = self.reverse.partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(raw)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedGateway]:
    stage = RecordedGateway(None)  # type: ignore[arg-type]
    handler = type("Handler", (Recorder,), {"seen": stage.seen, "released": stage.released})
    with serving(handler) as port:
        folder = tmp_path_factory.mktemp("gateway")
        url = f"http://127.0.0.1:{port}"
        route = gateways.Route("recorder", url, ("*.served.test",), "", folder)
        stage.started = gateways.start([route], folder)
        yield stage
        stage.started.process.stop()


@pytest.fixture
def stage(everything: RecordedGateway) -> RecordedGateway:
    everything.seen.clear()
    everything.released.clear()
    return everything


@pytest.mark.parametrize(
    "path",
    [
        "/a%20b%2Fc%25",
        "//double//slash",
        "/up/../../etc",
        "/%2e%2e/x",
        "/plus+?q=a%2Bb&c=%20;d",
        "/ü".encode().decode("latin-1"),
    ],
    ids=["escapes", "slashes", "dots", "escaped-dots", "query", "utf-8"],
)
def test_a_path_passes_unchanged(stage: RecordedGateway, path: str) -> None:
    """Neither decoded nor normalised: signatures and traversal tests depend on it."""
    since = stage.started.gateway.position()
    stage.exchange(f"GET {path} HTTP/1.1\r\nHost: bucket.test\r\nConnection: close\r\n\r\n".encode("latin-1"))
    assert [(seen[0], seen[1]) for seen in stage.seen] == [("GET", path)]
    assert stage.seen[0][2]["host"] == "bucket.test"
    (request,) = stage.logged(since)
    assert (request.server, request.host, request.status, request.response_bytes) == ("recorder", "bucket.test", 200, 6)


def test_requests_are_timed_by_the_clock_that_no_one_sets(stage: RecordedGateway) -> None:
    """Calls are timed by it too, so that a wall clock that jumps changes no measurement."""
    since, before = stage.started.gateway.position(), time.monotonic()
    stage.exchange(b"GET /x HTTP/1.1\r\nHost: bucket.test\r\nConnection: close\r\n\r\n")
    (request,) = stage.logged(since)
    assert before < request.time < time.monotonic()


def test_one_port_answers_http_and_https(stage: RecordedGateway) -> None:
    """The certificate is good for the address."""
    for connection in (
        http.client.HTTPConnection(stage.reverse, timeout=10),
        http.client.HTTPSConnection(stage.reverse, timeout=10, context=stage.tls),
    ):
        connection.request("GET", "/x")
        assert connection.getresponse().read() == b"hearty"
        connection.close()


def test_the_forward_proxy_leads_a_host_to_its_server(stage: RecordedGateway) -> None:
    """`https://` of a host name that a server is offered under, with a certificate for that name."""
    connection = http.client.HTTPSConnection(stage.forward, timeout=10, context=stage.tls)
    connection.set_tunnel("account.served.test", 443)
    connection.request("GET", "/x", headers={"Authorization": "me"})
    assert connection.getresponse().read() == b"hearty"
    connection.close()
    _, path, headers, _ = stage.seen[0]
    assert (path, headers["host"], headers["authorization"]) == ("/x", "account.served.test", "me")


def test_an_unknown_host_is_refused_without_contact(stage: RecordedGateway) -> None:
    """Plain and tunnelled: 502 with a clear text, and a line in the log that names no server."""
    since = stage.started.gateway.position()
    plain = http.client.HTTPConnection(stage.forward, timeout=10)
    plain.request("GET", "http://example.com/secret")
    answer = plain.getresponse()
    assert (answer.status, b"serves no host example.com" in answer.read()) == (502, True)
    plain.close()
    tunnel = http.client.HTTPSConnection(stage.forward, timeout=10)
    tunnel.set_tunnel("example.com", 443)
    with pytest.raises(OSError, match="502"):
        tunnel.request("GET", "/")
    assert [(r.server, r.host, r.method, r.status) for r in stage.logged(since)] == [
        (None, "example.com", "GET", 502),
        (None, "example.com", "CONNECT", 502),
    ]


def test_bodies_are_counted(stage: RecordedGateway) -> None:
    """A large body each way, both streamed."""
    since = stage.started.gateway.position()
    connection = http.client.HTTPConnection(stage.reverse, timeout=10)
    connection.request("PUT", "/big", BIG)
    assert connection.getresponse().read() == BIG
    connection.close()
    assert stage.seen[0][3] == BIG
    (request,) = stage.logged(since)
    assert (request.request_bytes, request.response_bytes) == (len(BIG), len(BIG))


def test_head_range_chunks_and_expect_pass(stage: RecordedGateway) -> None:
    """What storage clients use beyond a plain GET."""
    connection = http.client.HTTPConnection(stage.reverse, timeout=10)
    connection.request("HEAD", "/x")
    answer = connection.getresponse()
    assert (answer.headers["Content-Length"], answer.read()) == ("6", b"")
    connection.request("GET", "/x", headers={"Range": "bytes=2-3"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (206, b"ar")
    connection.request("PUT", "/x", iter([b"two ", b"parts"]), encode_chunked=True)
    connection.getresponse().read()
    connection.close()
    expecting = (
        b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nok"
    )
    assert stage.exchange(expecting).startswith(b"HTTP/1.1 100 ")
    assert [(seen[0], seen[3]) for seen in stage.seen] == [
        ("HEAD", b""),
        ("GET", b""),
        ("PUT", b"two parts"),
        ("PUT", b"ok"),
    ]


def test_a_stalled_answer_arrives_as_it_is_sent(stage: RecordedGateway) -> None:
    """The first bytes do not wait for the last; the log has the request before its last byte is delivered."""
    since = stage.started.gateway.position()
    connection = http.client.HTTPConnection(stage.reverse, timeout=10)
    connection.request("GET", "/stall")
    answer = connection.getresponse()
    assert answer.read(5) == b"first"
    assert stage.logged(since) == []
    stage.released.set()
    assert answer.read() == b"last"
    assert [r.response_bytes for r in stage.logged(since)] == [9]
    connection.close()


def test_a_cut_answer_is_cut_for_the_client_too(stage: RecordedGateway) -> None:
    """A truncated body never looks complete."""
    connection = http.client.HTTPConnection(stage.reverse, timeout=10)
    connection.request("GET", "/cut")
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    connection.close()


def test_the_authority_is_alone_in_its_file(stage: RecordedGateway) -> None:
    """One certificate, no key."""
    text = Path(stage.started.gateway.ca).read_text()
    assert text.count("BEGIN CERTIFICATE") == 1
    assert "PRIVATE KEY" not in text


@pytest.mark.parametrize("kind", ["plain", "reserved", "wrong", ""])
def test_a_proxy_wants_a_login(stage: RecordedGateway, kind: str) -> None:
    """Every listener but one is open; that one takes two passwords, and answers 407 to anything else."""
    gateway = stage.started.gateway
    guarded = urlsplit(gateway.guarded_proxy)
    login = f"{PROXY_USER}:{gateway.passwords.get(kind, 'wrong')}".encode()
    sent = {"Proxy-Authorization": f"Basic {base64.b64encode(login).decode()}"} if kind else {}
    connection = http.client.HTTPConnection(str(guarded.hostname), guarded.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "http://a.served.test/x", headers=sent)
        plain = connection.getresponse().status
    tunnel = http.client.HTTPSConnection(str(guarded.hostname), guarded.port, timeout=10, context=stage.tls)
    tunnel.set_tunnel("a.served.test", headers=sent)
    with contextlib.closing(tunnel):
        if kind in gateway.passwords:
            tunnel.request("GET", "/x")
            assert (plain, tunnel.getresponse().status) == (200, 200)
        else:
            assert plain == 407
            with pytest.raises(OSError, match="407"):
                tunnel.request("GET", "/x")


def test_a_complete_host_name_is_the_same_host(stage: RecordedGateway) -> None:
    """`a.served.test.` leads to the server of `a.served.test`."""
    host, _, port = stage.forward.partition(":")
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as connection:
        connection.request("GET", "http://a.served.test./x")
        assert connection.getresponse().status == 200


def test_a_relay_leads_from_ipv6_to_a_listener(stage: RecordedGateway) -> None:
    """For clients whose endpoint has an IPv6 address."""
    host, _, port = stage.reverse.partition(":")
    with relayed(host, int(port)) as address, contextlib.closing(http.client.HTTPConnection(address)) as connection:
        connection.request("GET", "/x")
        assert connection.getresponse().read() == b"hearty"
