"""The fleet: all servers of a run and their gateway. One process starts it; every worker receives it as plain data."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from scenarios.network import gateway as gateways
from scenarios.network.view import LOOPBACK, Gateway
from scenarios.servers.base import Endpoint, Server, Unavailable
from scenarios.servers.process import ServerProcess, Started, start

log = logging.getLogger("conformance.setup")

#: Seconds within which a server on a busy machine must accept a connection.
ANSWER_WITHIN_S = 10.0


class RunningServer(Protocol):
    """A part of a fleet that runs until `stop`."""

    def stop(self) -> None:
        """End it. Returns when it has ended."""


@dataclass(frozen=True)
class Fleet:
    """The running servers and their gateway.

    folder       the run's folder, with logs and the state of the servers; `stop` removes it.
    endpoints    server name -> endpoint.
    unavailable  server name -> why it does not run.
    """

    folder: Path
    _gateway: Gateway | None
    endpoints: Mapping[str, Endpoint]
    unavailable: Mapping[str, str]
    _processes: tuple[RunningServer, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def start(cls, servers: Collection[type[Server]], folder: Path, host: str = LOOPBACK) -> Fleet:
        """Prepare and start `servers` in parallel, then the gateway. Creates `folder`, which the fleet then owns.

        A server that fails is recorded in `unavailable` and does not affect the others. A failure of the gateway raises
        Unavailable, because the suite observes nothing without it. Initializers use the host name `host` for all of it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with ThreadPoolExecutor(max(1, len(servers))) as threads:
            outcomes = dict(zip(servers, threads.map(lambda server: _try(server, folder), servers), strict=True))
        started = [outcome for outcome in outcomes.values() if not isinstance(outcome, str)]
        unavailable = {server.name: reason for server, reason in outcomes.items() if isinstance(reason, str)}
        routes = [
            gateways.Route(e.server, e.direct_url, one.server.hosts, one.server.authority, e.state, one.server.faults)
            for one, e in started
        ]
        try:
            before = gateways.start(routes, folder, host)
        except Unavailable:
            for one, _ in started:
                one.process.stop()
            raise
        endpoints = {e.server: replace(e, url=before.urls[e.server]) for _, e in started}
        log.info("%d servers run after %.1f s: %s", len(endpoints), time.monotonic() - began, ", ".join(endpoints))
        processes = (before.process, *(one.process for one, _ in started))
        return cls(folder, before.gateway, endpoints, unavailable, processes)

    @classmethod
    def without_servers(cls, folder: Path) -> Fleet:
        """Return the fleet of a run that calls no initializer: it has a folder, but no server and no gateway."""
        return cls(folder, None, {}, {})

    @property
    def gateway(self) -> Gateway:
        """The gateway between initializers and servers. No case of a run without servers may ask for it."""
        assert self._gateway, "the run has no gateway, because it calls no initializer"  # noqa: S101
        return self._gateway

    def lost(self, server: str) -> str:
        """Whichever of the gateway and `server` (a name; "" for none) refuses connections; "" if neither does."""
        urls = {"the gateway": self.gateway.proxy_url}
        if server in self.endpoints:
            urls[server] = self.endpoints[server].direct_url
        for name, url in urls.items():
            address = urlsplit(url)
            try:
                socket.create_connection((address.hostname, address.port), ANSWER_WITHIN_S).close()
            except OSError as error:
                return f"{name} no longer accepts connections: {error}"
        return ""

    def pids(self) -> list[int]:
        """The process IDs of the servers and the gateway that run on this machine."""
        return [one.popen.pid for one in self._processes if isinstance(one, ServerProcess)]

    def stop(self) -> None:
        """End every process and remove the run's folder. Only the process that called `start` may call this."""
        for process in self._processes:
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def to_json(self) -> str:
        """Everything but the processes, for another process of the run."""
        plain = {
            "folder": self.folder,
            "gateway": self._gateway and asdict(self._gateway),
            "endpoints": {name: asdict(endpoint) for name, endpoint in self.endpoints.items()},
            "unavailable": self.unavailable,
        }
        return json.dumps(plain, default=str)

    @classmethod
    def from_json(cls, text: str) -> Fleet:
        """Read the output of `to_json`. The result cannot be stopped."""
        plain = json.loads(text)
        return cls(
            Path(plain["folder"]),
            Gateway(**_paths(plain["gateway"], "ca", "log")) if plain["gateway"] else None,
            {name: Endpoint(**_paths(fields, "state", "log")) for name, fields in plain["endpoints"].items()},
            plain["unavailable"],
        )


def _try(kind: type[Server], folder: Path) -> tuple[Started, Endpoint] | str:
    """Start a server. Returns it with its endpoint, or why it does not run."""
    server = kind()
    try:
        server.prepare()
        started = start(server, folder)
    except Unavailable as reason:
        log.info("%s does not run: %s", kind.name, reason)
        return str(reason)
    try:
        extra = server.after_start(started.url, started.state)
    except Exception as error:  # a client library may raise anything; the other servers stay usable
        started.process.stop()
        return f"the suite could not set up {kind.name}: {error!r}. The end of its log:\n{started.process.last_lines()}"
    return started, Endpoint(
        server=server.name,
        version=server.version(),
        fidelity=server.fidelity,
        url=started.url,
        direct_url=started.url,
        state=started.state,
        log=started.process.log,
        extra=extra,
    )


def _paths(fields: dict[str, str], *names: str) -> dict[str, Any]:
    return {name: Path(value) if name in names else value for name, value in fields.items()}
