"""Archives: the initializer unpacks a single archive, keeps others packed, and writes only below the destination."""

import gzip
import tarfile

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from scenarios.content.models import MODEL, archive, link, noise, tar, tar_of, zipped
from scenarios.initializers.base import DEST, Entry
from scenarios.stores.base import Store
from scenarios.stores.http import HTTP

_EVIL = b"written by an archive"


def _member(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = len(_EVIL)
    return member


#: case -> (file name, archive with a member whose path or link leads out of the destination).
ESCAPES = {
    "tar-parent": ("m.tar", tar_of([(_member("../evil"), _EVIL)])),
    "tar-absolute": ("m.tar", tar_of([(_member("/mnt/evil"), _EVIL)])),
    "tar-symlink": ("m.tar", tar_of([(link("out", "/mnt"), b""), (_member("out/evil"), _EVIL)])),
    "tar-hardlink": ("m.tar", tar_of([(link("evil", "../../etc/hostname", hard=True), b"")])),
    "zip-parent": ("m.zip", zipped({"../evil": _EVIL})),
}


@rule("ARCH-001")
@pytest.mark.parametrize("suffix", ["tar", "tgz", "tar.gz", "zip"])
def test_a_single_archive_is_unpacked(store: Store, initializer: Fetcher, suffix: str) -> None:
    """The archive's members arrive and the archive itself does not."""
    store.put({f"model/m.{suffix}": archive(suffix, MODEL)})
    assert initializer.fetch(store.uri(f"model/m.{suffix}"), way="archive").tree == MODEL


@rule("ARCH-002")
@pytest.mark.parametrize("suffixes", [("zip", "tar.gz"), ("tar.gz", "zip")], ids=["zip-tar.gz", "tar.gz-zip"])
def test_two_archives_stay_packed(store: Store, initializer: Fetcher, suffixes: tuple[str, str]) -> None:
    """The initializer cannot know which of two archives is the model, in either listing order."""
    tree = {f"{name}.{suffix}": archive(suffix, MODEL) for name, suffix in zip("ab", suffixes, strict=True)}
    store.put({f"model/{name}": content for name, content in tree.items()})
    assert initializer.fetch(store.uri("model")).tree == tree


@rule("ARCH-003")
def test_an_archive_beside_other_files_stays_packed(store: Store, initializer: Fetcher) -> None:
    """An archive next to other files is one of the model's files."""
    tree = {"vocab.zip": archive("zip", MODEL), "weights.bin": b"w"}
    store.put({f"model/{name}": content for name, content in tree.items()})
    assert initializer.fetch(store.uri("model")).tree == tree


@rule("ARCH-004")
def test_a_gzip_file_that_is_no_tar_stays_as_it_is(store: Store, initializer: Fetcher) -> None:
    """joblib and pickle write `.gz` files that are not tar archives."""
    content = gzip.compress(b"joblib", mtime=0)
    store.put({"model/m.joblib.gz": content})
    assert initializer.fetch(store.uri("model/m.joblib.gz")).tree == {"m.joblib.gz": content}


@rule("ARCH-005")
@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "zip"])
def test_a_corrupt_archive_is_an_error(store: Store, initializer: Fetcher, suffix: str) -> None:
    """The store has only the first half of an archive, as after a broken upload. The cut is in a member's content."""
    whole = archive(suffix, {"weights.bin": noise(40_000)})
    store.put({f"model/m.{suffix}": whole[: len(whole) // 2]})
    initializer.fetch(store.uri(f"model/m.{suffix}"), way="archive").assert_refused()


@rule("ARCH-006")
@pytest.mark.parametrize("case", ESCAPES)
def test_no_member_leaves_the_destination(store: Store, initializer: Fetcher, case: str) -> None:
    """The initializer may reject the member or not, but it writes, links and reads nothing outside the destination."""
    initializer.needs_sandbox()
    name, content = ESCAPES[case]
    store.put({f"model/{name}": content})
    run = initializer.fetch(store.uri(f"model/{name}"), way="archive")
    unexpected_writes = [path for path in run.outcome.unexpected_writes if "evil" in path]
    assert not unexpected_writes, f"the initializer wrote outside {DEST}: {', '.join(unexpected_writes)}"
    read = [path for path, entry in run.entries().items() if entry.content not in (None, _EVIL, content)]
    assert not read, f"these files have content from outside the destination: {', '.join(read)}"
    assert not run.entries().get("out", Entry(0, None)).link, "the link `out` points outside the destination"
    if not run.entries():
        run.assert_failed()


@rule("ARCH-007")
def test_what_an_archive_brings_can_be_read(store: Store, initializer: Fetcher) -> None:
    """The model server runs as another user and cannot read a member that keeps its packed mode 0200."""
    store.put({"model/m.tar": tar({"weights.bin": b"w", "x.bin": b"x"}, permissions=0o200)})
    run = initializer.fetch(store.uri("model/m.tar"), way="archive")
    assert run.tree == {"weights.bin": b"w", "x.bin": b"x"}
    unreadable = {path: f"{entry.mode:04o}" for path, entry in run.entries().items() if not entry.mode & 0o004}
    assert not unreadable, f"other users cannot read the model: {unreadable}"


@rule("ARCH-008")
@pytest.mark.parametrize("case", ["presigned", "in-query"])
def test_an_archive_behind_a_query_is_unpacked(store: HTTP, initializer: Fetcher, case: str) -> None:
    """Presigned URLs end in a signature, and artifact servers take the file name as a query parameter."""
    content = archive("tar.gz", MODEL)
    if case == "presigned":
        uri, _ = store.presigned("model/m.tar.gz", content)
    else:
        uri = store.serve("model/download", content, content_type="application/gzip") + "?file=m.tar.gz"
    assert initializer.fetch(uri, way="archive").tree == MODEL


@rule("ARCH-009")
@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_an_archive_of_any_content_type_is_unpacked(store: HTTP, initializer: Fetcher, suffix: str) -> None:
    """The server sends `application/octet-stream`. The initializer still recognizes the archive."""
    uri = store.serve(f"model/m.{suffix}", archive(suffix, MODEL), content_type="application/octet-stream")
    assert initializer.fetch(uri, way="archive").tree == MODEL
