"""The schemes: which module reads which URI. The first pattern that matches counts."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from typing import Protocol, cast

from initializer.failure import Failure, printable
from initializer.limits import Environment
from initializer.remote import RemoteFile

TABLE: dict[str, str] = {
    r"s3://": "s3",
    r"gs://": "gcs",
    r"hf://": "hf",
    r"(web)?hdfs://": "webhdfs",
    r"oci://": "oci",
    r"model-registry://": "model_registry",
    r"file://|/": "local",
    r"https://[^/@]+\.blob\.(core\.windows\.net|storage\.azure\.net)(/|$)": "azure_blob",
    r"https://[^/@]+\.blob\.core\.(usgovcloudapi\.net|chinacloudapi\.cn)(/|$)": "azure_blob",
    r"https://[^/@]+\.file\.(core\.windows\.net|storage\.azure\.net)(/|$)": "azure_files",
    r"https?://[^?#]+\.git/?$": "git",
    r"https?://": "http",
}


class Scheme(Protocol):
    """A module of this package. BACKEND: how KServe's variables for limits begin, as S3 in S3_READ_TIMEOUT."""

    BACKEND: str

    def files(self, uri: str, environment: Environment) -> Iterable[RemoteFile]:
        """What the URI names. Raises Transient, Failure."""


def of(uri: str) -> Scheme:
    """The scheme of a URI; its module, and the SDK behind it, is loaded only now. Raises Failure."""
    for pattern, name in TABLE.items():
        if re.match(pattern, uri):
            return cast("Scheme", importlib.import_module(f"{__name__}.{name}"))
    known = "s3, gs, hf, hdfs, webhdfs, oci, model-registry, file, http, https"
    raise Failure(printable(uri), "unsupported: this scheme is not known", f"Known are {known} and absolute paths.")
