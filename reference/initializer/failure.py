"""What went wrong, in words for whoever reads the pod's termination message; never with a secret in it."""

from __future__ import annotations

from urllib.parse import urlsplit

RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})


class Failure(Exception):
    """The model cannot be delivered. resource: what was asked for; cause: what is wrong; remedy: what to do."""

    def __init__(self, resource: str, cause: str, remedy: str) -> None:
        super().__init__(resource, cause, remedy)
        self.resource = resource
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.resource}: {self.cause}. {self.remedy}"


class Transient(Failure):
    """It may go well the next time. retry_after_s: seconds that the server asked to be left alone for, if it did."""

    def __init__(self, resource: str, cause: str, remedy: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(resource, cause, remedy or "Check that the store is up and reachable from this pod.")
        self.retry_after_s = retry_after_s


class Denied(Failure):
    """The store knows the credentials and does not let them do this."""


def printable(uri: str) -> str:
    """The URI as it may be shown: without user and password, and without the values of its query (signatures)."""
    if "@" not in uri and "?" not in uri:
        return uri
    scheme, separator, rest = uri.partition("://")
    place, question, query = rest.partition("?")
    host, slash, path = place.partition("/")
    names = "&".join(f"{part.partition('=')[0]}=..." for part in query.split("&")) if question else ""
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}{question}{names}"


def host_of(uri: str) -> str:
    """Host and port, without user and password."""
    return urlsplit(uri).netloc.rpartition("@")[2]


def not_found(resource: str, remedy: str) -> Failure:
    """The store is there, the model is not."""
    return Failure(resource, "not found", remedy)


def unauthenticated(resource: str, remedy: str) -> Failure:
    """No credentials, or none that the store knows."""
    return Failure(
        resource, "authentication failed: the store does not accept these credentials, or wants some", remedy
    )


def denied(resource: str, remedy: str) -> Denied:
    """Credentials that may not read this."""
    return Denied(resource, "access denied: permission to read it is missing", remedy)


def of_status(status: int, resource: str, remedy: str, retry_after_s: float | None = None) -> Failure:
    """What an HTTP status other than 2xx means."""
    if status in RETRYABLE:
        return Transient(resource, f"the store is unavailable, it answers {status}", retry_after_s=retry_after_s)
    if status in (404, 410):
        return not_found(resource, remedy)
    if status in (401, 407):
        return unauthenticated(resource, remedy)
    if status == 403:
        return denied(resource, remedy)
    return Failure(resource, f"the store answers {status}", remedy)
