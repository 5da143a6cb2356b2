"""The certificate of KServe's webhooks. In other installations, cert-manager creates one for each Service."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass

import trustme


@dataclass(frozen=True)
class Certificate:
    """A server certificate with its key, and the CA that signed it: PEM in base64, as in manifests."""

    certificate: str
    key: str
    authority: str


def webhook_certificate(namespace: str, services: Collection[str]) -> Certificate:
    """Create one certificate for the webhooks' `services` in `namespace`."""
    authority = trustme.CA(organization_name="KServe conformance")
    hosts = [f"{service}.{namespace}.svc{end}" for service in services for end in ("", ".cluster.local")]
    issued = authority.issue_cert(*hosts)
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    return Certificate(_base64(chain), _base64(issued.private_key_pem.bytes()), _base64(authority.cert_pem.bytes()))


def secret_of(service: str) -> str:
    """Return the name of the Secret that the server of a webhook's Service mounts, in every release."""
    return f"{service.removesuffix('-service')}-cert"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
