"""Broken conditions for real programs: servers that refuse, closed ports, wrong certificates, bad archives."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import io
import json
import socket
import ssl
import struct
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.sax.saxutils import escape

import trustme

#: A host that does not resolve.
NOWHERE = "name.invalid"


@dataclass(frozen=True)
class Answer:
    """What a server answers below `/NAME/`; a name is a bucket too.

    cause  of the corpus.
    code   of S3, Azure and the Hub.
    """

    cause: str
    status: int
    codes: tuple[str, str, str] = ("", "", "")
    said: str = ""


#: Names that have nothing to do with what they stand for, so that no program tells a cause by repeating its URL.
ANSWERS = {
    "amber": Answer(
        "not-found", 404, ("NoSuchKey", "BlobNotFound", "EntryNotFound"), "The specified key does not exist."
    ),
    "birch": Answer(
        "not-found", 404, ("NoSuchBucket", "ContainerNotFound", "RepoNotFound"), "The specified bucket does not exist"
    ),
    "cedar": Answer(
        "unauthenticated", 401, ("Unauthorized", "InvalidAuthenticationInfo", ""), "Invalid username or password."
    ),
    "delta": Answer(
        "forbidden", 403, ("AccessDenied", "AuthorizationPermissionMismatch", "GatedRepo"), "Access Denied"
    ),
    "ember": Answer("interrupted", 503, ("SlowDown", "ServerBusy", ""), "Please reduce your request rate."),
    "flint": Answer("server-error", 500, ("InternalError", "InternalError", ""), "We encountered an internal error."),
    "ivory": Answer("expired", 400, ("ExpiredToken", "", ""), "The provided token has expired."),
    "jasper": Answer(
        "unauthenticated",
        403,
        ("SignatureDoesNotMatch", "AuthenticationFailed", ""),
        "The request signature we calculated does not match the signature you provided.",
    ),
    "koala": Answer(
        "unauthenticated",
        403,
        ("InvalidAccessKeyId", "AuthenticationFailed", ""),
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
}
#: A bucket without objects.
EMPTY = "maple"
LISTING = b"<?xml version='1.0'?><ListBucketResult><Name>maple</Name><KeyCount>0</KeyCount></ListBucketResult>"
#: Names below which a body breaks off, or a connection is reset.
CUT, RESET, STALL = "grove", "hazel", "linen"


class Handler(BaseHTTPRequestHandler):
    """Answers by the first segment of a path that is a known name, in the dialect of the server's flavour."""

    protocol_version = "HTTP/1.1"
    flavour = "plain"

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def do_GET(self) -> None:
        """Refuse, break off, or reset."""
        names = self.path.replace("?", "/").split("/")
        name = next((n for n in names if n in {*ANSWERS, EMPTY, CUT, RESET, STALL}), "amber")
        if name == CUT:
            self.send_response(200)
            headers = {"Content-Length": "100000", "ETag": '"0"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(b"x" * 1000)
            self.close_connection = True
        elif name == RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            self.wfile = io.BytesIO()
        elif name == STALL:
            self.server.over.wait(20)  # type: ignore[attr-defined]
            self.close_connection = True
        elif name == EMPTY and "list-type" in self.path:
            self._answer(200, LISTING, {"Content-Type": "application/xml"})
        else:
            self._refuse(ANSWERS.get(name, ANSWERS["amber"]))

    def do_HEAD(self) -> None:
        """As GET, without a body."""
        self.do_GET()

    def do_PUT(self) -> None:
        """As GET."""
        self.do_GET()

    def do_POST(self) -> None:
        """As GET."""
        self.do_GET()

    def _refuse(self, answer: Answer) -> None:
        s3, azure, hub = answer.codes
        body, headers = b"", {"Content-Type": "text/plain"}
        if self.flavour == "s3":
            body = f"<Error><Code>{s3}</Code><Message>{escape(answer.said)}</Message></Error>".encode()
            headers["Content-Type"] = "application/xml"
        elif self.flavour == "azure" and azure:
            body = f"<?xml version='1.0'?><Error><Code>{azure}</Code><Message>{azure}.</Message></Error>".encode()
            headers |= {"Content-Type": "application/xml", "x-ms-error-code": azure}
        elif self.flavour == "gcs":
            body = json.dumps({"error": {"code": answer.status, "message": answer.said}}).encode()
            headers["Content-Type"] = "application/json"
        elif self.flavour == "hub" and hub:
            headers |= {"X-Error-Code": hub, "X-Error-Message": answer.said}
        if answer.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="models"'
        self._answer(answer.status, body, headers)

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serving(flavour: str = "plain", context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server of that dialect; its port."""
    handler = type("Flavoured", (Handler,), {"flavour": flavour})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.over = threading.Event()  # type: ignore[attr-defined]
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.over.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()


@contextmanager
def closed() -> Iterator[int]:
    """A port at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def certificates(folder: Path) -> Iterator[dict[str, int]]:
    """Servers with an expired certificate, one of an unknown authority, and another host's: name -> port.

    `authority.pem` in `folder` is the authority of the first and the last.
    """
    known, unknown = trustme.CA(), trustme.CA()
    known.cert_pem.write_to_path(folder / "authority.pem")
    past = dt.datetime.now(tz=dt.UTC) - dt.timedelta(days=2)
    leaves = {
        "expired certificate": known.issue_cert("127.0.0.1", "localhost", not_after=past),
        "unknown authority": unknown.issue_cert("127.0.0.1", "localhost"),
        "another host's certificate": known.issue_cert("other.example"),
    }
    with contextlib.ExitStack() as stack:
        ports = {}
        for name, leaf in leaves.items():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            leaf.configure_cert(context)
            ports[name] = stack.enter_context(serving(context=context))
        yield ports


def archives(folder: Path) -> None:
    """Broken archives in `folder`: the first half of a tar, tgz and zip, and files that are none."""
    content = noise = bytes((n * n * 7919 + n // 256) % 251 for n in range(40_000))
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        member = tarfile.TarInfo("weights.bin")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("weights.bin", content)
    for name, whole in {
        "m.tar": plain.getvalue(),
        "m.tgz": gzip.compress(plain.getvalue()),
        "m.zip": zipped.getvalue(),
    }.items():
        (folder / f"half-{name}").write_bytes(whole[: len(whole) // 2])
        (folder / f"none-{name}").write_bytes(noise)


@dataclass(frozen=True)
class Case:
    """A program in a condition. words: its arguments; setting: its environment; where: a folder made read-only."""

    cause: str
    when: str
    words: Sequence[str]
    setting: Mapping[str, str] = field(default_factory=dict)
    where: str = ""


class World:
    """Every broken condition at once."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        archives(folder)
        (folder / "garbage.pem").write_text("no certificate\n")
        (folder / "sealed").mkdir()
        self.ports = {name: stack.enter_context(serving(name)) for name in ("plain", "s3", "azure", "gcs", "hub")}
        self.closed = stack.enter_context(closed())
        self.bad_certificates = stack.enter_context(certificates(folder))
        authority = str(folder / "authority.pem")
        self.trust = dict.fromkeys(
            ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"), authority
        ) | {"NODE_EXTRA_CA_CERTS": authority}

    def urls(self) -> Iterator[tuple[str, str, str]]:
        """Cause, condition and URL of a plain HTTP server."""
        base = f"http://127.0.0.1:{self.ports['plain']}"
        for name in ("amber", "cedar", "delta", "ember", "flint"):
            yield ANSWERS[name].cause, f"HTTP {ANSWERS[name].status}", f"{base}/{name}/model"
        yield "interrupted", "a body that ends early", f"{base}/{CUT}/model"
        yield "interrupted", "a reset", f"{base}/{RESET}/model"
        yield "unreachable", "no answer in time", f"{base}/{STALL}/model"
        yield "unreachable", "a closed port", f"http://127.0.0.1:{self.closed}/model"
        yield "unreachable", "a name that does not resolve", f"http://{NOWHERE}/model"
        for what, port in self.bad_certificates.items():
            yield "certificate", what, f"https://127.0.0.1:{port}/model"

    def buckets(self, flavour: str) -> Iterator[tuple[str, str, str, str]]:
        """Cause, condition, endpoint and bucket of a store."""
        base = f"http://127.0.0.1:{self.ports[flavour]}"
        dialect = {"s3": 0, "azure": 1, "hub": 2}.get(flavour)
        for name, answer in ANSWERS.items():
            code = answer.codes[dialect] if dialect is not None else ""
            if (dialect is None and name in ("ivory", "jasper", "koala")) or (
                dialect in (1, 2) and not code and answer.status in (400, 403)
            ):
                continue
            yield answer.cause, f"HTTP {answer.status} {code}".strip(), base, name
        if flavour != "azure":  # whose client asks for ranges, which are not served
            yield "interrupted", "a body that ends early", base, CUT
        yield "interrupted", "a reset", base, RESET
        yield "unreachable", "a closed port", f"http://127.0.0.1:{self.closed}", "bucket"
        yield "unreachable", "a name that does not resolve", f"http://{NOWHERE}", "bucket"
        for what, port in self.bad_certificates.items():
            yield "certificate", what, f"https://127.0.0.1:{port}", "bucket"

    def get(self, *words: str) -> Iterator[Case]:
        """WORDS URL."""
        for cause, when, url in self.urls():
            yield Case(cause, when, [*words, url], self.trust if cause == "certificate" else {})

    def store(self, flavour: str, *words: str) -> Iterator[Case]:
        """WORDS ENDPOINT BUCKET."""
        for cause, when, endpoint, bucket in self.buckets(flavour):
            yield Case(cause, when, [*words, endpoint, bucket], self.trust if cause == "certificate" else {})

    def unpack(self, kind: str, *words: str) -> Iterator[Case]:
        """WORDS FILE, for archives of a kind: m.tar, m.tgz, m.zip."""
        yield Case("archive", f"half of {kind}", [*words, str(self.folder / f"half-{kind}")])
        yield Case("archive", f"{kind} that is none", [*words, str(self.folder / f"none-{kind}")])

    def files(self, write: Sequence[str], read: Sequence[str]) -> Iterator[Case]:
        """WRITE FILE on a full and on a read-only disk; READ FILE of a file that is missing."""
        sealed = str(self.folder / "sealed")
        yield Case("disk-full", "a full disk", [*write, "/dev/full"])
        yield Case("read-only", "a read-only file system", [*write, f"{sealed}/model"], where=sealed)
        yield Case("not-found", "a missing file", [*read, str(self.folder / "absent")])
