"""A relay from an IPv6 address of this machine to an IPv4 address."""

from __future__ import annotations

import contextlib
import shutil
import socket
import socketserver
import threading
from collections.abc import Iterator

from scenarios.reasons import NotOffered


class _Relay(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    target: tuple[str, int]


class _Connection(socketserver.StreamRequestHandler):
    server: _Relay

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as onward, onward.makefile("rwb", 0) as stream:
            back = threading.Thread(target=_pass_on, args=(stream, self.wfile, self.connection), daemon=True)
            back.start()
            _pass_on(self.rfile, stream, onward)
            back.join()


def _pass_on(source: object, target: object, end: socket.socket) -> None:
    """Copy until the source ends, and then end the sending side of `end`."""
    with contextlib.suppress(OSError):
        shutil.copyfileobj(source, target, 1)  # type: ignore[arg-type]
        end.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relayed(host: str, port: int) -> Iterator[str]:
    """An address `[::1]:PORT` that leads to the port. Raises NotOffered on a machine without IPv6."""
    try:
        relay = _Relay(("::1", 0), _Connection)
    except OSError as error:
        raise NotOffered(f"this machine has no IPv6: {error}") from error
    relay.target = (host, port)
    with relay:
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        yield f"[::1]:{relay.server_address[1]}"
        relay.shutdown()
