"""Faults of the machine: a disk that is full or read-only, and processes that are killed in the middle."""

from pathlib import Path

from conformance import rule
from conformance.api.fetch import Fetcher, NotApplicable, difference
from conformance.api.samples import Sample
from scenarios.content.models import SHARD_BYTES
from scenarios.initializers.base import DEST, Conditions, Kill
from scenarios.network.faults import breaking
from scenarios.stores.base import Store

TOLD_S = 150.0
#: Seconds that the parent of a lost worker has to notice.
NOTICED_S = 60.0


def _in_the_middle(store: Store) -> bool:
    """Whether a file was stalled."""
    return any(request.injected_fault for request in store.requests())


@rule("FAULT-014")
def test_a_full_disk(store: Store, initializer: Fetcher, shards: Sample) -> None:
    """An emptyDir with a size limit on a RAM disk, and a model that is larger."""
    room = SHARD_BYTES * 3 // 4
    run = initializer.fetch(
        shards.uri, environment=store.impatience, conditions=Conditions(space=room), timeout_s=TOLD_S
    )
    run.assert_refused()


@rule("FAULT-015")
def test_a_read_only_destination(initializer: Fetcher, shards: Sample, tmp_path: Path) -> None:
    """A claim that is mounted read-only where the model should go."""
    initializer.needs_sandbox()
    run = initializer.fetch(shards.uri, mounts={DEST: tmp_path / "calls"}, timeout_s=TOLD_S)
    run.assert_refused()


@rule("FAULT-016")
def test_killed_and_started_again(store: Store, initializer: Fetcher, shards: Sample) -> None:
    """Memory ran out; the container starts again on the volume that it has half filled."""
    store.gateway.plan_faults(store.case, breaking("stall"))
    kill = Kill(lambda: _in_the_middle(store))
    killed = initializer.fetch(shards.uri, conditions=Conditions(kill=kill), timeout_s=TOLD_S)
    if not killed.outcome.killed:
        killed.require()
    assert killed.outcome.killed, "it ended before anything of a file had come"
    store.gateway.plan_faults(store.case)
    run = initializer.fetch(shards.uri, again=True, timeout_s=TOLD_S)
    if run.outcome.exit_code == 0:
        arrived = {path: content for path, content in run.tree.items() if path in shards.tree}
        wrong = "\n".join(difference(arrived, shards.tree))
        assert not wrong, f"exit code 0 on what the killed call had left, but:\n{wrong}"
    else:
        run.assert_failed()


@rule("FAULT-017")
def test_a_worker_is_killed(store: Store, initializer: Fetcher, shards: Sample) -> None:
    """Memory ran out, and the kernel chose a child."""
    store.gateway.plan_faults(store.case, breaking("stall", times=1))
    kill = Kill(lambda: _in_the_middle(store), worker=True)
    run = initializer.fetch(shards.uri, conditions=Conditions(kill=kill), timeout_s=NOTICED_S)
    if not run.outcome.killed:
        run.require()
    assert run.outcome.killed, "it ended before anything of a file had come"
    if run.outcome.killed == "program":
        raise NotApplicable("this initializer has no processes of its own beside the program, at least for this store")
    run.assert_failed_or(shards.tree)
