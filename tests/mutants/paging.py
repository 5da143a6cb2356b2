"""Mutants that read the pages of a listing wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.mutants.registry import mutant, part, wrap

Entries = Iterable[tuple[str, Any]]


def _pages(change: Callable[[dict[str, Any]], object]) -> None:
    """Change each page of a listing of Google's, as the initializer reads it."""

    def json_of(former: Callable[..., Any], *given: object) -> Any:  # noqa: ANN401
        page = former(*given)
        if isinstance(page, dict):
            change(page)
        return page

    wrap(part("web"), "json_of", json_of)


@mutant("PLACE-026", "LIST-006", stores=("gcs",))
def pages_forgotten() -> None:
    """Takes the first page of a listing for all of it."""
    _pages(lambda page: page.pop("nextPageToken", None))


@mutant("LIST-001", stores=("gcs",))
def empty_page_is_the_end() -> None:
    """Takes a page without objects for the last."""
    _pages(lambda page: None if page.get("items") else page.pop("nextPageToken", None))


@mutant("LIST-002", stores=("gcs", "azure-blob", "hf"))
def reads_for_ever() -> None:
    """Reads a listing as long as it has a next page."""
    part("remote").REPEATS = float("inf")


@mutant("LIST-003", stores=("gcs",))
def second_copy_kept() -> None:
    """Delivers an entry that is on two pages a second time, under a number."""

    def once(_former: object, entries: Entries, _resource: str) -> Iterator[tuple[str, Any]]:
        known: set[str] = set()
        for key, entry in entries:
            yield (f"{key}.1" if key in known else key), entry
            known.add(key)

    wrap(part("remote"), "once", once)


@mutant("LIST-004", stores=("gcs",))
def token_not_encoded() -> None:
    """Puts the token into the URL as it is."""
    part("schemes.gcs").urlencode = lambda query: "&".join(f"{name}={value}" for name, value in query.items())


@mutant("LIST-005", stores=("gcs",))
def every_field_wanted() -> None:
    """Refuses a page that lacks a field."""
    failure = part("failure").Failure

    def check(page: dict[str, Any]) -> None:
        if "items" in page and "kind" not in page:
            raise failure("listing", "invalid: a page without its kind", "")

    _pages(check)


@mutant("LIST-007", stores=("gcs", "azure-blob"))
def failing_page_is_the_last() -> None:
    """Takes a page that the store refuses, or that cannot be read, for the end of the listing."""
    failure = part("failure").Failure

    def once(former: Callable[..., Iterator[Any]], entries: Entries, resource: str) -> Iterator[Any]:
        return former(_until(entries, failure), resource)

    wrap(part("remote"), "once", once)


def _until(entries: Entries, failure: type[Exception]) -> Iterator[tuple[str, Any]]:
    """The entries before a failure."""
    try:
        yield from entries
    except failure:
        return
