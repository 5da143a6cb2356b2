"""The calling contract: arguments, destinations, exit codes, signals, and no writes outside the destination."""

import re
import time

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from conformance.api.silence import Silence
from scenarios.cluster.waiting import wait
from scenarios.initializers.base import DEST, Conditions
from scenarios.stores.base import Store

#: The kubelet kills a container 30 s after SIGTERM by default. The rule allows a third of that, in seconds.
TERMINATION_S = 10.0
#: Time limit of a call that the suite terminates, in seconds.
TERMINATED_S = 30.0


@rule("CONTRACT-001")
@pytest.mark.parametrize(
    "arguments",
    [(), ("/srv/model",), ("/srv/model", DEST, "/srv/other"), ("/srv/a", DEST, "/srv/b", f"{DEST}/b", "/srv/c")],
    ids=["none", "one", "three", "five"],
)
def test_wrong_arguments_are_refused_with_the_usage(initializer: Fetcher, arguments: tuple[str, ...]) -> None:
    """No arguments, a source without a destination, and any odd number of arguments are errors."""
    run = initializer.call(*arguments)
    run.assert_refused()
    assert not run.outcome.unexpected_writes, f"the initializer wrote files: {', '.join(run.outcome.unexpected_writes)}"


@rule("CONTRACT-002")
def test_several_pairs(store: Store, initializer: Fetcher) -> None:
    """Three sources in one store go into three destinations."""
    names = ("first", "other", "third")
    store.put({f"{name}/only.bin": name.encode() for name in names})
    run = initializer.fetch(*(store.model_uri(name, "only.bin") for name in names))
    for number, name in enumerate(names):
        assert run.tree_at(f"{DEST}/{number}") == {"only.bin": name.encode()}


@rule("CONTRACT-003")
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_one_failing_pair_fails_the_call(store: Store, initializer: Fetcher, sample: Sample, place: int) -> None:
    """One of three sources does not exist."""
    uris = [sample.uri] * 2
    uris.insert(place, store.absent())
    initializer.fetch(*uris).assert_refused()


@rule("CONTRACT-004")
def test_missing_parents_are_made(initializer: Fetcher, sample: Sample) -> None:
    """For `/mnt/models/a/b`, the initializer creates `a`, and the model server's user can enter it."""
    run = initializer.fetch(sample.uri, dest=f"{DEST}/a/b", present={DEST: {}})
    assert run.tree == sample.tree
    mode = run.entries(DEST)["a"].mode
    assert mode & 0o005 == 0o005, f"other users cannot read the parent folder: mode {mode:04o}"


@rule("CONTRACT-005")
def test_what_lies_in_the_destination_stays(initializer: Fetcher, sample: Sample) -> None:
    """A runtime's own files in the volume survive the download, including those in a folder of the model."""
    before = {"runtime/settings.json": b"{}", "notes.txt": b"keep", "weights/notes.txt": b"keep"}
    run = initializer.fetch(sample.uri, present={DEST: before})
    assert run.tree == {**sample.tree, **before}


@rule("CONTRACT-005")
@pytest.mark.usefixtures("sample")
def test_what_lies_in_the_destination_survives_a_failure(store: Store, initializer: Fetcher) -> None:
    """An initializer that removes a partial model keeps the files that existed before."""
    before = {"runtime/settings.json": b"{}", "notes.txt": b"keep"}
    run = initializer.fetch(store.absent(), present={DEST: before})
    run.require()
    found = run.entries()
    lost = [path for path, content in before.items() if path not in found or found[path].content != content]
    assert not lost, f"the initializer removed or changed files: {', '.join(lost)}"


@rule("CONTRACT-006")
def test_a_trailing_slash_on_the_destination(initializer: Fetcher, sample: Sample) -> None:
    """`/mnt/models/` means `/mnt/models`."""
    assert initializer.fetch(sample.uri, dest=f"{DEST}/").tree == sample.tree


@rule("CONTRACT-007")
def test_a_second_run_on_the_same_destination(initializer: Fetcher, sample: Sample) -> None:
    """After a node restarts, the init container runs again on the volume that it filled."""
    assert initializer.fetch(sample.uri).tree == sample.tree
    assert initializer.fetch(sample.uri, again=True).tree == sample.tree


@rule("CONTRACT-008")
def test_another_user_can_read_the_model(initializer: Fetcher, sample: Sample) -> None:
    """The model server runs as another user: it needs o+r on files and o+rx on folders, including the destination."""
    run = initializer.fetch(sample.uri)
    assert run.tree == sample.tree
    found = [(path, entry.mode, 0o005 if entry.content is None else 0o004) for path, entry in run.entries().items()]
    found += [(path, mode, 0o005) for path, mode in run.outcome.modes.items()]
    closed = {path: f"{mode:04o}" for path, mode, bits in found if mode & bits != bits}
    assert not closed, f"other users cannot read the model: {closed}"


@rule("CONTRACT-009")
def test_nothing_is_written_elsewhere(initializer: Fetcher, sample: Sample) -> None:
    """On a read-only root file system, only the destination and /tmp are writable."""
    initializer.needs_sandbox()
    run = initializer.fetch(sample.uri)
    assert run.tree == sample.tree
    assert not run.outcome.unexpected_writes, (
        f"the initializer wrote outside {DEST} and /tmp: {', '.join(run.outcome.unexpected_writes)}"
    )


@rule("CONTRACT-009")
def test_nothing_is_written_to_the_store(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """The credentials may allow writes. A lock file next to the model becomes a model file for the next download."""
    assert initializer.fetch(sample.uri).tree == sample.tree
    written = [f"{one.method} {one.path}" for one in store.requests() if one.method in {"PUT", "PATCH", "DELETE"}]
    assert not written, f"the initializer wrote to the store: {', '.join(written)}"


@rule("CONTRACT-010")
def test_sigterm_ends_the_download(store: Store, initializer: Fetcher, silence: Silence) -> None:
    """Kubernetes deletes the pod while the store does not answer."""
    uri, access = store.unreachable(silence.address)
    run = initializer.fetch(
        uri, access=access, conditions=Conditions(terminate_when=silence.asked), timeout_s=TERMINATED_S
    )
    took = run.outcome.ended_after_signal_s
    if took is None:
        run.require()
    assert took is not None, f"the initializer did not connect to the store; exit code {run.outcome.exit_code}"
    ignored = "the initializer does not handle SIGTERM; the kernel does not deliver it to a container's first process"
    assert took <= TERMINATION_S, f"it took {took:.1f} s to end after SIGTERM" if run.outcome.delivered else ignored
    assert run.outcome.exit_code != 0, "the initializer reported success (exit code 0) without the model"


@rule("CONTRACT-011")
@pytest.mark.usefixtures("sample")
def test_the_last_words_tell_what_failed(store: Store, initializer: Fetcher) -> None:
    """Users see only the termination message: it names the missing path and says that the path is missing."""
    run = initializer.fetch(store.absent("absent-model"))
    run.assert_failed()
    run.assert_last_words(names="absent-model")
    run.assert_asked()


@rule("CONTRACT-012")
def test_success_says_how_long_it_took(initializer: Fetcher, sample: Sample) -> None:
    """Operators look up the load time of a model in this log."""
    run = initializer.fetch(sample.uri)
    assert run.tree == sample.tree
    assert re.search(r"\d(\.\d+)? ?(s|sec|seconds)\b(?!/)", run.output), "the output contains no duration"


@rule("CONTRACT-013")
def test_nothing_outlives_the_call(initializer: Fetcher, sample: Sample) -> None:
    """No helper process keeps the init container running or stays in the pod's process namespace."""
    run = initializer.fetch(sample.uri)
    assert run.tree == sample.tree
    assert not run.outcome.leftover_processes, f"processes still run: {', '.join(run.outcome.leftover_processes)}"


@rule("CONTRACT-014")
def test_no_network(initializer: Fetcher, sample: Sample) -> None:
    """In an air-gapped cluster, clients find no metadata service for credentials and no server with newer releases."""
    assert initializer.fetch(sample.uri, conditions=Conditions(offline=True)).tree == sample.tree


@rule("CONTRACT-015")
def test_a_newer_version(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """A retrained model has the same file names and sizes, and the container starts a second time.

    Stores report modification times in whole seconds (RFC 9110, 5.6.7), so the test waits for the next second.
    newer.
    """
    second = int(time.time())
    assert initializer.fetch(sample.uri).tree == sample.tree
    wait(lambda: int(time.time()) > second or None, "the next second")
    newer = {path: content[::-1] for path, content in sample.tree.items()}
    store.put_sample(newer)
    assert initializer.fetch(sample.uri, again=True).tree == newer


@rule("CONTRACT-016")
def test_any_user_on_a_read_only_root(initializer: Fetcher, sample: Sample) -> None:
    """In OpenShift's restricted pods, the home directory of the image is missing or not writable."""
    assert initializer.fetch(sample.uri, conditions=Conditions(confined=True)).tree == sample.tree
