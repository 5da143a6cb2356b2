"""Throughput and memory: budgets that are the same on every machine (docs/throughput.md)."""

from conformance import rule
from conformance.api.budget import Meter
from conformance.api.fetch import Fetcher
from conformance.api.workloads import ARCHIVE, HUGE, LARGE, MANY, SHARDS, SMALL, TINY


@rule("PERF-001")
def test_a_large_object_takes_the_time_of_a_reference_client(meter: Meter) -> None:
    """One file of weights, on a line that bounds every connection."""
    meter.keeps_budget(LARGE)


@rule("PERF-002")
def test_shards_take_the_time_of_a_reference_client(meter: Meter) -> None:
    """Eight shards of one model, on a line that bounds every connection."""
    meter.keeps_budget(SHARDS)


@rule("PERF-003")
def test_small_files_take_the_time_of_a_reference_client(meter: Meter) -> None:
    """Tokenizers, configurations and adapters, from a store that is 150 ms away."""
    meter.keeps_budget(SMALL)


@rule("PERF-004")
def test_shards_come_in_parallel(meter: Meter) -> None:
    """Cloud stores bound every connection; eight shards come over several."""
    meter.keeps_budget(SHARDS)


@rule("PERF-005")
def test_a_large_object_comes_in_parallel(meter: Meter) -> None:
    """Parts of one large file come over several connections."""
    meter.keeps_budget(LARGE)


@rule("PERF-006")
def test_no_byte_of_a_large_object_comes_twice(meter: Meter) -> None:
    """A large file is neither probed by reading it nor fetched again."""
    meter.keeps_budget(LARGE)


@rule("PERF-007")
def test_no_byte_of_shards_comes_twice(meter: Meter) -> None:
    """What several workers fetch overlaps nowhere."""
    meter.keeps_budget(SHARDS)


@rule("PERF-008")
def test_a_large_object_takes_few_requests(meter: Meter) -> None:
    """Every request is a round trip, and object stores charge for it."""
    meter.keeps_budget(LARGE)


@rule("PERF-009")
def test_many_files_take_few_requests_each(meter: Meter) -> None:
    """Five hundred files, each fetched without looking it up three times."""
    meter.keeps_budget(MANY)


@rule("PERF-010")
def test_memory_fits_the_container(meter: Meter) -> None:
    """KServe gives its initializer 1 GiB."""
    meter.keeps_budget(HUGE)


@rule("PERF-011")
def test_memory_is_modest(meter: Meter) -> None:
    """What an initializer needs itself beside what it carries."""
    meter.keeps_budget(HUGE)


@rule("PERF-012")
def test_memory_does_not_grow_with_the_model(meter: Meter) -> None:
    """A model sixteen times as large passes through the same buffers."""
    meter.keeps_budget(HUGE)


@rule("PERF-013")
def test_disk_holds_the_model_once(meter: Meter, initializer: Fetcher) -> None:
    """The volume of a model is made for the model, not for two copies."""
    initializer.needs_sandbox()  # what is written to /tmp counts too
    meter.keeps_budget(HUGE)


@rule("PERF-014")
def test_disk_holds_an_archive_and_its_content(meter: Meter, initializer: Fetcher) -> None:
    """While it is unpacked, an archive lies beside what it held, once."""
    initializer.needs_sandbox()  # what is written to /tmp counts too
    meter.keeps_budget(ARCHIVE)


@rule("PERF-015")
def test_a_gib_costs_little_cpu(meter: Meter) -> None:
    """Decrypting, copying and hashing, as few times as a plain client does."""
    meter.keeps_budget(HUGE)


@rule("PERF-016")
def test_the_first_byte_comes_soon(meter: Meter) -> None:
    """A model of 1 KiB shows what every start of a pod costs."""
    meter.keeps_budget(TINY)
