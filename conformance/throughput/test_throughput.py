"""Throughput and memory: budgets that are the same on every machine. See docs/throughput.md."""

from conformance import rule
from conformance.api.budget import Meter
from conformance.api.fetcher import Fetcher
from conformance.api.workloads import ARCHIVE, HUGE, LARGE, MANY, SHARDS, SMALL, TINY


@rule("PERF-001")
def test_a_large_object_takes_the_time_of_a_reference_client(meter: Meter) -> None:
    """One file of weights, over a link that limits the rate of each connection."""
    meter.keeps_budget(LARGE)


@rule("PERF-002")
def test_shards_take_the_time_of_a_reference_client(meter: Meter) -> None:
    """Eight shards of one model, over a link that limits the rate of each connection."""
    meter.keeps_budget(SHARDS)


@rule("PERF-003")
def test_small_files_take_the_time_of_a_reference_client(meter: Meter) -> None:
    """Tokenizers, configurations and adapters, from a store with a latency of 150 ms."""
    meter.keeps_budget(SMALL)


@rule("PERF-004")
def test_shards_come_in_parallel(meter: Meter) -> None:
    """Cloud stores limit the rate of each connection, so eight shards must use several."""
    meter.keeps_budget(SHARDS)


@rule("PERF-005")
def test_a_large_object_comes_in_parallel(meter: Meter) -> None:
    """Parts of one large file must arrive over several connections."""
    meter.keeps_budget(LARGE)


@rule("PERF-006")
def test_no_byte_of_a_large_object_comes_twice(meter: Meter) -> None:
    """The initializer neither probes a large file by reading it nor fetches it again."""
    meter.keeps_budget(LARGE)


@rule("PERF-007")
def test_no_byte_of_shards_comes_twice(meter: Meter) -> None:
    """Several workers fetch ranges that do not overlap."""
    meter.keeps_budget(SHARDS)


@rule("PERF-008")
def test_a_large_object_takes_few_requests(meter: Meter) -> None:
    """Each request costs a round trip, and object stores charge for it."""
    meter.keeps_budget(LARGE)


@rule("PERF-009")
def test_many_files_take_few_requests_each(meter: Meter) -> None:
    """The initializer fetches 500 files without looking up each one three times."""
    meter.keeps_budget(MANY)


@rule("PERF-010")
def test_memory_fits_the_container(meter: Meter) -> None:
    """KServe limits its initializer to 1 GiB."""
    meter.keeps_budget(HUGE)


@rule("PERF-011")
def test_memory_is_modest(meter: Meter) -> None:
    """The initializer's own memory is small, whatever the size of the model."""
    meter.keeps_budget(HUGE)


@rule("PERF-012")
def test_memory_does_not_grow_with_the_model(meter: Meter) -> None:
    """A model sixteen times as large needs no larger buffers."""
    meter.keeps_budget(HUGE)


@rule("PERF-013")
def test_disk_holds_the_model_once(meter: Meter, initializer: Fetcher) -> None:
    """The volume has room for one copy of the model, not for two."""
    initializer.needs_sandbox()  # files in /tmp count too
    meter.keeps_budget(HUGE)


@rule("PERF-014")
def test_disk_holds_an_archive_and_its_content(meter: Meter, initializer: Fetcher) -> None:
    """During unpacking, the disk holds the archive and its content once each."""
    initializer.needs_sandbox()  # files in /tmp count too
    meter.keeps_budget(ARCHIVE)


@rule("PERF-015")
def test_a_gib_costs_little_cpu(meter: Meter) -> None:
    """The initializer decrypts, copies and hashes each byte no more often than a plain client."""
    meter.keeps_budget(HUGE)


@rule("PERF-016")
def test_the_first_byte_comes_soon(meter: Meter) -> None:
    """A model of 1 KiB shows the start-up cost of every pod."""
    meter.keeps_budget(TINY)
