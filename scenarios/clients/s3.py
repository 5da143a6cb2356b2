"""boto3, with one client for all threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]


def jobs(source: str) -> Iterator[tuple[str, Callable[[str], object]]]:
    """The relative path of each file, and a function that downloads it to a given path."""
    url = urlsplit(source)
    store = boto3.client("s3", config=Config(max_pool_connections=64))
    prefix = f"{url.path[1:]}/"
    pages = store.get_paginator("list_objects_v2").paginate(Bucket=url.netloc, Prefix=prefix)
    for key in (found["Key"] for page in pages for found in page["Contents"]):
        yield key.removeprefix(prefix), partial(store.download_file, url.netloc, key)
