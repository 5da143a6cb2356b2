"""The Hugging Face Hub: Xet, tokens, names, revisions, links to the CDN, and what the Hub lists about files."""

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from scenarios.content.models import MODEL, under
from scenarios.network.faults import FILE_BYTES, PART_BYTES, Fault, answering, breaking
from scenarios.servers import xet
from scenarios.stores.hf import HuggingFace

#: Files of a model, one of them in LFS, for tests that change how the Hub serves it.
WEIGHTS = {"config.json": b"{}", "weights.safetensors": bytes(range(256)) * 1000}
#: Case -> the hosts of Xet, one of which the proxy refuses.
REFUSED = {"cas": {"cas": xet.FORBIDDEN}, "blocks": {"blocks": xet.FORBIDDEN}}
#: Seconds within which a call ends when a server is out of reach.
TOLD_S = 150.0
#: Case -> a revision, and how the URI writes it.
REVISIONS = {
    "pull-request": ("refs/pr/1", "refs/pr/1"),
    "branch": ("feature/x", "feature/x"),
    "encoded": ("refs/pr/1", "refs%2Fpr%2F1"),
}
#: Seconds for which a link to the CDN is valid, and until the CDN sends the first byte of a large file.
LINK_LIFE_S, LATE_S = 1.5, 2.5


@rule("HUB-001")
def test_files_in_xet(store: HuggingFace, initializer: Fetcher) -> None:
    """Large files come by a second client, which needs the proxy and the authority just like the first."""
    store.put(under("model", WEIGHTS))
    store.serve_by_xet()
    assert initializer.fetch(store.uri("model"), environment=store.impatience).tree == WEIGHTS


@rule("HUB-002")
@pytest.mark.parametrize("host", REFUSED)
def test_xet_out_of_reach(store: HuggingFace, initializer: Fetcher, host: str) -> None:
    """The proxy of the company knows huggingface.co, but no host behind it. Its administrator needs the name."""
    store.put(under("model", WEIGHTS))
    store.serve_by_xet(**REFUSED[host])
    run = initializer.fetch(store.uri("model"), environment=store.impatience, timeout_s=TOLD_S)
    run.assert_failed_or(WEIGHTS)
    if run.outcome.exit_code != 0:
        run.assert_refused(names=xet.FORBIDDEN)


@rule("HUB-003")
def test_a_rate_limit(store: HuggingFace, initializer: Fetcher, sample: Sample) -> None:
    """A whole cluster shares one address, and the Hub counts its requests."""
    spent = answering(429, file=False, RateLimit='"api";r=0;t=2', RateLimit_Policy='"fixed window";"api";q=500;w=300')
    store.gateway.plan_faults(store.case, spent)
    assert initializer.fetch(sample.uri, environment=store.impatience).tree == sample.tree


@rule("HUB-004")
def test_a_stale_token(store: HuggingFace, initializer: Fetcher, sample: Sample) -> None:
    """The cluster's token was revoked, and public models fail with it."""
    run = initializer.fetch(sample.uri, access=store.public("wrong"), way="private")
    run.assert_failed_or(sample.tree)
    if run.outcome.exit_code != 0:
        run.assert_refused(asked=True)
        assert "not found" not in run.last_words.lower(), "the message blames a missing repository for a rejected token"


@rule("HUB-005")
def test_a_strangers_token(store: HuggingFace, initializer: Fetcher, sample: Sample) -> None:
    """The token is valid, and its account has no permission for anything."""
    assert initializer.fetch(sample.uri, access=store.public("denied")).tree == sample.tree


@rule("HUB-006")
@pytest.mark.parametrize("file", ["q4.gguf", "quantised/q4.gguf"], ids=["file", "nested"])
def test_one_file(store: HuggingFace, initializer: Fetcher, file: str) -> None:
    """A repository has twenty quantisations of one model, and the server needs one."""
    store.put(under("model", {"q4.gguf": b"four", "q8.gguf": b"eight", "quantised/q4.gguf": b"four"}))
    run = initializer.fetch(store.file_uri("model", file), access=store.access())
    run.assert_failed_or({"q4.gguf": b"four"})
    if run.outcome.exit_code != 0:
        run.assert_refused()


@rule("HUB-007")
@pytest.mark.parametrize(("revision", "written"), REVISIONS.values(), ids=REVISIONS)
def test_a_revision_with_a_slash(store: HuggingFace, initializer: Fetcher, revision: str, written: str) -> None:
    """Pull requests of the Hub have such revisions. Beside it are revisions that share a part of its name."""
    for other in ("main", *revision.split("/"), revision.rpartition("/")[0]):
        store.put({"model/which.txt": other.encode()}, other)
    store.put({"model/which.txt": revision.encode()}, revision)
    run = initializer.fetch(store.at_revision(store.uri("model"), written))
    run.assert_failed_or({"which.txt": revision.encode()})


@rule("HUB-008")
@pytest.mark.parametrize("kind", ["anonymous", "valid"], ids=["public", "private"])
def test_a_renamed_repository(store: HuggingFace, initializer: Fetcher, kind: str) -> None:
    """The publisher moved the model, and InferenceServices still have the old name."""
    store.put(under("old-name", MODEL))
    store.rename("old-name", "model")
    access = store.access("valid" if kind == "valid" else "anonymous")
    assert initializer.fetch(store.uri("old-name"), access=access).tree == MODEL


@rule("HUB-009")
def test_a_private_repository(store: HuggingFace, initializer: Fetcher, sample: Sample) -> None:
    """Gated repositories show their files to everybody. Private ones do not even exist without a token."""
    store.hide()
    assert initializer.fetch(sample.uri).tree == sample.tree
    initializer.fetch(sample.uri, access=store.access("none"), way="private").assert_failed()


@rule("HUB-010")
def test_a_disabled_repository(store: HuggingFace, initializer: Fetcher, sample: Sample) -> None:
    """The Hub took the model down after a complaint."""
    store.disable()
    initializer.fetch(sample.uri).assert_refused(asked=True)


@rule("HUB-011")
def test_an_empty_repository(store: HuggingFace, initializer: Fetcher) -> None:
    """Somebody created the repository and has not uploaded the model yet."""
    store.put_empty("hollow")
    initializer.fetch(store.uri("hollow")).assert_refused(asked=True)


@rule("HUB-012")
def test_an_expired_link(store: HuggingFace, initializer: Fetcher) -> None:
    """Links are valid for an hour. A large model takes longer, and the connection breaks once."""
    tree = {"config.json": b"{}", "weights.safetensors": bytes(range(256)) * 4096}
    store.put(under("model", tree))
    store.expire_links(LINK_LIFE_S)
    late = Fault("slow", delay_s=LATE_S, times=1, least=PART_BYTES + FILE_BYTES)
    store.gateway.plan_faults(store.case, late, breaking("cut", times=1))
    assert initializer.fetch(store.uri("model"), environment=store.impatience).tree == tree


@rule("HUB-013")
@pytest.mark.parametrize("length", ["longer", "shorter"])
def test_another_length_than_listed(store: HuggingFace, initializer: Fetcher, length: str) -> None:
    """A cache of the CDN has an upload that was not finished, or an older version of the file."""
    store.put(under("model", WEIGHTS))
    content = WEIGHTS["weights.safetensors"]
    store.deliver("model", "weights.safetensors", content + b"more" if length == "longer" else content[:-4])
    initializer.fetch(store.uri("model")).assert_failed_or(WEIGHTS)


@rule("HUB-014")
def test_content_against_its_digest(store: HuggingFace, initializer: Fetcher) -> None:
    """A proxy or a disk on the way flipped bits. The length is right."""
    store.put(under("model", WEIGHTS))
    store.deliver("model", "weights.safetensors", bytes(reversed(WEIGHTS["weights.safetensors"])))
    initializer.fetch(store.uri("model")).assert_failed()


@rule("HUB-015")
def test_a_compressed_text(store: HuggingFace, initializer: Fetcher) -> None:
    """A tokenizer is megabytes of JSON, which the CDN compresses for clients that accept it."""
    tree = {"tokenizer.json": b'{"vocab": {}}\n' * 300, "weights.bin": b"weights"}
    store.put(under("model", tree))
    assert initializer.fetch(store.uri("model")).tree == tree
