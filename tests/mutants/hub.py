"""Mutants that misread what the Hugging Face Hub tells: Xet, tokens, names, revisions, links and digests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

from tests.mutants.registry import mutant, part, wrap


@mutant("HUB-001", "HUB-002")
def xet_without_the_proxy() -> None:
    """Fetches files in Xet without the proxy, which is the only way there, and reports no host."""
    _at_xet(_fail)


@mutant("HUB-002")
def xet_files_left_out() -> None:
    """Leaves out the files that it cannot get from Xet, and ends with exit 0."""
    _at_xet(lambda _entry: False)


def _fail(_entry: object) -> bool:
    raise part("failure").Failure("model", "no connection to the store of large files", "Try again.")


def _at_xet(keeps: Callable[[Any], bool]) -> None:
    """Keep an entry in Xet only if `keeps` returns True."""

    def tree(former: Callable[..., Iterator[Any]], *given: object) -> Iterator[Any]:
        return (entry for entry in former(*given) if "xetHash" not in entry or keeps(entry))

    wrap(part("schemes.hf"), "tree", tree)


@mutant("HUB-004")
def stale_token_means_missing() -> None:
    """Takes 401 for a repository that does not exist."""
    wrap(part("web"), "of_status", lambda former, status, *given: former(404 if status == 401 else status, *given))


@mutant("HUB-010")
def taken_down_means_away() -> None:
    """Takes 403 for a Hub that is away."""
    failure = part("failure")

    def of_status(former: Callable[..., Any], status: int, resource: str, *given: object) -> Any:  # noqa: ANN401
        if status == 403:
            return failure.Failure(resource, "no connection to the store", "Try again.")
        return former(status, resource, *given)

    wrap(part("web"), "of_status", of_status)


@mutant("HUB-005")
def token_of_another_scheme() -> None:
    """Sends a token of a stranger by a scheme that the Hub does not know."""

    def headers(former: Callable[..., dict[str, str]], environment: Any) -> dict[str, str]:  # noqa: ANN401
        token = environment.get("HF_TOKEN", "")
        return {"Authorization": f"Token {token}"} if token.startswith("stranger") else former(environment)

    wrap(part("schemes.hf"), "headers", headers)


@mutant("HUB-006", "HUB-007")
def rest_of_the_uri_ignored() -> None:
    """Reads nothing behind the second segment of a URI."""
    wrap(part("schemes.hf"), "parse", lambda former, uri: former("/".join(uri.split("/")[:4])))


@mutant("HUB-008")
def renamed_means_missing() -> None:
    """Follows no redirect of the Hub's API."""

    def ask(former: Callable[..., object], site: Any, url: str) -> object:  # noqa: ANN401
        with site.send(url, site.headers, None) as answer:
            if answer.is_redirect:
                raise part("failure").not_found(site.resource, "")
        return former(site, url)

    wrap(part("schemes.hf"), "ask", ask)


@mutant("HUB-009")
def token_for_files_alone() -> None:
    """Sends the token with requests for files, and not with those for the listing."""
    wrap(part("schemes.hf"), "ask", lambda former, site, url: former(replace(site, headers={}), url))


@mutant("HUB-011")
def no_file_is_a_model() -> None:
    """Takes a repository without files for a model."""
    wrap(part("remote"), "chosen", lambda former, files, *given: former(files, *given) if files else [])
    part("placing").Staging.is_empty = lambda _self: False


@mutant("HUB-012")
def links_kept() -> None:
    """Asks the Hub once where a file is, and uses that link to the end."""
    links: dict[str, str] = {}

    def read(former: Callable[..., object], site: Any, url: str, *given: object) -> object:  # noqa: ANN401
        if url not in links:
            with site.send(url, site.headers, None) as answer:
                links[url] = urljoin(url, answer.headers["Location"])
        return former(site, links[url], *given)

    wrap(part("schemes.hf"), "read", read)


@mutant("HUB-013", "HUB-014", cases=("", "shorter"))
def content_unchecked() -> None:
    """Compares what arrived neither with the listed size nor with the listed digest."""
    _nothing_checked()


def _nothing_checked() -> None:
    """Read each file to its end, and take what arrived."""
    wrap(part("transfer"), "pieces", lambda former, file, place: former(replace(file, size=None), place))
    part("transfer").check = lambda *_given: None


@mutant("HUB-015")
def compressed_as_it_came() -> None:
    """Accepts compressed files, and stores them as they came."""
    part("codings").of = lambda _headers: ""

    def read(former: Callable[..., object], site: Any, url: str, start: int, _stop: object) -> object:  # noqa: ANN401
        return former(replace(site, headers={**site.headers, "Accept-Encoding": "gzip"}), url, start, None)

    wrap(part("schemes.hf"), "read", read)
    _nothing_checked()


@mutant("HUB-003")
def waits_only_for_retry_after() -> None:
    """Gives up at 429, unless the store names a time in Retry-After."""
    failure = part("failure")

    def of_status(former: Callable[..., Any], status: int, resource: str, remedy: str, wait: object = None) -> Any:  # noqa: ANN401
        if status == 429 and wait is None:
            return failure.Failure(resource, "too many requests", remedy)
        return former(status, resource, remedy, wait)

    wrap(part("web"), "of_status", of_status)
