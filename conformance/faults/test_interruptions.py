"""Machine faults: full or read-only disks, and processes killed during the download."""

from pathlib import Path

from conformance import rule
from conformance.api.exceptions import NotApplicable
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from conformance.api.tree import difference
from scenarios.content.models import SHARD_BYTES
from scenarios.initializers.base import DEST, Conditions, Kill
from scenarios.network.faults import breaking
from scenarios.stores.base import Store

TOLD_S = 150.0
#: Seconds within which the parent must notice that a worker died.
NOTICED_S = 60.0


def _in_the_middle(store: Store) -> bool:
    """Return whether the gateway stalled a file."""
    return any(request.injected_fault for request in store.requests())


@rule("FAULT-014")
def test_a_full_disk(store: Store, initializer: Fetcher, shards: Sample) -> None:
    """The model is larger than the emptyDir, which is a RAM disk with a size limit."""
    room = SHARD_BYTES * 3 // 4
    run = initializer.fetch(
        shards.uri, environment=store.impatience, conditions=Conditions(space=room), timeout_s=TOLD_S
    )
    run.assert_refused()


@rule("FAULT-015")
def test_a_read_only_destination(initializer: Fetcher, shards: Sample, tmp_path: Path) -> None:
    """A read-only claim is mounted at the destination."""
    initializer.needs_sandbox()
    run = initializer.fetch(shards.uri, mounts={DEST: tmp_path / "calls"}, timeout_s=TOLD_S)
    run.assert_refused()


@rule("FAULT-016")
def test_killed_and_started_again(store: Store, initializer: Fetcher, shards: Sample) -> None:
    """The container runs out of memory and restarts on the volume that it half filled."""
    store.gateway.plan_faults(store.case, breaking("stall"))
    kill = Kill(lambda: _in_the_middle(store))
    killed = initializer.fetch(shards.uri, conditions=Conditions(kill=kill), timeout_s=TOLD_S)
    if not killed.outcome.killed:
        killed.require()
    assert killed.outcome.killed, "the initializer ended before it received any part of a file"
    store.gateway.plan_faults(store.case)
    run = initializer.fetch(shards.uri, again=True, timeout_s=TOLD_S)
    if run.outcome.exit_code == 0:
        arrived = {path: content for path, content in run.tree.items() if path in shards.tree}
        wrong = "\n".join(difference(arrived, shards.tree))
        assert not wrong, f"exit code 0 after the killed call, but the files differ:\n{wrong}"
    else:
        run.assert_failed()


@rule("FAULT-017")
def test_a_worker_is_killed(store: Store, initializer: Fetcher, shards: Sample) -> None:
    """The container runs out of memory, and the kernel kills a child process."""
    store.gateway.plan_faults(store.case, breaking("stall", times=1))
    kill = Kill(lambda: _in_the_middle(store), worker=True)
    run = initializer.fetch(shards.uri, conditions=Conditions(kill=kill), timeout_s=NOTICED_S)
    if not run.outcome.killed:
        run.require()
    assert run.outcome.killed, "the initializer ended before it received any part of a file"
    if run.outcome.killed == "program":
        raise NotApplicable("the initializer starts no child processes, at least for this store")
    run.assert_failed_or(shards.tree)
