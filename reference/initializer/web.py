"""HTTP for the stores that need no SDK: time limits, redirects that give nothing away, and ranges."""

from __future__ import annotations

import email.utils
import functools
import ipaddress
import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from initializer import codings, transfer
from initializer.failure import Failure, Transient, host_of, of_status, printable
from initializer.limits import Limits

REDIRECTS = (301, 302, 303, 307, 308)
HOPS = 5
#: The statuses of answers with content, of a whole file or a range of it.
CONTENT = (200, 206)
#: What may follow a redirect to another host; everything else may be a credential.
HARMLESS = frozenset({"accept", "accept-encoding", "if-match", "range"})
CERTIFICATE = "Add its authority to the CA bundle, or mend the server's certificate."


@dataclass(frozen=True)
class Web:
    """Requests to one store. resource: as messages name it. verify, cert: as in requests; None: by the environment."""

    resource: str
    remedy: str
    limits: Limits
    headers: Mapping[str, str] = field(default_factory=dict)
    verify: bool | str | None = None
    cert: tuple[str, str] | None = None
    session: requests.Session = field(default_factory=lambda: new_session())  # noqa: PLW0108 -- looked up late

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """The open answer to a GET, 2xx. Raises Transient, Failure."""
        answer = self.ask(url, headers)
        check(answer, self)
        return answer

    def ask(self, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> requests.Response:
        """The open answer to a GET (with a body: a POST), whatever its status, behind all redirects."""
        sent = {"Accept-Encoding": "identity", **self.headers, **(headers or {})}
        for _ in range(HOPS):
            permitted(url, self.resource)
            answer = self.send(url, sent, body)
            if answer.status_code not in REDIRECTS:
                return answer
            answer.close()
            target = urljoin(url, answer.headers.get("Location", ""))
            sent = carried(sent, url, target)
            url = next_hop(url, target, self.resource)
        raise Failure(self.resource, f"more than {HOPS} redirects", self.remedy)

    def send(self, url: str, headers: Mapping[str, str], body: bytes | None) -> requests.Response:
        """One request."""
        waiting = (self.limits.connect_s, self.limits.stall_s)
        try:
            return self.session.request(
                "GET" if body is None else "POST", url, data=body, headers=dict(headers), timeout=waiting, stream=True,
                allow_redirects=False, verify=self.verify, cert=self.cert,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise certificate(error, self.resource) from error
        except requests.exceptions.ProxyError as error:
            raise proxied(error, self.resource) from error
        except requests.exceptions.InvalidURL as error:
            raise Failure(self.resource, "malformed URL", self.remedy) from error
        except (requests.exceptions.RequestException, OSError) as error:
            raise Transient(self.resource, f"no connection to {host_of(url)} ({type(error).__name__})") from error

    def read(self, url: str, start: int, stop: int | None, headers: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """Bytes `start` to `stop` of what the URL names, also from a server that knows no ranges."""
        whole = start == 0 and stop is None
        answer = self.get(url, {**(headers or {}), **({} if whole else {"Range": span(start, stop)})})
        skipped = start - first_byte(answer, start, self.resource)
        yield from self.content(answer, skipped, None if stop is None else stop - start)

    def content(self, answer: requests.Response, skipped: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The file's bytes in the answer, without the first `skipped`, and no more than `length`."""
        with answer:
            for chunk in self.chunks(answer):
                start, skipped = min(skipped, len(chunk)), max(0, skipped - len(chunk))
                rest = chunk[start : None if length is None else start + length]
                if rest:
                    yield rest
                if length is not None:
                    length -= len(rest)
                    if length == 0:
                        return

    def chunks(self, answer: requests.Response) -> Iterator[bytes]:
        """The answer's body, decoded. Raises Transient when it breaks off or stalls."""
        try:
            sent = answer.raw.stream(transfer.CHUNK, decode_content=False)
            yield from codings.decoded(sent, codings.of(answer.headers), self.resource)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Transient(self.resource, f"the connection broke off ({type(error).__name__})") from error

    def some(self, answer: requests.Response, size: int) -> bytes:
        """The next bytes of an answer. Raises Transient."""
        try:
            return bytes(answer.raw.read(size, decode_content=True))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Transient(self.resource, f"the connection broke off ({type(error).__name__})") from error


def check(answer: requests.Response, site: Web) -> None:
    """Raises Transient or Failure for an answer without the content that was asked for."""
    if answer.status_code not in CONTENT:
        answer.close()
        raise of_status(answer.status_code, site.resource, site.remedy, retry_after(answer.headers))


def first_byte(answer: requests.Response, asked: int, resource: str) -> int:
    """The byte of the file that the answer begins with. Raises Failure for another range than the one asked for."""
    if answer.status_code != 206:
        return 0
    if not answer.headers.get("Content-Range", "").startswith(f"bytes {asked}-"):
        answer.close()
        raise Failure(resource, "invalid answer: a range that was not asked for", "Check the server, or its cache.")
    return asked


def json_of(answer: requests.Response, resource: str) -> Any:  # noqa: ANN401 -- JSON
    """The content of an answer that is JSON. Raises Transient where it broke off, Failure for anything else."""
    try:
        return json.loads(answer.content)
    except (requests.exceptions.RequestException, OSError) as error:
        raise Transient(resource, f"the connection broke off ({type(error).__name__})") from error
    except ValueError:
        raise Failure(resource, "invalid answer: no JSON", "Check that this is the store that is meant.") from None


def new_session() -> requests.Session:
    """A session that threads share; it takes proxies and CA bundles from the environment, and tries nothing twice."""
    session = requests.Session()
    adapter = requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=32)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def span(start: int, stop: int | None) -> str:
    """The Range header for bytes `start` to `stop`, exclusive."""
    return f"bytes={start}-{'' if stop is None else stop - 1}"


def next_hop(url: str, target: str, resource: str) -> str:
    """Where a redirect leads. Raises Failure for a way out of TLS."""
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise Failure(resource, f"refused: a redirect to {printable(target)} leaves TLS", "Redirect to https.")
    return target


def carried(headers: Mapping[str, str], url: str, target: str) -> dict[str, str]:
    """The headers that may follow a redirect: all to the same place, to another host only the harmless ones."""
    if urlsplit(url)[:2] == urlsplit(target)[:2]:
        return dict(headers)
    return {name: value for name, value in headers.items() if name.lower() in HARMLESS}


def permitted(url: str, resource: str) -> None:
    """Raises Failure for a link-local host: cloud metadata, with credentials of the node."""
    host = urlsplit(url).hostname or ""
    if any(map(is_link_local, addresses(host, proxied=bool(requests.utils.get_environ_proxies(url))))):
        raise Failure(resource, f"refused: {host} is link-local (cloud metadata)", "Ask a store for the model.")


def is_link_local(address: str) -> bool:
    """Also as an IPv4 address within an IPv6 one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (inner or found).is_link_local


@functools.lru_cache
def addresses(host: str, *, proxied: bool) -> list[str]:
    """What the host stands for; a name is looked up by the proxy, where there is one, and by nobody else."""
    flags = socket.AI_NUMERICHOST if proxied else 0
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None, flags=flags)})
    except (OSError, UnicodeError):
        return []


def certificate(error: Exception, resource: str) -> Failure:
    """What an error of TLS means: a certificate that is not trusted, or a connection that broke off."""
    text = str(error).lower()
    if "certificate" in text or "hostname" in text:
        return Failure(resource, "the server's certificate is not trusted (TLS verification failed)", CERTIFICATE)
    return Transient(resource, "no connection: TLS broke off", CERTIFICATE)


def proxied(error: Exception, resource: str) -> Failure:
    """What an error of the proxy means: it wants another user and password, or it cannot be reached."""
    if "407" in str(error):
        return Failure(resource, "the proxy accepts no such user and password (407)", "Check the proxy's variables.")
    return Transient(resource, f"no connection by the proxy ({type(error).__name__})")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, of a Retry-After header in either form."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
