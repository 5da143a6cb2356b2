"""What an initializer sees of the network: the gateway, its certificate authority and its request log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from scenarios.network.faults import Fault

LOOPBACK = "127.0.0.1"
#: Where an initializer finds the suite's certificate authority (see `Gateway.mounts`).
CA_PATH = "/run/conformance/ca.pem"
#: Variables that make common clients trust that authority.
TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
#: What can be wrong with a certificate of an authority that is trusted: it is out of date, or another host's.
BAD_CERTIFICATES = ("expired", "other-host")


@dataclass(frozen=True)
class Request:
    """One request that reached the gateway; sizes are of the bodies, in bytes.

    server  the server it was for; None for a host that the suite does not serve (answered 502).
    path    as sent, with its query.
    headers names in lower case.
    injected_fault  the kind of the fault that the gateway injected; "" for none.
    caller  who sent it, if the client named itself to the forward proxy (see `Gateway.named`).
    """

    time: float
    server: str | None
    host: str
    method: str
    path: str
    status: int | None
    request_bytes: int = 0
    response_bytes: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    injected_fault: str = ""
    caller: str = ""


@dataclass(frozen=True)
class Gateway:
    """The proxy between initializers and servers, as plain data.

    proxy_url  forward proxy; it maps host names such as ACCOUNT.blob.core.windows.net to servers.
    ca         PEM file of the suite's certificate authority, alone.
    log        JSON lines, one `Request` each.
    bad_certificates  forward proxies whose certificates are wrong, by what is wrong (see `BAD_CERTIFICATES`).
    """

    proxy_url: str
    ca: Path
    log: Path
    bad_certificates: Mapping[str, str] = field(default_factory=dict)

    def environment(self, *, trust: bool = True) -> dict[str, str]:
        """Proxy variables for an initializer; with `trust`, also those that make it accept the suite's authority.

        The authority is named by the path that the initializer sees, so `mounts` belongs to the same call.
        """
        # The listeners of single servers are on the host of the proxy, and need none.
        direct = ",".join(dict.fromkeys([LOOPBACK, str(urlsplit(self.proxy_url).hostname)]))
        env = {
            "HTTPS_PROXY": self.proxy_url,
            "HTTP_PROXY": self.proxy_url,
            "https_proxy": self.proxy_url,
            "http_proxy": self.proxy_url,
            "NO_PROXY": direct,
            "no_proxy": direct,
        }
        if trust:
            env |= dict.fromkeys(TRUST, CA_PATH)
        return env

    def named(self, caller: str) -> dict[str, str]:
        """Proxy variables with a user, so that every request tells who sent it."""
        proxy = self.proxy_url.replace("://", f"://{caller}:any@")
        return {name: proxy for name, value in self.environment(trust=False).items() if value == self.proxy_url}

    @property
    def mounts(self) -> dict[str, Path]:
        """What a call needs mounted so that the paths in `environment` exist."""
        return {CA_PATH: self.ca}

    def plan_faults(
        self, case: str, *faults: Fault, renaming: Mapping[str, str] | None = None, entries: int | None = None
    ) -> None:
        """From now on do this to the requests that have `case` in their host or path; it replaces what was planned.

        entries  how many a page of a listing has at most.
        """
        plans = interference_beside(self.log)
        plans.mkdir(exist_ok=True)
        draft = plans / f".{case}.draft"
        plan = {"faults": [asdict(fault) for fault in faults], "renaming": renaming or {}, "entries": entries}
        draft.write_text(json.dumps(plan))
        draft.replace(plans / f"{case}.json")

    def position(self) -> int:
        """The end of the log now, in bytes; pass it to `requests` to see only what comes after."""
        return self.log.stat().st_size if self.log.exists() else 0

    def requests(self, since: int = 0) -> Iterator[Request]:
        """The requests logged after byte `since`."""
        if not self.log.exists():
            return
        with self.log.open("rb") as stream:
            stream.seek(since)
            for line in stream:
                if line.endswith(b"\n"):
                    yield Request(**json.loads(line))


def interference_beside(log: Path) -> Path:
    """The folder of `Gateway.plan_faults`, by the gateway's log."""
    return log.with_name("interference")
