"""Certificates with one fault each, the listeners that present them, and hosts that demand a client's certificate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from mitmproxy import ctx
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from scenarios.network.view import MUTUAL

OTHER_HOST = "other-host.example"
_DAY = timedelta(days=1)


def demand_certificate(data: TlsData) -> None:
    """For a host below MUTUAL, accept only the client whose certificate has the fingerprint in the host's name."""
    host = data.context.client.sni or ""
    if not host.endswith(f".{MUTUAL}"):
        return
    ctx.master.addons.get("tlsconfig").tls_start_client(data)  # type: ignore[no-untyped-call]
    assert data.ssl_conn, "mitmproxy has just made it"  # noqa: S101
    wanted = host.partition(".")[0].rpartition("-")[2]

    def is_wanted(_connection: SSL.Connection, shown: Any, _error: int, depth: int, _ok: int) -> bool:  # noqa: ANN401
        return depth > 0 or shown.to_cryptography().fingerprint(hashes.SHA256()).hex().startswith(wanted)

    data.ssl_conn.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, is_wanted)


class BadCertificates:
    """The listeners that present a bad certificate.

    listeners  port -> one of `scenarios.network.view.BAD_CERTIFICATES`.
    confdir    the folder of mitmproxy's CA.
    """

    def __init__(self, confdir: Path, listeners: Mapping[str, str]) -> None:
        self._listeners = listeners
        self._pem = confdir / "mitmproxy-ca.pem"
        self._issue = cache(self._new)

    def present(self, data: TlsData) -> None:
        """On such a listener, replace the certificate that mitmproxy would present by a bad one."""
        wrong = self._listeners.get(str(data.context.client.sockname[1]))
        if wrong is None:
            return
        ctx.master.addons.get("tlsconfig").tls_start_client(data)  # type: ignore[no-untyped-call]
        assert data.ssl_conn, "mitmproxy has just made it"  # noqa: S101
        # A client that connects to an IP address sends no server name.
        host = data.context.client.sni or str(data.context.client.sockname[0])
        certificate, key = self._issue(wrong, host)
        data.ssl_conn.use_certificate(certificate)
        data.ssl_conn.use_privatekey(key)

    def _new(self, wrong: str, host: str) -> tuple[x509.Certificate, Any]:
        pem = self._pem.read_bytes()
        authority = trustme.CA.from_pem(pem, pem)
        until = datetime.now(UTC) + (-_DAY if wrong == "expired" else _DAY)
        leaf = authority.issue_cert(
            OTHER_HOST if wrong == "other-host" else host, not_before=until - 30 * _DAY, not_after=until
        )
        certificate = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
        return certificate, load_pem_private_key(leaf.private_key_pem.bytes(), None)
