"""gcp-storage-emulator for many clients and any object name: `python -m scenarios.servers.gcp_storage_app PORT`.

The original serves one connection at a time. It stores objects under their names as paths, so `folder/` and `a/../b`
break it. It rejects empty objects, does not quote object names in links, and rewrites its whole index on every upload.
`gcp_storage_strict` adds what Google refuses: ranges past the end, other generations, addresses of emulators alone.
The emulator ignores `contentEncoding`, so `download` adds https://cloud.google.com/storage/docs/transcoding.

Cloud Storage also does the following; this emulator does not, and that hides no defect:

- Pages of 1000 objects. The gateway cuts listings into pages, for the rules about them.
- `fields` and `userProject`: an answer has more than a client asks for, and nobody pays.
- Decompressed objects in chunks: the emulator sends them with their length.
- Suffix ranges (`bytes=-3`): the emulator sends the whole object with 200, and fake-gcs-server the suffix.
- Credentials: a part of the gateway checks them (`google_accounts`).
"""

from __future__ import annotations

import gzip
import http.server
import sys
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from gcp_storage_emulator import server, storage  # type: ignore[import-untyped]
from gcp_storage_emulator.handlers import objects  # type: ignore[import-untyped]

from scenarios.servers import gcp_storage_strict

PUBLIC = "https://storage.googleapis.com"
_resource = objects._make_object_resource  # noqa: SLF001
_download = objects.download


class FlatStorage(storage.Storage):  # type: ignore[misc]
    """Objects in memory, each under one quoted name."""

    def _object_path(self, bucket_name: str, file_name: str) -> str:
        return f"{bucket_name}/={quote(file_name, safe='')}"

    def _write_config_to_file(self) -> None:
        """Do nothing: no process reads the index after the run."""


class Request(server.Request):  # type: ignore[misc]
    """A request that accepts an empty body."""

    @property
    def data(self) -> object:
        data: object = super().data
        return b"" if data is None else data


def resource(base_url: str, bucket_name: str, object_name: str, *details: object) -> dict[str, str]:
    """An object's metadata, with a link like Google's: the public host and a quoted name."""
    described: dict[str, str] = _resource(base_url, bucket_name, object_name, *details)
    link = f"{PUBLIC}/download/storage/v1/b/{bucket_name}/o/{quote(object_name, safe='')}"
    return described | {"mediaLink": f"{link}?generation={described['generation']}&alt=media"}


def download(request: Any, response: Any, storage: storage.Storage, *given: object, **named: object) -> None:  # noqa: ANN401
    """Serve a compressed object unchanged to a client that accepts gzip, and to others decompressed and whole."""
    _download(request, response, storage, *given, **named)
    place = (request.params["bucket_name"], request.params["object_id"])
    if response.status is HTTPStatus.NOT_FOUND or storage.get_file_obj(*place).get("contentEncoding") != "gzip":
        return
    response["X-Goog-Stored-Content-Encoding"] = "gzip"
    if "gzip" in request.get_header("accept-encoding", ""):
        response["Content-Encoding"] = "gzip"
        return
    response.status = HTTPStatus.OK
    response._headers.pop("Content-Range", None)  # noqa: SLF001
    response.write_file(gzip.decompress(storage.get_file(*place)), content_type=None)


if __name__ == "__main__":
    for _, handlers in server.HANDLERS:
        handlers.update({method: download for method, handler in handlers.items() if handler is _download})
    objects.download = download
    server.Storage = FlatStorage
    objects._make_object_resource = resource  # noqa: SLF001
    server.Request = Request
    http.server.HTTPServer = http.server.ThreadingHTTPServer  # type: ignore[misc]
    # Each request is a separate connection. The default queue holds five; further ones can be delayed by seconds.
    http.server.ThreadingHTTPServer.request_queue_size = 128
    gcp_storage_strict.install()
    server.create_server("127.0.0.1", int(sys.argv[1]), in_memory=True).run()
