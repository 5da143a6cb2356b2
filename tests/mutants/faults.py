"""Mutants that do not handle faults of the network, the store and the machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.mutants.registry import mutant, part, wrap


def _limits(**changed: float) -> None:
    """Override the limits that the environment sets."""
    wrap(part("limits"), "of", lambda former, *given: replace(former(*given), **changed))


@mutant("FAULT-001", "FAULT-002", "FAULT-003", "FAULT-004", "FAULT-006", stores=("http", "s3"))
def never_tries_again() -> None:
    """Gives up at the first fault."""
    _limits(attempts=1)


@mutant("FAULT-003", "FAULT-004", stores=("http", "s3"))
def goes_on_at_the_wrong_byte() -> None:
    """After a break, begins the file anew and writes it behind what it has."""

    def fetch_piece(former: Callable[..., None], piece: Any, limits: object) -> None:  # noqa: ANN401
        read = lambda start, stop: piece.file.read(0, stop and stop - start)  # noqa: E731
        former(replace(piece, file=replace(piece.file, read=read)), limits)

    part("transfer").CHUNK = 1 << 14  # small, to write all that came before the break even on a busy machine
    wrap(part("transfer"), "fetch_piece", fetch_piece)


@mutant("FAULT-005", stores=("http", "s3"))
def impatient() -> None:
    """Waits three seconds for an answer, once."""
    _limits(stall_s=3, attempts=1)


@mutant("FAULT-006", "FAULT-007", stores=("http",))
def no_time_limit() -> None:
    """Waits for ever for the next byte."""
    _limits(stall_s=86400)


@mutant("FAULT-008", "FAULT-010", "FAULT-013", stores=("s3",))
def half_is_good_enough() -> None:
    """Delivers what has come when there is no more."""
    transfer = part("transfer")
    failure = part("failure").Failure

    def fetch_piece(former: Callable[..., None], *given: object) -> None:
        try:
            former(*given)
        except failure:
            transfer.say("interrupted")

    wrap(transfer, "fetch_piece", fetch_piece)
    transfer.check = lambda *_given: None


@mutant("FAULT-009", stores=("http",))
def interruption_not_told() -> None:
    """Says no more than that something went wrong when a transfer fails for the last time."""
    failure = part("failure").Failure

    def retrying(former: Callable[..., Any], *given: object) -> Any:  # noqa: ANN401
        try:
            return former(*given)
        except failure as error:
            raise failure(error.resource, "something went wrong", "") from error

    wrap(part("transfer"), "retrying", retrying)
    part("transfer").say = lambda _line: None


def _in_place() -> None:
    """Write files directly to the destination, and leave them there."""
    staging = part("placing").Staging

    def init(former: Callable[..., None], self: Any, destination: str) -> None:  # noqa: ANN401
        former(self, destination)
        self.tree = self.destination

    def opened(self: Any) -> None:  # noqa: ANN401
        self.aside.mkdir(parents=True, exist_ok=True)

    wrap(staging, "__init__", init)
    staging.open = opened
    staging.publish = lambda _self: None
    wrap(staging, "create", lambda former, self, path, **_given: former(self, path, replace=True))


@mutant("FAULT-010", stores=("s3",))
def written_in_place() -> None:
    """Writes a file under its own name from the first byte on."""
    _in_place()


@mutant("FAULT-011", stores=("http",))
def unknown_host_told_as_a_fault() -> None:
    """Says no more than that something went wrong where the store's name is not known."""
    transient = part("failure").Transient
    part("web").Transient = lambda resource, _cause: transient(resource, "something went wrong", "Try again.")


@mutant("FAULT-012", stores=("http",), cases=("*host*",))
def any_host_name() -> None:
    """Takes a certificate of a known authority for any host."""
    connection = part("web").urllib3.connection.HTTPSConnection

    def init(former: Callable[..., None], self: object, *given: object, **named: object) -> None:
        former(self, *given, **named | {"assert_hostname": False})

    wrap(connection, "__init__", init)


@mutant("FAULT-014", stores=("http",))
def full_disk_ignored() -> None:
    """Goes on when the disk takes no more."""
    transfer = part("transfer")

    def write(former: Callable[..., None], *given: object) -> None:
        try:
            former(*given)
        except OSError:
            transfer.say("short write")

    wrap(transfer, "write", write)
    transfer.check = lambda *_given: None
    part("placing").reserve = lambda *_given: None


@mutant("FAULT-014", "FAULT-015", stores=("http",))
def disk_told_as_a_fault() -> None:
    """Says no more than that something went wrong when the destination cannot be written."""
    placing, failure = part("placing"), part("failure").Failure
    placing.no_room = placing.failure = lambda *_given: failure("the model", "something went wrong", "")


@mutant("CONTRACT-015", "FAULT-016", stores=("http", "s3"))
def trusts_what_is_there() -> None:
    """Takes a file that lies in the destination for a whole one, also where it was killed while it wrote it."""
    _in_place()
    placing, transfer = part("placing"), part("transfer")
    old: set[Path] = set()

    def create(former: Callable[..., Path], self: Any, path: str, **_given: object) -> Path:  # noqa: ANN401
        place: Path = self.tree / path
        if place.is_file():
            old.add(place)
            return place
        return former(self, path)

    def fetch(former: Callable[..., None], files: Iterable[tuple[object, Path]], limits: object) -> None:
        former([(file, place) for file, place in files if place not in old], limits)

    wrap(placing.Staging, "create", create)
    wrap(transfer, "fetch", fetch)


@mutant("FAULT-017", stores=("http",))
def waits_for_a_lost_worker() -> None:
    """Fetches in a process of its own, and waits for a word from it, whatever became of it."""

    def fetch(former: Callable[..., None], *given: object) -> None:
        reading, writing = os.pipe()
        if os.fork() == 0:
            former(*given)
            os.write(writing, b"done")
            os._exit(0)
        os.read(reading, 4)

    wrap(part("transfer"), "fetch", fetch)


@mutant("FAULT-020")
def stays_in_its_region() -> None:
    """Does not follow S3 to the region of the bucket."""
    from botocore.utils import S3RegionRedirectorv2  # type: ignore[import-untyped] # noqa: PLC0415

    S3RegionRedirectorv2.redirect_from_error = lambda *_given, **_named: None


@mutant("FAULT-021", cases=("first-version",))
def one_page_of_the_first_version() -> None:
    """Lists with ListObjects where the service does not know ListObjectsV2, and takes the first page for all."""
    s3, failure = part("schemes.s3"), part("failure").Failure

    def listing(former: Callable[..., Any], client: Any, bucket: str, prefix: str, uri: str) -> Iterator[Any]:  # noqa: ANN401
        try:
            yield from former(client, bucket, prefix, uri)
        except failure:
            page = client.list_objects(Bucket=bucket, Prefix=prefix, MaxKeys=2)
            yield from ((entry["Key"], entry) for entry in page["Contents"])

    wrap(s3, "listing", listing)


@mutant("FAULT-030", stores=("s3",))
def workers_in_each_others_way() -> None:
    """Loses a file where many are fetched side by side."""
    wrap(part("remote"), "chosen", lambda former, *given: former(*given)[:50])
