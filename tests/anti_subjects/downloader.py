"""The honest program under the cheats: that of tests/initializers for files on the web, and here for S3 too."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.initializers.honest import Initializer, Refused


class Downloader(Initializer):
    """Fetches `http(s)://` with the standard library and `s3://` with boto3."""

    def fetch(self, source: str, dest: Path) -> None:
        if not source.startswith("s3://"):
            super().fetch(source, dest)
            return
        import boto3  # type: ignore[import-untyped] # noqa: PLC0415 - takes longer than a whole download over HTTP
        from botocore import UNSIGNED  # type: ignore[import-untyped] # noqa: PLC0415
        from botocore.config import Config  # type: ignore[import-untyped] # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped] # noqa: PLC0415

        bucket, _, path = source.removeprefix("s3://").partition("/")
        if not bucket:
            raise Refused(f"invalid URI {source}: no bucket is named")
        try:
            anonymous = os.environ.get("awsAnonymousCredential", "").lower() == "true"  # noqa: SIM112 - KServe's name
            settings = Config(signature_version=UNSIGNED) if anonymous else None
            objects = boto3.resource("s3", config=settings).Bucket(bucket)
            placed = [
                self.place_object(objects, key, dest / relative)
                for key, relative in chosen(self.keys(objects, path.rstrip("/")), path.rstrip("/"))
            ]
        except (BotoCoreError, ClientError) as error:
            raise Refused(f"cannot download {source}: {error}") from error
        if not placed:
            raise Refused(f"no model found at {source}")
        if len(placed) == 1:
            self.unpack(placed[0], dest)

    def keys(self, bucket: Any, prefix: str) -> Iterable[str]:  # noqa: ANN401 - boto3 makes its classes at run time
        """All keys that begin with `prefix`."""
        return (found.key for found in bucket.objects.filter(Prefix=prefix))

    def place_object(self, bucket: Any, key: str, target: Path) -> Path:  # noqa: ANN401
        """Put one object where it belongs."""
        target.parent.mkdir(parents=True, exist_ok=True)
        bucket.download_file(key, os.fspath(target))
        return target


def chosen(keys: Iterable[str], path: str) -> Iterator[tuple[str, str]]:
    """The keys that are the object `path` or lie below it, each with its path in the destination."""
    for key in keys:
        if key == path:
            yield key, key.rpartition("/")[2]
        elif (key.startswith(f"{path}/") or not path) and not key.endswith("/"):
            yield key, key.removeprefix(f"{path}/" if path else "")
