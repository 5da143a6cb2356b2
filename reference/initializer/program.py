"""The program: pairs of source and destination in order, and one place where a failure becomes the last words."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from initializer import archives, credentials, limits, placing, remote, schemes, transfer, trust
from initializer.failure import Failure, printable

#: (URI, staging folder, environment): fill the folder. Raises Failure.
Deliver = Callable[[str, placing.Staging, dict[str, str]], None]
USAGE = "Usage: initializer SRC DEST [SRC DEST ...]"


def main(arguments: Sequence[str], delivering: Deliver | None = None) -> int:
    """Deliver every pair, or nothing at all; the exit code. delivering: does it instead of `deliver`."""
    if not arguments or len(arguments) % 2:
        transfer.say(USAGE)
        return 2
    os.umask(0o022)
    logging.disable()  # of libraries: their texts may hold a secret
    stagings: list[placing.Staging] = []
    signal.signal(signal.SIGTERM, lambda number, frame: terminated(stagings, number, frame))
    try:
        environment = prepared()
        for uri, destination in zip(arguments[::2], arguments[1::2], strict=True):
            stagings.append(placing.Staging(destination))
            (delivering or deliver)(uri, stagings[-1], environment)
        for staging in stagings:
            publish(staging)
    except Failure as failure:
        return report(failure)
    except Exception as error:
        return report(unexpected(error))
    finally:
        discard(stagings)
    return 0


def prepared() -> dict[str, str]:
    """The environment as every scheme reads it."""
    environment = credentials.resolved(os.environ)
    return environment | trust.install(environment)


def deliver(uri: str, staging: placing.Staging, environment: dict[str, str]) -> None:
    """Bring what the URI names into the staging folder. Raises Failure."""
    began = time.monotonic()
    scheme = schemes.of(uri)
    bounds = limits.of(environment, scheme.BACKEND)
    try:
        staging.open()
        tempfile.tempdir = str(staging.aside)
        found = transfer.retrying(lambda: list(scheme.files(uri, environment)), bounds)
        files = remote.chosen(found, printable(uri), environment)
        placing.reserve(staging, sum(file.size or 0 for file in files))
        packed = archives.packed(files)
        places = [
            staging.create_aside(str(number)) if file in packed else staging.create(file.path)
            for number, file in enumerate(files)
        ]
        transfer.fetch(zip(files, places, strict=True), bounds)
        for file, place in zip(files, places, strict=True):
            if file in packed:
                archives.unpack(file, place, staging)
    except OSError as error:
        raise placing.failure(error, str(staging.destination)) from error
    if staging.is_empty():
        raise Failure(printable(uri), "no model found: it holds no file", "Check what was uploaded.")
    transfer.say(f"{printable(uri)}: {len(files)} files in {time.monotonic() - began:.2f} s")


def unexpected(error: Exception) -> Failure:
    """A fault of this program, told by its kind and place: the text of an exception may hold a secret."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
    return Failure("initializer", f"unexpected error: {where}", "Report it with the URI's scheme.")


def publish(staging: placing.Staging) -> None:
    """Let the model be seen."""
    try:
        staging.publish()
    except OSError as error:
        raise placing.failure(error, str(staging.destination)) from error


def discard(stagings: Sequence[placing.Staging]) -> None:
    """Leave nothing of what was staged."""
    for staging in stagings:
        try:
            staging.discard()
        except OSError as error:
            transfer.say(f"{staging.folder} stays behind: {error.strerror}")


def report(failure: Failure) -> int:
    """Say what failed, as the last line of output; the exit code."""
    transfer.say(f"Storage initialization failed. {failure}")
    return 1


def terminated(stagings: Sequence[placing.Staging], number: int, _frame: FrameType | None) -> None:
    """End at once, whatever the threads are waiting for, and leave nothing half done."""
    discard(stagings)
    transfer.say("Storage initialization ended by a signal.")
    os._exit(128 + number)
