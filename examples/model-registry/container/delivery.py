"""One delivery: ask the registry, then take the model from the cache or from its store, check it, and log it."""

from __future__ import annotations

import re
import time

import audit
import registry
from cache import Cache, tree_digest
from initializer import limits, placing, program, transfer
from initializer.failure import Failure, printable
from registry import Registered

#: The stores that an artifact may be in: S3, GCS, Azure, and web servers. A registry cannot name a local path.
DELEGATED = re.compile(r"(s3|gs|https?)://")


def deliver(uri: str, staging: placing.Staging, environment: dict[str, str]) -> None:
    """Bring the registered model into the staging folder. Raises Failure, and logs it."""
    began = time.monotonic()
    found = None
    try:
        found = transfer.retrying(lambda: registry.find(uri, environment), limits.of(environment, registry.BACKEND))
        source = fetch(found, staging, environment)
    except Failure as failure:
        audit.failed(uri, found, failure)
        raise
    audit.delivered(uri, found, source, time.monotonic() - began)


def fetch(found: Registered, staging: placing.Staging, environment: dict[str, str]) -> str:
    """Fill the staging folder. Returns `cache` or `store`. Raises Failure."""
    if not DELEGATED.match(found.place):
        known = "Register an s3://, gs://, https:// or http:// URI."
        raise Failure(printable(found.place), "unsupported scheme of an artifact", known)
    cache = Cache.of(environment)
    try:
        staging.open()
    except OSError as error:
        raise placing.failure(error, str(staging.destination)) from error
    if cache and found.digest and cache.deliver(found.digest, staging):
        return "cache"
    program.deliver(found.place, staging, environment)
    if found.digest:
        if (delivered := tree_digest(staging.tree)) != found.digest:
            cause = f"the content has the digest {delivered}, not the registered {found.digest}"
            raise Failure(printable(found.place), cause, "Register the model again, or restore its content.")
        if cache:
            cache.keep(found.digest, staging.tree)
    return "store"
