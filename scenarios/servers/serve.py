"""The fleet as a program for a pod: `python -m scenarios.servers.serve --host HOST --folder FOLDER MODULE:CLASS ...`.

When all servers answer, the program writes the fleet to `FOLDER/fleet.json`. Servers listen on the loopback address, as
everywhere. For uploads from outside the pod, port FIRST_DIRECT_PORT + n of every address leads to the n-th class.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from scenarios.network.view import LOOPBACK
from scenarios.servers.base import Server, Unavailable
from scenarios.servers.fleet import Fleet

#: The file that the program writes to its folder when all servers are ready.
FLEET = "fleet.json"
FIRST_DIRECT_PORT = 10000
CHUNK = 2**18


def main() -> None:
    """Start the fleet and serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True, help="the name by which initializers reach this pod")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("servers", nargs="*", metavar="MODULE:CLASS")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    servers = [_named(name) for name in options.servers]
    try:
        fleet = Fleet.start(servers, options.folder, options.host)
    except Unavailable as reason:
        sys.exit(str(reason))
    asyncio.run(_serve(fleet, servers))


def _named(name: str) -> type[Server]:
    module, _, kind = name.partition(":")
    server: type[Server] = getattr(importlib.import_module(module), kind)
    return server


async def _serve(fleet: Fleet, servers: Sequence[type[Server]]) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    for port, server in enumerate(servers, FIRST_DIRECT_PORT):
        if endpoint := fleet.endpoints.get(server.name):
            await _relay(port, int(urlsplit(endpoint.direct_url).port or 0))
    draft = fleet.folder / f".{FLEET}"
    draft.write_text(fleet.to_json())
    draft.replace(fleet.folder / FLEET)
    await ended.wait()  # the kernel ends the servers with the pod's first process


async def _relay(port: int, target: int) -> None:
    """Forward connections from `port` of every address to the local port `target`."""

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, onward = await asyncio.open_connection(LOOPBACK, target)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_pump(reader, onward), _pump(back, writer))
        onward.close()
        writer.close()

    await asyncio.start_server(lead, port=port, backlog=1024)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Forward every byte, then the end of the stream or its failure."""
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


if __name__ == "__main__":
    main()
