"""The certificate of KServe's webhook. In other installations, cert-manager creates it."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import trustme

#: The Secret that the manager mounts, in every release.
SECRET = "kserve-webhook-server-cert"  # noqa: S105 - the name of a Secret
SERVICE = "kserve-webhook-server-service"


@dataclass(frozen=True)
class Certificate:
    """A server certificate with its key, and the CA that signed it: PEM in base64, as in manifests."""

    certificate: str
    key: str
    authority: str


def webhook_certificate(namespace: str) -> Certificate:
    """Create a certificate for the webhook's Service in `namespace`."""
    authority = trustme.CA(organization_name="KServe conformance")
    name = f"{SERVICE}.{namespace}"
    issued = authority.issue_cert(f"{name}.svc", f"{name}.svc.cluster.local")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    return Certificate(_base64(chain), _base64(issued.private_key_pem.bytes()), _base64(authority.cert_pem.bytes()))


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
