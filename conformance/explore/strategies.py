"""Hypothesis strategies for examples. Each takes the scope of the exploration, which leaves out known failures.

The first element of each choice is the simplest, because Hypothesis shrinks towards it.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from conformance.explore.addresses import ENDS, PARTS, WHOLE, Address
from conformance.explore.examples import (
    ABSENT,
    ARCHIVES,
    TWO,
    Disturbed,
    Example,
    File,
    Files,
    Folder,
    Packed,
    Pairs,
    fits,
    names_in,
    parents,
)
from conformance.explore.scope import Feature, Scope
from scenarios.initializers.base import DEST
from scenarios.network.faults import FILE_BYTES, Fault, answering, breaking

Strategy = st.SearchStrategy[Example]

_WORDS = ("a", "b", "model", "1", "config.json", "weights.bin", "model.bin", "_", "A-1")
#: Parts of names. Their traits decide whether the scope allows them.
_PIECES = (
    *("a", "b", "1", "-", "_", "~", "=", ",", "@", "!", "$", "'", "(", ")", "&", ";", "[", "]", "{", "}", "^"),
    *(".", "..", " ", "%", "%20", "%2F", "%25", "+", "#", "?", "?x=1", "ü", "e\u0301", "模", "🙂"),
)
_LONGER = ("-2", ".bak", "2", ".d", ".")
_EDGES = (4096, 8192, 65536, 262_144)
_LARGEST = 300 << 10


def _examples(scope: Scope, strategy: st.SearchStrategy[Example]) -> Strategy:
    """Leave out the examples that have a feature which the scope does not allow."""
    return strategy.filter(lambda one: all(map(scope.allows, one.features())))


def _names(scope: Scope) -> st.SearchStrategy[str]:
    pieces = [piece for piece in _PIECES if all(map(scope.allows, names_in(f"x{piece}")))]
    odd = st.lists(st.sampled_from(pieces), min_size=1, max_size=6).map("".join)
    return st.one_of(st.sampled_from(_WORDS), odd.filter(lambda name: _is_name(scope, name)))


def _is_name(scope: Scope, name: str) -> bool:
    """Return whether every store can hold the name, and no program takes it for more than a name."""
    return (
        not name.endswith((".", " ", *ARCHIVES, ".git"))
        and name not in scope.kind.bookkeeping
        and all(map(scope.allows, names_in(name)))
    )


def _sizes(scope: Scope) -> st.SearchStrategy[int]:
    edges = [edge + more for edge in _EDGES for more in (-1, 0, 1)]
    empty = [0] if scope.allows(Feature("PLACE-009")) else []
    return st.one_of(st.sampled_from([1, *empty, 2]), st.sampled_from(edges), st.integers(1, _LARGEST))


@st.composite
def _files(draw: st.DrawFn, scope: Scope, most: int = 6) -> Files:
    """Draw files whose paths share a few names, so that names repeat and begin with each other."""
    names = draw(st.lists(_names(scope), min_size=1, max_size=3, unique=True))
    names += [longer for name in names for tail in _LONGER if _is_name(scope, longer := name + tail)]
    path = st.lists(st.sampled_from(names), min_size=1, max_size=5).map("/".join)
    paths = fits(draw(st.lists(path, min_size=1, max_size=most, unique=True)))
    return Files(tuple((one, draw(_sizes(scope))) for one in paths))


def folders(scope: Scope) -> Strategy:
    """Folders as PLACE-001 and its neighbours have them: names, sizes, depth, markers, siblings, the root."""
    return _examples(scope, _folders(scope))


@st.composite
def _folders(draw: st.DrawFn, scope: Scope) -> Example:
    deep = scope.has("PLACE-002")
    places = ["model", "m-1", *(["a/model", "model/model"] if deep else [])]
    places = places if scope.may("PLACE-001") else []
    places += [""] if scope.may("PLACE-006") else []
    if not places:
        return Folder(Files((("a", 1),)))  # which the scope does not allow
    at = draw(st.sampled_from(places))
    files = draw(_files(scope))
    if deep and scope.may("ARCH-002") and scope.may("ARCH-003"):
        packed = draw(st.sampled_from([(), ("v.zip",), ("v.tar.gz", "x/w.zip")]))
        extra = fits([*(path for path, _ in files.sizes), *packed])[len(files.sizes) :]
        files = Files((*files.sizes, *((path, 10) for path in extra)))
    markers: Sequence[str] = ()
    if scope.may("PLACE-010"):
        choices = ["", *parents(path for path, _ in files.sizes), "empty"] if at else ["empty"]
        markers = draw(st.lists(st.sampled_from(choices), max_size=2, unique=True))
    beside: Sequence[str] = ()
    if at and scope.may("PLACE-002"):
        choices = [f"{at}-2/x.bin", f"{at}.txt", f"{at}2", f"x/{at}/y.bin"]
        beside = draw(st.lists(st.sampled_from(choices), max_size=2, unique=True))
    slashes = draw(st.integers(0, 1)) if scope.may("PLACE-003") else 0
    return Folder(files, at, tuple(sorted(markers)), tuple(beside), slashes)


def files(scope: Scope) -> Strategy:
    """Single files among others with longer names."""
    plain = _files(scope, 4).filter(lambda one: not set("%#?").intersection(one.sizes[0][0]))
    places = st.sampled_from(["model", "a/model"])
    return _examples(scope, st.builds(File, plain, places, st.just(scope.has("PLACE-024"))))


def archives(scope: Scope) -> Strategy:
    """Single archives, as several programs write them."""
    suffixes = [one for one in ("tar", "tgz", "tar.gz", "zip") if scope.may("ARCH-001", one)]
    flags = st.booleans()
    packed = st.builds(Packed, _files(scope), st.sampled_from(suffixes or ["tar"]), flags, flags, flags)
    return _examples(scope, packed.filter(lambda one: one.suffix != "zip" or not one.link))


def pairs(scope: Scope) -> Strategy:
    """One to three sources for one call, some of them twice, or absent."""
    sources = ["m", "other"] if scope.kind.folders else []
    sources += ["m/b"] if scope.has("PLACE-002") else []
    sources += ["m/a.bin", "other/d.bin"] if scope.has("PLACE-004") else []
    sources += [ABSENT]
    lists = st.lists(st.sampled_from(sources), min_size=1, max_size=3).map(tuple)
    dests = st.sampled_from([DEST, f"{DEST}/", f"{DEST}/x/y"])
    return _examples(scope, st.builds(Pairs, lists, dests))


def addresses(scope: Scope) -> Strategy:
    """URIs with one to three edits."""
    paths = ["m"] if scope.kind.folders else []
    paths += [path for path in TWO if scope.has("PLACE-004")]
    edits = st.tuples(st.sampled_from([*ENDS, *PARTS, *WHOLE]), st.integers(0, 9))
    lists = st.lists(edits, min_size=1, max_size=3).map(tuple)
    return _examples(scope, st.builds(Address, st.sampled_from(paths), lists))


def faults(scope: Scope) -> Strategy:
    """One to three faults, most of them short."""
    times = st.sampled_from([1, 2, 3])
    lasting = st.sampled_from([1, 2, None])
    statuses = st.sampled_from([503, 500, 429, 502, 504, 408])
    one = st.one_of(
        st.builds(_answer, statuses, st.booleans(), times),
        st.builds(lambda kind, count: breaking(kind, times=count), st.sampled_from(["reset", "cut"]), lasting),
        st.just(breaking("stall", times=1)),
        st.builds(lambda count: Fault("slow", delay_s=1.0, times=count, least=FILE_BYTES), times),
        st.builds(_anywhere, st.sampled_from(["reset", "cut"]), st.integers(1, 700_000 - FILE_BYTES)),
    )
    return _examples(scope, st.lists(one, min_size=1, max_size=3).map(lambda plan: Disturbed(tuple(plan))))


def _answer(status: int, of_a_file: bool, times: int) -> Fault:
    return answering(status, file=of_a_file, times=times)


def _anywhere(kind: str, after: int) -> Fault:
    return Fault(kind, times=1, after=after, least=FILE_BYTES)  # type: ignore[arg-type]
