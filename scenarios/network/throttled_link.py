"""A link of known speed between an initializer and its stores, throttled by toxiproxy.

It limits each connection separately, as cloud stores do. The gain of many connections over one is then the same on
every machine. The link is in front of the gateway, so the gateway's log has all its traffic.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.go import go_binary
from scenarios.network.view import LOOPBACK
from scenarios.servers.base import DIRECT, Unavailable
from scenarios.servers.process import free_ports, launch, wait_until_ready

VERSION = "v2.5.0"
READY_WITHIN_S = 20.0


@dataclass(frozen=True)
class ThrottledLink:
    """The speed of a link.

    rate     bytes per second towards the initializer, for each connection.
    delay_s  latency towards the initializer, in seconds.
    """

    rate: int
    delay_s: float = 0.0


@dataclass(frozen=True)
class Throttled:
    """A running link. `ends` maps an address behind it (`HOST:PORT`) to the address of its front end."""

    ends: Mapping[str, str]

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """A call's variables, with each address behind the link replaced by its front end."""
        return {name: self._led(value) for name, value in given.items()}

    def _led(self, value: str) -> str:
        for behind, before in self.ends.items():
            value = value.replace(behind, before)
        return value


@contextmanager
def throttle(link: ThrottledLink, addresses: set[str], folder: Path) -> Iterator[Throttled]:
    """Throttle the connections to each of the `addresses` (`HOST:PORT`). Raises Unavailable."""
    (port,) = free_ports(1)
    api = f"http://{LOOPBACK}:{port}"
    argv = [str(program()), "-host", LOOPBACK, "-port", str(port)]
    process = launch(argv, folder / "toxiproxy.log", folder, {"LOG_LEVEL": "error"})
    try:
        wait_until_ready("toxiproxy", process, lambda: _answers(api), READY_WITHIN_S)
        yield Throttled({address: _lead(api, address, link) for address in sorted(addresses)})
    finally:
        process.stop()


def address(url: str) -> str:
    """`HOST:PORT` of a URL."""
    return urlsplit(url).netloc


def program() -> Path:
    """The path of toxiproxy's server. Raises Unavailable."""
    try:
        return go_binary("github.com/Shopify/toxiproxy/v2/cmd/server", VERSION, "server")
    except ToolFailed as failure:
        raise Unavailable(str(failure)) from failure


def _lead(api: str, behind: str, link: ThrottledLink) -> str:
    """Create a proxy to the address. Returns the proxy's own address."""
    name = behind.replace(":", "-")
    made = _post(api, "/proxies", name=name, listen=f"{LOOPBACK}:0", upstream=behind, enabled=True)
    speed = {"rate": link.rate // 1000}  # toxiproxy counts kilobytes per second
    _post(api, f"/proxies/{name}/toxics", type="bandwidth", stream="downstream", attributes=speed)
    if link.delay_s:
        delay = {"latency": round(link.delay_s * 1000)}
        _post(api, f"/proxies/{name}/toxics", type="latency", stream="downstream", attributes=delay)
    return str(made["listen"])


def _post(api: str, path: str, **content: object) -> dict[str, Any]:
    request = urllib.request.Request(f"{api}{path}", json.dumps(content).encode())  # noqa: S310 - our own
    with DIRECT.open(request, timeout=READY_WITHIN_S) as answer:
        made: dict[str, Any] = json.load(answer)
    return made


def _answers(api: str) -> bool:
    try:
        DIRECT.open(f"{api}/version", timeout=2).close()
    except OSError:
        return False
    return True
