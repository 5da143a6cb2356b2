"""`gs://BUCKET/OBJECT`: credentials by google-auth, objects by the JSON API.

google-cloud-storage writes into files of its own choice and cannot go on from a byte, so that it is of no use here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import google.auth
from google.auth import compute_engine
from google.auth import exceptions as trouble
from google.auth.transport.requests import Request

from initializer import credentials, limits, remote, web
from initializer.failure import Failure, Transient, not_found, unauthenticated
from initializer.limits import Environment
from initializer.remote import RemoteFile

BACKEND = "GCS"
API = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
REMEDY = (
    "Check bucket and path, and the service account's file in GOOGLE_APPLICATION_CREDENTIALS or the pod's identity."
)
#: Seconds for one answer of a token service.
TOKEN_S = 8

Result = TypeVar("Result")


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:
    """The object, or all objects below the prefix."""
    bucket, _, path = uri.removeprefix("gs://").partition("/")
    if not bucket:
        raise Failure(uri, "malformed: the bucket is missing", "Expected gs://BUCKET/PATH.")
    site = web.Web(uri, REMEDY, limits.of(environment, BACKEND))
    login = Login(site, environment)
    found = False
    entries = login.opening(lambda: list(remote.once(listing(site, login, bucket, path), uri)))
    for name, entry in remote.named(path, entries):
        found = True
        url = address(bucket, entry)
        if entry.get("contentEncoding") == "gzip":  # the size is that of the stored bytes
            yield RemoteFile(name, None, partial(read_decoded, site, login, url), parts=False)
        else:
            yield RemoteFile(name, int(entry["size"]), partial(read, site, login, url))
    if not found:
        raise not_found(uri, f"No model found in the bucket {bucket} at {path!r}. {REMEDY}")


class Login:
    """A service account's key, or the identity of the pod: of a token file, or of the node.

    An identity is asked for when the store wants one: public objects need none, and its service may be down.
    """

    def __init__(self, site: web.Web, environment: Environment) -> None:
        self.site = site
        self.environment = environment
        self.request = partial(Request(site.session), timeout=TOKEN_S)
        self.credentials: Any = None
        if has_key(environment):
            self.find()

    def opening(self, ask: Callable[[], Result]) -> Result:
        """The result of the first request, which decides whether an identity is needed. Raises Transient, Failure."""
        try:
            return ask()
        except Transient:
            raise
        except Failure:
            if self.credentials is not None:
                raise
            self.find()
            if self.credentials is None:
                raise
            return ask()

    def find(self) -> None:
        """Take the credentials that the environment names, else those of the node. Raises Transient, Failure."""
        if self.environment.get("GOOGLE_APPLICATION_CREDENTIALS"):
            self.credentials = self.asking(lambda: google.auth.default(scopes=[SCOPE], request=self.request)[0])
        elif not credentials.is_true(self.environment, "NO_GCE_CHECK"):
            self.credentials = compute_engine.Credentials(scopes=[SCOPE])  # type: ignore[no-untyped-call]

    def headers(self) -> dict[str, str]:
        """What a request carries; a token that has run out is renewed. Raises Transient, Failure."""
        if self.credentials is None:
            return {}
        if not self.credentials.valid:
            self.asking(lambda: self.credentials.refresh(self.request))
        return {"Authorization": f"Bearer {self.credentials.token}"}

    def asking(self, request: Callable[[], Result]) -> Result | None:
        """What Google's library answers; None where it knows no credentials. Raises Transient, Failure."""
        try:
            return request()
        except trouble.DefaultCredentialsError:
            return None
        except trouble.TransportError as error:
            raise unreached(error, self.site.resource) from error
        except trouble.OAuthError as error:
            if not str(error.args[0]).startswith("Error code"):  # no answer of OAuth, but of something before it
                raise Transient(self.site.resource, "the token service is unavailable") from error
            raise unauthenticated(self.site.resource, REMEDY) from error
        except (trouble.GoogleAuthError, ValueError) as error:
            raise unauthenticated(self.site.resource, REMEDY) from error


def has_key(environment: Environment) -> bool:
    """Whether the environment names a file with a key, and no configuration of an identity."""
    path = environment.get("GOOGLE_APPLICATION_CREDENTIALS")
    try:
        return bool(path) and json.loads(Path(path or "").read_text())["type"] != "external_account"
    except (OSError, ValueError, LookupError, TypeError):
        return bool(path)


def unreached(error: Exception, resource: str) -> Failure:
    """The token service could not be reached."""
    if "certificate" in str(error).lower():
        return web.certificate(error, resource)
    if "proxy" in str(error).lower():
        return web.proxied(error, resource)
    return Transient(resource, "no connection to the token service")


def listing(site: web.Web, login: Login, bucket: str, prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The objects whose names start with the prefix."""
    query = {"prefix": prefix, "fields": "kind,items(name,size,generation,contentEncoding),nextPageToken"}
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


def read_decoded(site: web.Web, login: Login, url: str, start: int, stop: int | None) -> Iterator[bytes]:
    """The original of an object that is stored in gzip; asked for as it is stored, it comes with its length."""
    assert stop is None
    return site.content(site.get(url, {**login.headers(), "Accept-Encoding": "gzip"}), start)
