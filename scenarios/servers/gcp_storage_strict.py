"""Refuse the ranges, generations and addresses that Google Cloud Storage refuses and gcp-storage-emulator serves.

The emulator serves an empty range past the end of an object, any generation, and addresses that Google does not have.
It answers 404 without a body. `install` changes these.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from gcp_storage_emulator import server  # type: ignore[import-untyped]
from gcp_storage_emulator.exceptions import NotFound  # type: ignore[import-untyped]

Handler = Callable[..., None]
#: Addresses of the emulator that the service does not have.
FOREIGN = re.compile(r"\^/(b|wipe|_internal)\b")
RANGE = re.compile(r"bytes=(\d+)-\d*")


class Response(server.Response):  # type: ignore[misc]
    """A response whose errors have the service's JSON."""

    def close(self) -> None:
        if self.status >= HTTPStatus.BAD_REQUEST and not self._content:
            reason = {"message": self.status.phrase, "domain": "global", "reason": self.status.name}
            self.json({"error": {"code": self.status.value, "message": self.status.phrase, "errors": [reason]}})
        super().close()


def strict(handler: Handler) -> Handler:
    """The handler of an object, after a look at the generation and the range of the request."""

    def answer(request: Any, response: Any, storage: Any, *given: object, **named: object) -> None:  # noqa: ANN401
        place = (request.params["bucket_name"], request.params["object_id"])
        try:
            known = storage.get_file_obj(*place)
        except NotFound:
            response.status = HTTPStatus.NOT_FOUND
            return
        wanted = request.query.get("generation", [known["generation"]])[0]
        if wanted != str(known["generation"]):
            response.status = HTTPStatus.NOT_FOUND
            return
        span = RANGE.fullmatch(request.get_header("range", None) or "")
        if span and int(span[1]) >= int(known["size"]):
            response.status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            response["Content-Range"] = f"bytes */{known['size']}"
            return
        handler(request, response, storage, *given, **named)

    return answer


def install() -> None:
    """Replace the handlers of objects, and remove the addresses that the service does not have."""
    server.Response = Response
    server.HANDLERS = tuple(
        (
            regex,
            {**handlers, "GET": strict(handlers["GET"])} if "object_id" in regex and "GET" in handlers else handlers,
        )
        for regex, handlers in server.HANDLERS
        if not FOREIGN.match(regex)
    )
