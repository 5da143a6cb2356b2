"""What Azure's stores share: addresses, and requests that are signed with a key, a signature or a token.

azure-storage-blob and azure-storage-file-share hold whole chunks in memory and try again on their own terms; so only
azure-identity is used here, and requests are signed as the service describes it ("Authorize with Shared Key").
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.etree import ElementTree as ET

import requests

from initializer import limits, web
from initializer.failure import Failure, Transient, of_status, printable, unauthenticated
from initializer.limits import Environment

BACKEND = "AZURE"
VERSION = "2022-11-02"
SCOPE = "https://storage.azure.com/.default"
CREDENTIALS = (
    "the credentials (AZURE_STORAGE_ACCESS_KEY, or AZURE_CLIENT_ID with AZURE_CLIENT_SECRET and AZURE_TENANT_ID, "
    "or with the identity of the pod)"
)
#: How azure-identity asks: seconds for an answer, and how often.
ASKING = {"connection_timeout": 5, "read_timeout": 5, "retry_total": 4, "retry_connect": 3, "retry_read": 0}
#: What is signed of the headers, in this order; the rest of the list is always empty in a GET.
SIGNED = "{method}\n\n\n\n\n\n\n\n{match}\n\n\n{range}\n"


class Missing(Failure):
    """The container, folder or file is not there."""


@dataclass(frozen=True)
class Store:
    """An account's container or share, and the path in it as the URI names it. query: a shared access signature."""

    uri: str
    form: str
    environment: Environment

    @property
    def remedy(self) -> str:
        return f"Check container and path, expected as {self.form}, and {CREDENTIALS}."

    @cached_property
    def site(self) -> web.Web:
        return web.Web(printable(self.uri), self.remedy, limits.of(self.environment, BACKEND))

    @property
    def host(self) -> str:
        return urlsplit(self.uri).netloc

    @property
    def container(self) -> str:
        return urlsplit(self.uri).path.strip("/").partition("/")[0]

    @property
    def path(self) -> str:
        return unquote(self.uri.partition("?")[0].partition(f"{self.host}/")[2].partition("/")[2])

    @property
    def query(self) -> str:
        return self.uri.partition("?")[2]

    def url(self, path: str, query: str = "") -> str:
        """The URL of a path in the container; the signature of the URI goes along."""
        place = quote(f"/{self.container}/{path}".rstrip("/") if not path else f"/{self.container}/{path}")
        return f"https://{self.host}{place}?{'&'.join(filter(None, [query, self.query]))}".rstrip("?")

    def ask(self, url: str, headers: dict[str, str]) -> requests.Response:
        """The open answer, 2xx. Raises Transient, Failure."""
        answer = self.site.ask(url, self.signed(url, headers))
        if not answer.ok and self.login.may_help(answer.status_code):
            answer.close()
            self.login.needed = True
            answer = self.site.ask(url, self.signed(url, headers))
        if not answer.ok:
            answer.close()
            raise refused(answer, self)
        return answer

    def listed(self, url: str) -> ET.Element:
        """The answer to a listing."""
        with self.ask(url, {}) as answer:
            content = b"".join(self.site.chunks(answer))
        try:
            return ET.fromstring(content)  # noqa: S314 -- expat expands no external entities, and bounds the others
        except ET.ParseError as error:
            raise Transient(self.site.resource, "the listing cannot be read") from error

    def read(self, path: str, tag: str, start: int, stop: int | None) -> Iterator[bytes]:
        """A file's bytes; with a tag it has to be the one that was listed."""
        headers = {"Range": web.span(start, stop)} | ({"If-Match": tag} if tag else {})
        answer = self.ask(self.url(path), headers)
        skipped = start - web.first_byte(answer, start, self.site.resource)
        return self.site.content(answer, skipped, None if stop is None else stop - start)

    def signed(self, url: str, headers: dict[str, str]) -> dict[str, str]:
        """The headers, with what lets the request in: a key, a token, or nothing where the URL has a signature."""
        own = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": VERSION}
        if self.query or not (key := self.environment.get("AZURE_STORAGE_ACCESS_KEY")):
            return headers | own | self.token()
        account = self.host.partition(".")[0]
        text = string_to_sign(account, url, headers, own)
        try:
            signature = hmac.digest(base64.b64decode(key, validate=True), text.encode(), hashlib.sha256)
        except binascii.Error:
            raise unauthenticated("AZURE_STORAGE_ACCESS_KEY", "It is no key: expected base64.") from None
        return headers | own | {"Authorization": f"SharedKey {account}:{base64.b64encode(signature).decode()}"}

    @cached_property
    def login(self) -> Login:
        """The service principal or identity of the environment."""
        return Login({} if self.query else self.environment, self.site.resource, self.remedy)

    def token(self) -> dict[str, str]:
        """The header with its token, once the store wants one: public content needs none."""
        return {"Authorization": f"Bearer {self.login.bearer()}", **self.kind} if self.login.needed else {}

    @property
    def kind(self) -> dict[str, str]:
        """What a token needs beside itself for file shares."""
        return {"x-ms-file-request-intent": "backup"} if ".file." in self.host else {}


def string_to_sign(account: str, url: str, headers: dict[str, str], own: dict[str, str]) -> str:
    """What the key signs."""
    parts = urlsplit(url)
    head = SIGNED.format(method="GET", match=headers.get("If-Match", ""), range=headers.get("Range", ""))
    ours = "".join(f"{name}:{value}\n" for name, value in sorted(own.items()))
    query = "".join(f"\n{name}:{value}" for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return f"{head}{ours}/{account}{parts.path}{query}"


class Login:
    """A service principal, or the identity of a token file or of the node. needed: whether the store wants it."""

    def __init__(self, environment: Environment, resource: str, remedy: str) -> None:
        self.environment = environment
        self.resource = resource
        self.remedy = remedy
        self.needed = False

    def may_help(self, status: int) -> bool:
        """Whether a token, which was not sent, can change an answer. The service hides private containers by a 404."""
        has_key = bool(self.environment.get("AZURE_STORAGE_ACCESS_KEY"))
        return status in (401, 403, 404, 409) and not has_key and not self.needed and self.credential is not None

    @cached_property
    def credential(self) -> Any:  # noqa: ANN401 -- azure-identity is loaded late
        """By the current or the older names of the variables (AZ_*); None where there is no client id."""
        known = {name: self.environment.get(f"AZURE_{name}") or self.environment.get(f"AZ_{name}") for name in
                 ("CLIENT_ID", "CLIENT_SECRET", "TENANT_ID")}  # fmt: skip
        client, secret, tenant = known.values()
        if not client:
            return None
        from azure import identity  # noqa: PLC0415 -- takes a while, and most accounts have a key

        if secret and tenant:
            return identity.ClientSecretCredential(tenant, client, secret, **ASKING)
        if file := self.environment.get("AZURE_FEDERATED_TOKEN_FILE"):
            return identity.WorkloadIdentityCredential(
                tenant_id=tenant, client_id=client, token_file_path=file, **ASKING
            )
        return identity.ManagedIdentityCredential(client_id=client, **ASKING)

    def bearer(self) -> str:
        """A token; azure-identity keeps it as long as it is good. Raises Transient, Failure."""
        from azure.core.exceptions import AzureError, ClientAuthenticationError  # noqa: PLC0415

        try:
            return str(self.credential.get_token(SCOPE).token)
        except (ClientAuthenticationError, ValueError, OSError) as error:
            raise unauthenticated(self.resource, self.remedy) from error
        except AzureError as error:
            raise Transient(self.resource, "no connection to the identity service") from error


def refused(answer: requests.Response, store: Store) -> Failure:
    """What an error answer means."""
    code = answer.headers.get("x-ms-error-code", "")
    resource = store.site.resource
    if code in ("AuthenticationFailed", "PublicAccessNotPermitted"):
        return unauthenticated(resource, store.remedy)
    if answer.status_code == 404:
        return Missing(resource, f"not found ({code})", store.remedy)
    return of_status(answer.status_code, resource, store.remedy, web.retry_after(answer.headers))


def opened(uri: str, form: str, environment: Environment) -> Store:
    """The store of a URI. Raises Failure where it names no container."""
    store = Store(uri, form, environment)
    if not store.container:
        raise Failure(printable(uri), "malformed: the container is missing", store.remedy)
    return store


def name_of(element: ET.Element) -> str:
    """A name in a listing; what XML cannot hold comes encoded."""
    name = element.find("Name")
    text = "" if name is None else name.text or ""
    return unquote(text) if name is not None and name.get("Encoded") == "true" else text
