"""A certificate for the pods of an LLMInferenceService, so that its controller does not make one.

The controller makes an RSA key of 4096 bits for each service, one after the other, which takes about a second of CPU.
It keeps a certificate that is valid for the service, and this one costs a millisecond. If the controller comes first,
it keeps its own.
"""

from __future__ import annotations

import base64
from functools import cache

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from scenarios.cluster.kubernetes import Object

_PART_OF = {"app.kubernetes.io/part-of": "llminferenceservice"}
_COMPONENT = {"app.kubernetes.io/component": "llminferenceservice-workload"}


@cache
def _authority() -> trustme.CA:
    return trustme.CA(organization_name="KServe conformance")


def certificate_of(service: Object) -> Object:
    """The Secret of a service that does not exist yet."""
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    host = f"{name}-kserve-workload-svc.{namespace}.svc"
    issued = _authority().issue_cert("localhost", host, f"{host}.cluster.local")
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    content = {
        "tls.key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "tls.crt": issued.cert_chain_pems[0].bytes(),
        "ca.crt": _authority().cert_pem.bytes(),
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"{name}-kserve-self-signed-certs",
            "namespace": namespace,
            "labels": {**_PART_OF, **_COMPONENT, "app.kubernetes.io/name": name},
        },
        "type": "kubernetes.io/tls",
        "data": {name: base64.b64encode(value).decode() for name, value in content.items()},
    }


def owned(secret: Object, service: Object) -> Object:
    """The Secret as a part of the stored service, which it goes with. The controller refuses any other."""
    owner = {key: service[key] for key in ("apiVersion", "kind")} | {
        key: service["metadata"][key] for key in ("name", "uid")
    }
    references = [{**owner, "controller": True, "blockOwnerDeletion": True}]
    return {**secret, "metadata": {**secret["metadata"], "ownerReferences": references}}
