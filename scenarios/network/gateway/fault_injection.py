"""Inject faults with mitmproxy: replace or delay responses in its hooks, or act on the client's connection."""

from __future__ import annotations

import asyncio
import fcntl
import math
import re
import socket
import struct
import termios
import time
from collections.abc import Callable, Iterable

from mitmproxy import ctx, http

from scenarios.network.faults import Fault
from scenarios.network.gateway.fault_plan import FaultPlan

Stream = Callable[[bytes], bytes | Iterable[bytes]]
#: SO_LINGER: close with a reset.
_AT_ONCE = struct.pack("ii", 1, 0)
#: Seconds that a client has to receive sent data before its connection breaks.
_SENT_WITHIN_S = 30.0
_ENDING: set[asyncio.Task[None]] = set()


async def before_body(plan: FaultPlan, flow: http.HTTPFlow) -> Fault | None:
    """Inject a fault after the response headers: wait, or replace the response. Returns the injected fault."""
    assert flow.response, "the headers have come"  # noqa: S101
    length = _length(flow.request, flow.response)
    for fault in plan.faults:
        if fault.kind in {"answer", "slow"} and length >= fault.least and _asked(fault, flow) and plan.hits(fault):
            if fault.kind == "slow":
                await asyncio.sleep(fault.delay_s)
            else:
                _replace(flow, flow.response, fault)
            return fault
    return None


def _asked(fault: Fault, flow: http.HTTPFlow) -> bool:
    """Whether the fault concerns the request of `flow`."""
    request = flow.request
    scheme = "https" if flow.client_conn.tls_established else "http"
    headers = [f"{name.lower()}: {request.headers[name]}" for name in request.headers]
    return re.search(fault.request, "\n".join([f"{request.method} {scheme} {request.path}", *headers])) is not None


def _length(request: http.Request, response: http.Response) -> float:
    """The length of a body in bytes. Git sends packs, the answers to POST, without a length."""
    unknown = math.inf if request.method == "POST" else 0
    return 0 if request.method == "HEAD" else int(response.headers.get("content-length", 0)) or unknown


def _replace(flow: http.HTTPFlow, response: http.Response, fault: Fault) -> None:
    """Replace the response. `stream` discards the body of the original one."""
    bodiless = flow.request.method == "HEAD" or response.headers.get("content-length") == "0"
    text = b"" if bodiless else fault.text.encode()
    pending = [text] if text else []

    def swallow(_: bytes) -> Iterable[bytes]:
        return [pending.pop()] if pending else []

    headers = {name: value.replace("{path}", flow.request.path) for name, value in fault.headers.items()}
    flow.response = http.Response.make(fault.status, b"", headers)
    flow.response.headers["content-length"] = str(len(text))
    flow.response.stream = swallow


def in_body(plan: FaultPlan, flow: http.HTTPFlow, passed: Stream, injected_fault: Callable[[Fault], None]) -> Stream:
    """Pass on `passed` until a fault hits the body. Then drop the rest and call `injected_fault` with the fault."""
    faults = [fault for fault in plan.faults if fault.kind in {"stall", "reset", "cut"}]
    seen, over = 0, False

    def stream(chunk: bytes) -> bytes | Iterable[bytes]:
        nonlocal seen, over
        if over:
            return []
        seen, before = seen + len(chunk), seen
        for fault in faults:
            if before < fault.after <= seen and plan.hits(fault):
                over = True
                part = passed(chunk[: fault.after - before])
                injected_fault(fault)
                _end(flow, fault)
                return part
        return passed(chunk)

    return stream


def _end(flow: http.HTTPFlow, fault: Fault) -> None:
    """Stop all further data to the client, in the way that the fault defines."""
    servers = ctx.master.addons.get("proxyserver")  # type: ignore[no-untyped-call]
    writer = servers.connections[flow.client_conn.id].transports[flow.client_conn].writer
    if fault.kind == "stall":
        # mitmproxy reads on only after its writers have drained, and this one never drains again.
        writer.transport.set_write_buffer_limits(high=1 << 30)
        writer.transport.get_protocol().pause_writing()
        return
    if fault.kind == "reset":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    end = writer.transport.abort if fault.kind == "reset" else writer.close
    ending = asyncio.get_running_loop().create_task(_once_sent(writer, end))
    _ENDING.add(ending)
    ending.add_done_callback(_ENDING.discard)


async def _once_sent(writer: asyncio.StreamWriter, end: Callable[[], None]) -> None:
    """End a connection after the client's kernel has received all data, because a reset discards data in flight."""
    await asyncio.sleep(0)  # the last part is written after the calling hook has returned
    writer.write = lambda data: None  # type: ignore[method-assign]  # noqa: ARG005 -- a body in chunks has an end
    transport = writer.transport
    deadline = time.monotonic() + _SENT_WITHIN_S
    while time.monotonic() < deadline and (transport.get_write_buffer_size() or _on_the_way(transport)):
        await asyncio.sleep(0.005)
    end()


def _on_the_way(transport: asyncio.WriteTransport) -> int:
    """Bytes that the client's kernel has not yet acknowledged. 0 if the platform cannot count them."""
    connection = transport.get_extra_info("socket")
    try:
        (waiting,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return 0
    return int(waiting)
