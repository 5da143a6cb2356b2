"""Archives that other tools wrote. The model arrives as it was packed, or the call fails."""

import tarfile
import zipfile

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from scenarios.content import tars, zips
from scenarios.content.models import MODEL, archive, link, tar, under, zipped
from scenarios.stores.base import Store
from scenarios.stores.oci import OCI

#: File name -> an archive of MODEL that not every initializer unpacks.
SUFFIXES = {
    "m.tar.bz2": tars.PACKERS["bz2"](tar(MODEL)),
    "m.tbz2": tars.PACKERS["bz2"](tar(MODEL)),
    "m.tar.xz": tars.PACKERS["xz"](tar(MODEL)),
    "m.txz": tars.PACKERS["xz"](tar(MODEL)),
    "m.tar.zst": tars.PACKERS["zst"](tar(MODEL)),
    "M.TGZ": archive("tgz", MODEL),
    "M.ZIP": archive("zip", MODEL),
}
#: File name -> an archive of MODEL in another format than the name's.
MISNAMED = {
    "m.tar.gz": tar(MODEL),
    "m.tar": archive("tar.gz", MODEL),
    "m.tgz": zipped(MODEL),
    "m.zip": archive("tar.gz", MODEL),
}
_FILE = {"latest": MODEL["config.json"]}
_FOLDER = {"latest/part-0.bin": MODEL["weights/part-0.bin"]}
#: Case -> (file name, archive, the tree of its links).
LINKS = {
    "symlink": ("m.tar.gz", tars.with_links(link("latest", "config.json")), _FILE),
    "hard-link": ("m.tar.gz", tars.with_links(link("latest", "config.json", hard=True)), _FILE),
    "folder": ("m.tar.gz", tars.with_links(link("latest", "weights")), _FOLDER),
    "zip": ("m.zip", zips.with_links(MODEL, {"latest": "config.json"}), _FILE),
}
_LONG = {**MODEL, tars.LONG: b"long"}
_NAMED = {**MODEL, "größe.bin": b"named"}
#: Case -> (file name, archive, its tree). Common tools write these.
COMMON = {
    "gnu-long-names": ("m.tar.gz", tars.written(_LONG, tarfile.GNU_FORMAT), _LONG),
    "pax-long-names": ("m.tar.gz", tars.written(_LONG, tarfile.PAX_FORMAT), _LONG),
    "git-archive": ("m.tar.gz", tars.of_git(MODEL), MODEL),
    "gzip-in-pieces": ("m.tar.gz", tars.in_pieces(MODEL), MODEL),
    "zip-streamed": ("m.zip", zips.streamed(MODEL), MODEL),
    "zip64": ("m.zip", zips.of_64_bits(MODEL), MODEL),
    "zip-utf8": ("m.zip", zips.in_utf8(_NAMED), _NAMED),
}
_HOLE = 1 << 20
#: Case -> (file name, archive, its tree). Readers may refuse these.
RARE = {
    "sparse": ("m.tar.gz", tars.sparse("s.bin", _HOLE, b"end"), {**MODEL, "s.bin": bytes(_HOLE) + b"end"}),
    "tar-twice": ("m.tar.gz", tars.twice(MODEL), MODEL),
    "zip-twice": ("m.zip", zips.twice(MODEL), MODEL),
    "self-extracting": ("m.zip", zips.self_extracting(MODEL), MODEL),
    "padded": ("m.tar.gz", archive("tar.gz", MODEL) + bytes(1024), MODEL),
}
METHODS = {
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
    "zstd": zips.ZSTD,
    "deflate64": zips.DEFLATE64,
}
ENCRYPTED = {"pkzip": zips.encrypted(MODEL), "aes": zips.encrypted_by_aes(MODEL)}
#: What macOS adds to an archive.
OF_MAC = ("._", "__MACOSX/", "weights/._")


@rule("ARCH-010")
def test_backslashes_separate_folders(store: Store, initializer: Fetcher) -> None:
    """A tool for Windows made the zip. No file is named `weights\\part-0.bin`."""
    run = initializer.fetch(store.put_archive("m.zip", zips.of_windows(MODEL)), way="archive")
    run.assert_failed_or(MODEL)


@rule("ARCH-011")
@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_folders_are_members_too(store: Store, initializer: Fetcher, suffix: str) -> None:
    """`tar -C model -czf m.tar.gz .` and `zip -r` add folders, and tar adds `./` itself."""
    content = zips.with_folders(MODEL) if suffix == "zip" else tars.with_folders(MODEL)
    assert initializer.fetch(store.put_archive(f"m.{suffix}", content), way="archive").tree == MODEL


@rule("ARCH-012")
@pytest.mark.parametrize("suffix", ["tgz", "zip"])
def test_a_single_top_folder_stays(store: Store, initializer: Fetcher, suffix: str) -> None:
    """`tar -czf m.tgz model` and `zip -r m.zip model`: model servers expect `model/` or `1/` where it was packed."""
    tree = under("model", MODEL)
    content = zips.with_folders(tree) if suffix == "zip" else tars.with_folders(MODEL, top="model/")
    assert initializer.fetch(store.put_archive(f"m.{suffix}", content), way="archive").tree == tree


@rule("ARCH-013")
@pytest.mark.parametrize("name", SUFFIXES)
def test_another_suffix_is_unpacked_or_left_alone(store: Store, initializer: Fetcher, name: str) -> None:
    """Training jobs also write bzip2, xz and zstd, and some tools write suffixes in capitals."""
    run = initializer.fetch(store.put_archive(name, SUFFIXES[name]), way="archive")
    run.assert_failed_or({name: SUFFIXES[name]} if run.left_packed(name) else MODEL)


@rule("ARCH-014")
@pytest.mark.parametrize("name", MISNAMED)
def test_a_wrong_suffix_loses_nothing(store: Store, initializer: Fetcher, name: str) -> None:
    """A proxy unpacked the gzip layer, or someone renamed the file."""
    run = initializer.fetch(store.put_archive(name, MISNAMED[name]), way="archive")
    run.assert_failed_or({name: MISNAMED[name]} if run.left_packed(name) else MODEL)


@rule("ARCH-015")
@pytest.mark.parametrize("cipher", ENCRYPTED)
def test_an_encrypted_zip_is_an_error(store: Store, initializer: Fetcher, cipher: str) -> None:
    """No setting holds the password of an archive."""
    initializer.fetch(store.put_archive("m.zip", ENCRYPTED[cipher]), way="archive").assert_refused()


@rule("ARCH-016")
def test_the_message_names_the_encryption(store: Store, initializer: Fetcher) -> None:
    """`The file is corrupt` would send the user to the wrong remedy."""
    initializer.fetch(store.put_archive("m.zip", ENCRYPTED["pkzip"]), way="archive").assert_refused()


@rule("ARCH-017")
@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_method_is_no_success(store: Store, initializer: Fetcher, method: str) -> None:
    """7-Zip and the Windows Explorer use methods that few libraries know."""
    run = initializer.fetch(store.put_archive("m.zip", zips.compressed(MODEL, METHODS[method])), way="archive")
    run.assert_failed_or(MODEL)


@rule("ARCH-018")
@pytest.mark.parametrize("case", LINKS)
def test_a_link_within_the_archive(store: Store, initializer: Fetcher, case: str) -> None:
    """`latest` points to the current file or folder of the same archive."""
    name, content, linked = LINKS[case]
    run = initializer.fetch(store.put_archive(name, content), way="archive")
    run.assert_failed_or({**MODEL, **linked})


@rule("ARCH-019")
@pytest.mark.parametrize("case", COMMON)
def test_archives_of_common_tools(store: Store, initializer: Fetcher, case: str) -> None:
    """GNU tar, Python, git, bgzip and Info-ZIP write these."""
    name, content, tree = COMMON[case]
    assert initializer.fetch(store.put_archive(name, content), way="archive").tree == tree


@rule("ARCH-020")
@pytest.mark.parametrize("case", RARE)
def test_archives_of_rare_forms(store: Store, initializer: Fetcher, case: str) -> None:
    """Sparse members, members in two versions, a program before the zip, and zeros after the gzip stream."""
    name, content, tree = RARE[case]
    initializer.fetch(store.put_archive(name, content), way="archive").assert_failed_or(tree)


@rule("ARCH-021")
def test_names_in_the_old_code_page(store: Store, initializer: Fetcher) -> None:
    """The zip does not mark its names as UTF-8."""
    run = initializer.fetch(store.put_archive("m.zip", zips.in_code_page(_NAMED)), way="archive")
    run.assert_failed_or(_NAMED)


@rule("ARCH-022")
def test_unpacked_folders_are_open(store: Store, initializer: Fetcher) -> None:
    """`tar -C "$(mktemp -d)" -cf m.tar .` packs `./` with mode 0700, which would close the destination itself."""
    content = tars.with_folders(MODEL, mode=0o700)
    run = initializer.fetch(store.put_archive("m.tar.gz", content), way="archive")
    assert run.tree == MODEL
    modes = {**run.outcome.modes, "weights": run.entries()["weights"].mode}
    closed = {path: f"{mode:04o}" for path, mode in modes.items() if mode & 0o005 != 0o005}
    assert not closed, f"other users cannot read these folders: {closed}"


@rule("ARCH-023")
@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_members_of_macos(store: Store, initializer: Fetcher, suffix: str) -> None:
    """macOS packs the properties of each file as a member beside it."""
    content = zips.of_mac() if suffix == "zip" else tars.of_mac()
    tree = initializer.fetch(store.put_archive(f"m.{suffix}", content), way="archive").tree
    assert tree == {**MODEL, **{path: one for path, one in tree.items() if path.startswith(OF_MAC)}}


@rule("ARCH-024")
def test_zstd_layers_arrive_or_are_refused(store: OCI, initializer: Fetcher) -> None:
    """Newer image builders compress layers with zstd."""
    store.put(under("model", MODEL), layer="tar+zstd")
    run = initializer.fetch(store.uri("model"))
    if run.outcome.exit_code == 0:
        assert run.tree == MODEL
    else:
        run.assert_refused()


@rule("ARCH-025")
def test_an_image_without_a_model_is_an_error(store: OCI, initializer: Fetcher) -> None:
    """The image is a program, or its model is in another folder."""
    store.put(under("model", MODEL), below="weights")
    initializer.fetch(store.uri("model")).assert_refused()


@rule("ARCH-026")
def test_an_archive_within_stays_packed(store: Store, initializer: Fetcher) -> None:
    """A model of TorchServe or Spark is an archive itself."""
    tree = {"model-store/gemma.zip": archive("zip", MODEL)}
    run = initializer.fetch(store.put_archive("m.tar.gz", archive("tar.gz", tree)), way="archive")
    assert run.tree == tree
