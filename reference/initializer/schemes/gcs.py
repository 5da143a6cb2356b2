"""`gs://BUCKET/OBJECT`: credentials by google-auth, objects by the JSON API.

google-cloud-storage writes into files of its own choice and cannot go on from a byte, so that it is of no use here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import google.auth
import google.auth.exceptions
from google.auth.transport.requests import Request

from initializer import limits, remote, web
from initializer.failure import Failure, Transient, not_found, unauthenticated
from initializer.limits import Environment
from initializer.remote import RemoteFile

BACKEND = "GCS"
API = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
REMEDY = "Check bucket and path, and the service account's file in GOOGLE_APPLICATION_CREDENTIALS."


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:
    """The object, or all objects below the prefix."""
    bucket, _, path = uri.removeprefix("gs://").partition("/")
    if not bucket:
        raise Failure(uri, "malformed: the bucket is missing", "Expected gs://BUCKET/PATH.")
    site = web.Web(uri, REMEDY, limits.of(environment, BACKEND))
    login = Login(site)
    found = False
    for name, entry in remote.named(path, listing(site, login, bucket, path)):
        found = True
        yield RemoteFile(name, int(entry["size"]), partial(read, site, login, address(bucket, entry)))
    if not found:
        raise not_found(uri, f"No model found in the bucket {bucket} at {path!r}. {REMEDY}")


class Login:
    """Credentials as Google's libraries find them; without any, public objects are asked for."""

    def __init__(self, site: web.Web) -> None:
        self.site = site
        try:
            self.credentials: Any = google.auth.default(scopes=[SCOPE])[0]
        except google.auth.exceptions.DefaultCredentialsError:
            self.credentials = None

    def headers(self) -> dict[str, str]:
        """What a request carries; a token that has run out is renewed. Raises Transient, Failure."""
        if self.credentials is None:
            return {}
        try:
            if not self.credentials.valid:
                self.credentials.refresh(Request(self.site.session))
        except google.auth.exceptions.TransportError as error:
            raise unreached(error, self.site.resource) from error
        except google.auth.exceptions.GoogleAuthError as error:
            raise unauthenticated(self.site.resource, REMEDY) from error
        return {"Authorization": f"Bearer {self.credentials.token}"}


def unreached(error: Exception, resource: str) -> Failure:
    """The token service could not be reached."""
    if "certificate" in str(error).lower():
        return web.certificate(error, resource)
    return Transient(resource, "no connection to the token service")


def listing(site: web.Web, login: Login, bucket: str, prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The objects whose names start with the prefix, in order."""
    query = {"prefix": prefix, "fields": "items(name,size,generation),nextPageToken"}
    token = ""
    while True:
        asked = urlencode(query | ({"pageToken": token} if token else {}))
        with site.get(f"{API}/storage/v1/b/{quote(bucket, safe='')}/o?{asked}", login.headers()) as answer:
            page = web.json_of(answer, site.resource)
        for entry in page.get("items", []):
            yield entry["name"], entry
        token = page.get("nextPageToken", "")
        if not token:
            return


def address(bucket: str, entry: dict[str, str]) -> str:
    """Where the object's content is, of the generation that was listed."""
    generation = f"&generation={entry['generation']}" if "generation" in entry else ""
    place = f"{quote(bucket, safe='')}/o/{quote(entry['name'], safe='')}"
    return f"{API}/download/storage/v1/b/{place}?alt=media{generation}"


def read(site: web.Web, login: Login, url: str, start: int, stop: int | None) -> Iterator[bytes]:
    """The object's bytes."""
    return site.read(url, start, stop, login.headers())
