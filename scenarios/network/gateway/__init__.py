"""The gateway between initializers and servers: one mitmdump with forward proxies and a reverse listener per server.

One forward proxy presents valid certificates. Another requires a user and a password, as proxies of companies do. Each
further one presents certificates with one particular fault.

The gateway forwards plain HTTP to the servers of this run. It answers requests for any other host with 502.
Each listener serves HTTP and HTTPS on the same port, with certificates of the suite's own CA.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scenarios.network.view import BAD_CERTIFICATES, LOOPBACK, Gateway, fault_plans_beside
from scenarios.servers.base import Unavailable, require_packages
from scenarios.servers.process import PORT_ATTEMPTS, ServerProcess, free_ports, is_free, launch, wait_until_ready

READY_WITHIN_S = 30.0
_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 -- of a pod
_ADDON = Path(__file__).with_name("addon.py")
_MITMDUMP = "from mitmproxy.tools.main import mitmdump; mitmdump()"
_OPTIONS = {
    "connection_strategy": "lazy",
    "upstream_cert": "false",
    "keep_host_header": "true",
    # Forward requests unchanged, even malformed ones, and use HTTP/1 only, like the servers.
    "validate_inbound_headers": "false",
    "http2": "false",
    "http3": "false",
    "block_global": "false",
    "rawtcp": "false",
    "websocket": "false",
    "show_ignored_hosts": "false",
}


@dataclass(frozen=True)
class Route:
    """A server behind the gateway: its address, and the host names (or `*.suffix` patterns) that lead to it.

    authority, faults  see `Server`.
    state      the folder with the accounts of that authority.
    """

    server: str
    direct_url: str
    hosts: Sequence[str]
    authority: str
    state: Path
    faults: bool = True


@dataclass(frozen=True)
class StartedGateway:
    """A running gateway. `urls` maps a server to its reverse listener."""

    process: ServerProcess
    gateway: Gateway
    urls: Mapping[str, str]


def start(routes: Sequence[Route], folder: Path, host: str = LOOPBACK) -> StartedGateway:
    """Start the gateway for `routes`, with its log and its CA below `folder`. Raises Unavailable.

    host  the host name that initializers use. With any but the loopback address, other machines can connect.
    """
    require_packages("mitmproxy")
    home = folder / "gateway"
    home.mkdir(parents=True)
    passwords = {"plain": f"proxy{secrets.token_hex(8)}", "reserved": f"p@ss:w/rd%{secrets.token_hex(8)}"}
    for attempt in range(1, PORT_ATTEMPTS + 1):
        forward, guarded, *others = ports = free_ports(2 + len(BAD_CERTIFICATES) + len(routes))
        bad_certificates = dict(zip(BAD_CERTIFICATES, others, strict=False))
        reverse = others[len(BAD_CERTIFICATES) :]
        listeners = dict(zip((route.server for route in routes), reverse, strict=True))
        requests = home / "requests.jsonl"
        (home / "routes.json").write_text(json.dumps(_table(routes, listeners)))
        modes = _modes(host, [forward, guarded, *bad_certificates.values()], routes, listeners)
        logins = {guarded: list(passwords.values())}
        argv = _command(home, modes, requests, bad_certificates, logins)
        process = launch(argv, folder / "gateway.log", home)
        try:
            wait_until_ready("the gateway", process, requests.exists, READY_WITHIN_S)
        except Unavailable:
            if attempt < PORT_ATTEMPTS and not all(map(is_free, ports)):
                continue
            raise
        urls = {server: f"http://{host}:{port}" for server, port in listeners.items()}
        proxies = {wrong: f"http://{host}:{port}" for wrong, port in bad_certificates.items()}
        ca = home / "mitmproxy-ca-cert.pem"
        gateway = Gateway(f"http://{host}:{forward}", ca, requests, proxies, f"http://{host}:{guarded}", passwords)
        return StartedGateway(process, gateway, urls)
    raise AssertionError("the last attempt returns or raises")


def _modes(host: str, forward: Sequence[int], routes: Sequence[Route], listeners: Mapping[str, int]) -> list[str]:
    address = host if host == LOOPBACK else _EVERY_ADDRESS
    reverse = [f"reverse:{route.direct_url}@{address}:{listeners[route.server]}" for route in routes]
    return [*(f"regular@{address}:{port}" for port in forward), *reverse]


def _command(
    home: Path,
    modes: Sequence[str],
    requests: Path,
    bad_certificates: Mapping[str, int],
    logins: Mapping[int, Sequence[str]],
) -> list[str]:
    options = {
        **_OPTIONS,
        "confdir": str(home),
        "suite_routes": str(home / "routes.json"),
        "suite_log": str(requests),
        "suite_fault_plans": str(fault_plans_beside(requests)),
        "suite_bad_certificates": json.dumps({port: wrong for wrong, port in bad_certificates.items()}),
        "suite_logins": json.dumps(logins),
    }
    argv = [sys.executable, "-c", _MITMDUMP, "--quiet", "--scripts", str(_ADDON)]
    for mode in modes:
        argv += ["--mode", mode]
    for name, value in options.items():
        argv += ["--set", f"{name}={value}"]
    return argv


def _table(routes: Sequence[Route], listeners: Mapping[str, int]) -> list[dict[str, object]]:
    return [
        {
            "server": route.server,
            "port": urlsplit(route.direct_url).port,
            "listener": listeners[route.server],
            "hosts": list(route.hosts),
            "authority": route.authority,
            "state": str(route.state),
            "faults": route.faults,
        }
        for route in routes
    ]
