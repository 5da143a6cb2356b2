"""What reaches an initializer in a pod, and how: by Secrets as KServe's webhook reads them, or the container's env.

A call names environment variables and files. On a cluster nobody sets those: users make a Secret, name it in a
ServiceAccount, and the webhook turns it into variables and mounts (pkg/credentials). What has no such form is given
through the ClusterStorageContainer, as administrators do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.version import Version

from scenarios.stores.gcs import CREDENTIALS

_PREFIX = "serving.kserve.io"
#: Variable that the webhook makes of an annotation -> that annotation of the Secret (pkg/credentials/s3).
_S3_ANNOTATIONS = {
    "S3_ENDPOINT": "s3-endpoint",
    "S3_USE_HTTPS": "s3-usehttps",
    "AWS_DEFAULT_REGION": "s3-region",
    "S3_VERIFY_SSL": "s3-verifyssl",
    "S3_USER_VIRTUAL_BUCKET": "s3-usevirtualbucket",
}
_S3_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_HEADERS = "-headers"


@dataclass(frozen=True)
class Delivery:
    """How the environment and files of one call get into the pod.

    secret       data of a Secret that the pod's ServiceAccount names; empty for none.
    annotations  of that Secret.
    environment  for the container of a ClusterStorageContainer.
    files        path in the container -> file or folder of this machine, mounted read-only.
    """

    environment: Mapping[str, str]
    files: Mapping[str, Path]
    secret: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def delivery(environment: Mapping[str, str], files: Mapping[str, Path], release: str) -> Delivery:
    """The way of each variable and file under KServe `release`; at most one Secret, as one backend needs no more."""
    for one in (_s3, _gcs, _azure, _hugging_face, _headers):
        found = one(environment, files, Version(release))
        if found:
            return found
    return Delivery(environment, files)


def _s3(environment: Mapping[str, str], files: Mapping[str, Path], _: Version) -> Delivery | None:
    if not all(name in environment for name in (*_S3_KEYS, "S3_ENDPOINT")):
        return None
    annotations = {
        f"{_PREFIX}/{key}": environment[name] for name, key in _S3_ANNOTATIONS.items() if name in environment
    }
    scheme = "http" if environment.get("S3_USE_HTTPS") == "0" else "https"
    made = {*_S3_KEYS, *_S3_ANNOTATIONS}
    if environment.get("AWS_ENDPOINT_URL") == f"{scheme}://{environment['S3_ENDPOINT']}":
        made.add("AWS_ENDPOINT_URL")
    return Delivery(_without(environment, made), files, {key: environment[key] for key in _S3_KEYS}, annotations)


def _gcs(environment: Mapping[str, str], files: Mapping[str, Path], _: Version) -> Delivery | None:
    if CREDENTIALS not in files:
        return None
    secret = {Path(CREDENTIALS).name: files[CREDENTIALS].read_text()}
    rest = {path: file for path, file in files.items() if path != CREDENTIALS}
    return Delivery(_without(environment, {"GOOGLE_APPLICATION_CREDENTIALS"}), rest, secret)


def _azure(environment: Mapping[str, str], files: Mapping[str, Path], _: Version) -> Delivery | None:
    return _plain(environment, files, "AZURE_STORAGE_ACCESS_KEY")


def _hugging_face(environment: Mapping[str, str], files: Mapping[str, Path], release: Version) -> Delivery | None:
    """Since 0.14; the webhook of earlier releases knows no such Secret."""
    return _plain(environment, files, "HF_TOKEN") if release >= Version("0.14") else None


def _headers(environment: Mapping[str, str], files: Mapping[str, Path], _: Version) -> Delivery | None:
    name = next((name for name in environment if name.endswith(_HEADERS)), None)
    if name is None:
        return None
    secret = {"https-host": name.removesuffix(_HEADERS), "headers": environment[name]}
    return Delivery(_without(environment, {name}), files, secret)


def _plain(environment: Mapping[str, str], files: Mapping[str, Path], name: str) -> Delivery | None:
    if not environment.get(name):
        return None
    return Delivery(_without(environment, {name}), files, {name: environment[name]})


def _without(environment: Mapping[str, str], names: set[str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in names}
