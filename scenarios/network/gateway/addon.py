"""mitmproxy add-on: route each request to its server, refuse every other host, and log one JSON line per request.

For a server that checks no credentials, it acts as the authority that does.

It runs inside mitmdump. It streams bodies, so stalls and aborted responses of a server reach the initializer.
It writes the log line before the last byte of the response is sent.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from mitmproxy import connection, ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.tls import TlsData

from scenarios.network.faults import Fault
from scenarios.network.gateway import fault_injection
from scenarios.network.gateway.certificates import BadCertificates, demand_certificate
from scenarios.network.gateway.fault_plan import FaultPlan, FaultPlans
from scenarios.network.gateway.paging import Listing, listing_of
from scenarios.network.view import PROXY_USER
from scenarios.servers import aws_accounts, azure_accounts, google_accounts
from scenarios.servers.authority import Answer, Authority

#: `Server.authority` -> the class that checks credentials.
AUTHORITIES: dict[str, type[Authority]] = {
    "aws": aws_accounts.Authority,
    "azure": azure_accounts.Authority,
    "google": google_accounts.Authority,
}


class Passage:
    """The state of one request: its target, the sizes of its bodies, and the injected fault."""

    # Not a dataclass: mitmproxy loads this file without adding it to sys.modules.
    def __init__(self) -> None:
        self.began = time.monotonic()  # the monotonic clock that all local processes share
        self.server: str | None = None
        self.host = ""
        self.request_bytes = 0
        self.response_bytes = 0
        self.injected_fault = ""
        self.logged = False
        self.authority: Authority | None = None
        self.path: str | None = None
        self.plan: FaultPlan | None = None
        self.listing: Listing | None = None


class Addon:
    """The hooks, in the order in which mitmproxy calls them."""

    def load(self, loader: Loader) -> None:
        loader.add_option("suite_routes", str, "", "JSON file: a list of server, port, listener, hosts")
        loader.add_option("suite_log", str, "", "where to log requests, as JSON lines")
        loader.add_option("suite_fault_plans", str, "", "folder with a JSON file for each case that has plans")
        loader.add_option("suite_logins", str, "{}", "JSON: port of a listener -> the passwords that it accepts")
        loader.add_option("suite_bad_certificates", str, "{}", "JSON: port of a listener -> fault of its certificates")

    def running(self) -> None:
        self.routes: list[dict[str, Any]] = json.loads(Path(ctx.options.suite_routes).read_text())
        self.authorities = {
            route["server"]: AUTHORITIES[route["authority"]](Path(route["state"]))
            for route in self.routes
            if route["authority"]
        }
        self.callers: dict[str, str] = {}
        self.logins: dict[str, list[str]] = json.loads(ctx.options.suite_logins)
        self.fault_plans = FaultPlans(Path(ctx.options.suite_fault_plans))
        wrong: dict[str, str] = json.loads(ctx.options.suite_bad_certificates)
        self.bad_certificates = BadCertificates(Path(ctx.options.confdir), wrong)
        self.log = Path(ctx.options.suite_log).open("ab", buffering=0)  # noqa: SIM115 -- open as long as the process

    def client_disconnected(self, client: connection.Client) -> None:
        self.callers.pop(client.id, None)

    def tls_start_client(self, data: TlsData) -> None:
        self.bad_certificates.present(data)
        demand_certificate(data)

    def http_connect(self, flow: http.HTTPFlow) -> None:
        if self._wants_login(flow):
            return
        self.callers[flow.client_conn.id] = _caller(flow)
        if self._named(flow.request.host) is None:
            self._refuse(flow)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        request = flow.request
        if flow.client_conn.id not in self.callers and self._wants_login(flow):
            return
        route = self._route(flow)
        if route is None:
            self._refuse(flow)
            return
        passage = self._passage(flow)
        passage.server = route["server"]
        passage.host = request.host_header or request.host
        if route["faults"]:
            passage.plan = self.fault_plans.plan(passage.host + request.path)
        if authority := self.authorities.get(passage.server):
            if request.pretty_host == authority.token_host:
                passage.authority = authority  # it needs the body, so `request` answers
                return
            if refusal := authority.refusal(request.path, request.headers):
                self._answer(flow, refusal)
                return
        if passage.plan and passage.plan.renaming:
            request.path = passage.plan.renaming.restored(request.path)
        if passage.plan and passage.plan.paging and request.method == "GET":
            passage.listing = listing_of(request.path, passage.plan.paging)
            if passage.listing and (refused := passage.listing.refusal()):
                self._reply(flow, refused)
                return
            request.path = passage.listing.whole if passage.listing else request.path
        if authority and (vouched := authority.vouched(request.path, request.headers)):
            passage.path, request.path = request.path, vouched
        request.scheme, request.host, request.port = "http", "127.0.0.1", route["port"]
        request.host_header = passage.host  # the assignment above has changed it
        request.stream = self._count_request(passage)

    def request(self, flow: http.HTTPFlow) -> None:
        passage = self._passage(flow)
        if passage.authority:
            body = flow.request.raw_content or b""
            passage.request_bytes = len(body)
            self._answer(flow, passage.authority.token(body))

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        passage = self._passage(flow)
        if flow.response and not passage.logged:
            if passage.plan and (fault := await fault_injection.before_body(passage.plan, flow)):
                passage.injected_fault = fault.kind
                if fault.kind == "answer":
                    passage.response_bytes = int(flow.response.headers["content-length"])
                    self._write(flow)
                    return
            if passage.plan and passage.plan.renaming and passage.plan.renaming.concerns(flow.response):
                return  # its body must be complete, so `response` rewrites it
            if passage.listing:
                await asyncio.sleep(passage.listing.pause_s)
                return
            stream: fault_injection.Stream = self._count_response(flow, flow.response.headers.get("content-length"))
            if passage.plan:
                stream = fault_injection.in_body(passage.plan, flow, stream, partial(self._inject, flow))
            flow.response.stream = stream
            if flow.response.headers.get("content-length") == "0":
                self._write(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        passage = self._passage(flow)
        plan = passage.plan
        if plan and plan.renaming and flow.response and plan.renaming.concerns(flow.response):
            plan.renaming.show(flow.response)
        elif passage.listing and flow.response and flow.response.status_code == 200:
            passage.listing.cut(flow.response, passage.host)
        else:
            self._write(flow)
            return
        passage.response_bytes = len(flow.response.raw_content or b"")
        self._write(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._write(flow)

    def _route(self, flow: http.HTTPFlow) -> dict[str, Any] | None:
        if isinstance(flow.client_conn.proxy_mode, ReverseMode):
            listener = flow.client_conn.sockname[1]
            return next(route for route in self.routes if route["listener"] == listener)
        return self._named(flow.request.pretty_host)

    def _named(self, host: str) -> dict[str, Any] | None:
        for route in self.routes:
            if any(fnmatch(host.removesuffix("."), pattern) for pattern in route["hosts"]):
                return route
        return None

    def _wants_login(self, flow: http.HTTPFlow) -> bool:
        """Whether the listener refuses the client's login. If so, answers 407."""
        passwords = self.logins.get(str(flow.client_conn.sockname[1]))
        if passwords is None or _login(flow) in [(PROXY_USER, password) for password in passwords]:
            return False
        self._passage(flow).host = flow.request.pretty_host
        text = "The proxy accepts no such user and password.\n"
        asked = {"content-type": "text/plain", "proxy-authenticate": 'Basic realm="suite"'}
        self._reply(flow, http.Response.make(407, text, asked))
        return True

    def _refuse(self, flow: http.HTTPFlow) -> None:
        host = flow.request.pretty_host
        self._passage(flow).host = host
        text = f"The conformance suite serves no host {host}; the gateway lets nothing out to the network.\n"
        self._answer(flow, Answer(502, text, {"content-type": "text/plain"}))

    def _answer(self, flow: http.HTTPFlow, answer: Answer) -> None:
        self._reply(flow, http.Response.make(answer.status, answer.text, dict(answer.headers)))

    def _reply(self, flow: http.HTTPFlow, response: http.Response) -> None:
        flow.response = response
        self._passage(flow).response_bytes = len(flow.response.raw_content or b"")
        self._write(flow)

    @staticmethod
    def _count_request(passage: Passage) -> Callable[[bytes], bytes]:
        def count(chunk: bytes) -> bytes:
            passage.request_bytes += len(chunk)
            return chunk

        return count

    def _count_response(self, flow: http.HTTPFlow, length: str | None) -> Callable[[bytes], bytes]:
        passage = self._passage(flow)

        def count(chunk: bytes) -> bytes:
            passage.response_bytes += len(chunk)
            if not chunk or str(passage.response_bytes) == length:
                self._write(flow)
            return chunk

        return count

    @staticmethod
    def _passage(flow: http.HTTPFlow) -> Passage:
        passage: Passage = flow.metadata.setdefault("suite", Passage())
        return passage

    def _inject(self, flow: http.HTTPFlow, fault: Fault) -> None:
        self._passage(flow).injected_fault = fault.kind
        self._write(flow)

    def _write(self, flow: http.HTTPFlow) -> None:
        passage = self._passage(flow)
        if passage.logged:
            return
        passage.logged = True
        line = {
            "time": passage.began,
            "server": passage.server,
            "host": passage.host,
            "method": flow.request.method,
            "path": passage.path or flow.request.path,
            "status": flow.response.status_code if flow.response else None,
            "request_bytes": passage.request_bytes,
            "response_bytes": passage.response_bytes,
            "injected_fault": passage.injected_fault,
            "caller": _caller(flow) or self.callers.get(flow.client_conn.id, ""),
            "headers": {name.lower(): flow.request.headers[name] for name in flow.request.headers},
        }
        self.log.write(json.dumps(line).encode() + b"\n")


def _caller(flow: http.HTTPFlow) -> str:
    """The user name that the client gave to the forward proxy; "" for none."""
    return _login(flow)[0]


def _login(flow: http.HTTPFlow) -> tuple[str, str]:
    """The user name and password that the client gave to the forward proxy; empty for none."""
    kind, _, given = flow.request.headers.get("proxy-authorization", "").partition(" ")
    user, _, password = (base64.b64decode(given).decode() if kind.lower() == "basic" else "").partition(":")
    return user, password


addons = [Addon()]
