"""Mutants that cannot cope with a proxy, its exceptions, or an address of another form."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from tests.mutants.registry import mutant, part, wrap

PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")


def _proxies(change: Callable[[str], str]) -> None:
    """Change the URL of the proxy."""
    for name in PROXIES:
        if name in os.environ:
            os.environ[name] = change(os.environ[name])


@mutant("NET-001")
def forms_of_exceptions_unknown() -> None:
    """Refuses an exception that is not a plain name or IPv4 address."""
    failure = part("failure").Failure

    def prepared(former: Callable[[], Any]) -> Any:  # noqa: ANN401
        if {"[", "/"}.intersection(os.environ.get("NO_PROXY", "")):
            raise failure("NO_PROXY", "invalid", "Name hosts.")
        return former()

    wrap(part("program"), "prepared", prepared)


@mutant("NET-002", cases=("plain",))
def login_at_the_proxy_left_out() -> None:
    """Takes nothing but host and port from the URL of the proxy."""
    _proxies(lambda url: f"http://{urlsplit(url).netloc.rpartition('@')[2]}")


@mutant("NET-002", cases=("reserved",))
def proxy_password_left_encoded() -> None:
    """Sends the password as the URL of the proxy encodes it."""
    _proxies(lambda url: url.replace(urlsplit(url).password or "\0", quote(urlsplit(url).password or "")))


@mutant("NET-003")
def proxy_not_blamed() -> None:
    """Puts a refused login at the proxy down to the store."""
    failure = part("failure")
    part("web").proxied = lambda _error, resource: failure.denied(resource, "")


@mutant("NET-003")
def proxy_password_printed() -> None:
    """Names the proxy by its whole URL."""
    failure = part("failure").Failure
    part("web").proxied = lambda _error, resource: failure(resource, f"no proxy at {os.environ['HTTPS_PROXY']}", "")


@mutant("NET-004")
def ipv6_unknown() -> None:
    """Splits an endpoint at its first colon."""
    failure = part("failure").Failure

    def client(former: Callable[..., Any], environment: dict[str, str], *given: object) -> Any:  # noqa: ANN401
        if "[" in environment.get("AWS_ENDPOINT_URL", ""):
            raise failure("AWS_ENDPOINT_URL", "invalid: not a host and a port", "")
        return former(environment, *given)

    wrap(part("schemes.s3"), "client", client)


@mutant("NET-005")
def dots_kept() -> None:
    """Refuses a host name that ends in a dot."""
    failure = part("failure").Failure

    def permitted(former: Callable[..., None], url: str, resource: str) -> None:
        if (urlsplit(url).hostname or "").endswith("."):
            raise failure(resource, "invalid host name", "")
        former(url, resource)

    wrap(part("web"), "permitted", permitted)


@mutant("NET-006", cases=("upper",))
def capital_letters_unknown() -> None:
    """Reads https_proxy alone."""
    for name in PROXIES[:2]:
        os.environ.pop(name, None)


@mutant("NET-006", cases=("lower",))
def small_letters_unknown() -> None:
    """Reads HTTPS_PROXY alone."""
    for name in PROXIES[2:]:
        os.environ.pop(name, None)


@mutant("NET-007")
def asterisk_unknown() -> None:
    """Takes the asterisk in NO_PROXY for the name of a host."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = os.environ.get(name, "").replace("*", "asterisk")
