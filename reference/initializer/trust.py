"""Certificate authorities: KServe's global CA bundle counts for every store, beside the usual ones."""

from __future__ import annotations

import os
import ssl
import tempfile
import warnings
from pathlib import Path

from initializer.failure import Failure
from initializer.limits import Environment

REMEDY = "Check CA_BUNDLE_CONFIGMAP_NAME, the ConfigMap's key cabundle.crt, or AWS_CA_BUNDLE."


def configured(environment: Environment) -> str | None:
    """The CA bundle of KServe's ConfigMap, if there is one."""
    if not environment.get("CA_BUNDLE_CONFIGMAP_NAME"):
        return None
    return checked(f"{environment.get('CA_BUNDLE_VOLUME_MOUNT_POINT', '/etc/ssl/custom-certs')}/cabundle.crt")


def install(environment: Environment) -> dict[str, str]:
    """Variables that make every client trust the configured bundle too; they are set for this process as well."""
    warnings.filterwarnings("ignore", message="Unverified HTTPS request")  # it was asked for
    bundle = configured(environment)
    if bundle is None:
        usual = environment.get("SSL_CERT_FILE") or environment.get("REQUESTS_CA_BUNDLE")
        if not usual:
            return {}
    else:
        usual = combined(bundle)
    names = {"REQUESTS_CA_BUNDLE": usual, "SSL_CERT_FILE": usual}
    os.environ.update(names)
    return names


def checked(bundle: str) -> str:
    """The path of a bundle that can be used. Raises Failure."""
    try:
        ssl.create_default_context(cafile=bundle)
    except FileNotFoundError:
        raise Failure(bundle, "no such file: the CA bundle does not exist", REMEDY) from None
    except (OSError, ssl.SSLError):
        raise Failure(bundle, "the CA bundle holds no certificate that can be read", REMEDY) from None
    return bundle


def combined(bundle: str) -> str:
    """A file with the usual authorities and those of the bundle."""
    import certifi  # noqa: PLC0415 -- comes with requests

    with tempfile.NamedTemporaryFile("wb", prefix="ca-", suffix=".pem", delete=False) as file:
        file.write(Path(certifi.where()).read_bytes() + b"\n" + Path(bundle).read_bytes())
    return file.name
