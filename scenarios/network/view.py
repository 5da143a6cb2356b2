"""The network as an initializer sees it: the gateway, its certificate authority and its request log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from scenarios.network.faults import Fault
from scenarios.network.paging import Paging

LOOPBACK = "127.0.0.1"
#: The path inside of the suite's CA certificate (see `Gateway.mounts`).
CA_PATH = "/run/conformance/ca.pem"
#: Variables that make common clients trust that CA.
TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
#: The user of the proxy that requires one.
PROXY_USER = "model-loader"
#: Faults of a certificate from the trusted CA: it has expired, or is for another host.
BAD_CERTIFICATES = ("expired", "other-host")

#: Hosts below this name demand a client certificate. The first label of the host's name ends in its fingerprint.
MUTUAL = "mutual.example"


@dataclass(frozen=True)
class Request:
    """One request that reached the gateway. Sizes are those of the bodies, in bytes.

    server  the target server; None for a host that the suite does not serve (answered with 502).
    path    as sent, with the query.
    headers names in lower case.
    injected_fault  the kind of the fault that the gateway injected; "" for none.
    caller  the sender, if the client gave the forward proxy a user name (see `Gateway.named`).
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

    proxy_url  the forward proxy. It maps host names such as ACCOUNT.blob.core.windows.net to servers.
    ca         a PEM file with only the suite's CA certificate.
    log        JSON lines, one `Request` each.
    bad_certificates  fault of the certificate (see `BAD_CERTIFICATES`) -> the forward proxy that presents it.
    guarded_proxy     a forward proxy that requires a user, PROXY_USER, with one of the passwords.
    passwords         kind of password -> password. The kind `reserved` has characters that a URL has to encode.
    """

    proxy_url: str
    ca: Path
    log: Path
    bad_certificates: Mapping[str, str] = field(default_factory=dict)
    guarded_proxy: str = ""
    passwords: Mapping[str, str] = field(default_factory=dict)

    def environment(self, *, trust: bool = True) -> dict[str, str]:
        """The proxy variables for an initializer. With `trust`, also variables that make it trust the suite's CA.

        The CA variables contain the path inside, so the same call needs `mounts`.
        """
        # The listeners of single servers are on the proxy's host and need no proxy.
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
        """The proxy variables with `caller` as the user, so that the log names the sender of every request."""
        return self._through(self.proxy_url.replace("://", f"://{caller}:any@"))

    def with_login(self, password: str) -> dict[str, str]:
        """The proxy variables for the proxy that requires a user, with this password."""
        return self._through(self.guarded_proxy.replace("://", f"://{PROXY_USER}:{quote(password, safe='')}@"))

    def _through(self, proxy: str) -> dict[str, str]:
        return {name: proxy for name, value in self.environment(trust=False).items() if value == self.proxy_url}

    @property
    def mounts(self) -> dict[str, Path]:
        """The mounts that provide the paths in `environment`."""
        return {CA_PATH: self.ca}

    def plan_faults(
        self, case: str, *faults: Fault, renaming: Mapping[str, str] | None = None, paging: Paging | None = None
    ) -> None:
        """Plan faults for all further requests with `case` in their host or path. Replaces the earlier plan.

        paging  how to cut listings into pages.
        """
        plans = fault_plans_beside(self.log)
        plans.mkdir(exist_ok=True)
        draft = plans / f".{case}.draft"
        plan = {"faults": [asdict(fault) for fault in faults], "renaming": renaming or {}}
        draft.write_text(json.dumps(plan | ({"paging": asdict(paging)} if paging else {})))
        draft.replace(plans / f"{case}.json")

    def position(self) -> int:
        """The current length of the log in bytes. Pass it to `requests` to get only later requests."""
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


def fault_plans_beside(log: Path) -> Path:
    """The folder of the plans of `Gateway.plan_faults`, next to the gateway's log."""
    return log.with_name("fault-plans")
