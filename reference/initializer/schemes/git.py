"""`https://HOST/REPOSITORY.git`, with dulwich: the tree of the default branch, depth 1, read out of the object store.

Nothing is checked out: no hook, filter, link or configuration of the repository ever comes into being. Files in Git LFS
come from the LFS server of the same host.
"""

from __future__ import annotations

import base64
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from dulwich.client import AbstractHttpGitClient
from dulwich.errors import GitProtocolError, HangupException, NotGitRepository
from dulwich.objects import S_ISGITLINK
from dulwich.repo import Repo

from initializer import lfs, limits, transfer, web
from initializer.failure import Failure, Transient, not_found, printable
from initializer.limits import Environment
from initializer.remote import RemoteFile

BACKEND = "GIT"
LINK = 0o120000
REMEDY = "Check the address; for a private repository set GIT_USERNAME and GIT_PASSWORD."


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:
    """All files of the tree that HEAD stands at."""
    address, headers = login(uri, environment)
    site = web.Web(printable(uri), REMEDY, limits.of(environment, BACKEND), headers)
    repository = Repo.init_bare(tempfile.mkdtemp(prefix="git-"))
    head = fetch(site, address, repository)
    lock = threading.Lock()
    pointers = {}
    for entry in entries(repository, head):
        path = os.fsdecode(entry.path)
        if S_ISGITLINK(entry.mode):
            transfer.say(f"{path!a}: a submodule is left out")
            continue
        permitted(path, entry.mode)
        if large := lfs.pointer(repository[entry.sha].data):
            pointers[path] = large
            continue
        yield RemoteFile(path, None, partial(read, repository, entry.sha, lock), parts=False)
    yield from lfs.files(site, address, pointers)


def login(uri: str, environment: Environment) -> tuple[str, dict[str, str]]:
    """The address without a user, and the header for the one in it, or else for GIT_USERNAME."""
    parts = urlsplit(uri)
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], path=parts.path.rstrip("/")))
    user = unquote(parts.username or "") or environment.get("GIT_USERNAME", "")
    password = environment.get("GIT_PASSWORD", "") or unquote(parts.password or "")
    if not user and not password:
        return address, {}
    return address, {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def fetch(site: web.Web, address: str, repository: Repo) -> bytes:
    """Bring the commit that HEAD stands at into the repository; its id. Raises Transient, Failure."""
    base, _, name = address.rpartition("/")
    try:
        result: Any = client(site, base).fetch(name, repository, determine_wants=head_only, depth=1)
    except NotGitRepository as error:
        raise not_found(site.resource, REMEDY) from error
    except HangupException as error:
        raise Transient(site.resource, "the connection broke off") from error
    except (GitProtocolError, AssertionError, ValueError, KeyError, EOFError) as error:
        raise Failure(site.resource, f"invalid answer of the server ({type(error).__name__})", REMEDY) from error
    head = result.refs.get(b"HEAD")
    if head is None:
        raise not_found(site.resource, "The repository is empty: push a commit.")
    return bytes(head)


def client(site: web.Web, base: str) -> Any:  # noqa: ANN401 -- dulwich's ids have types of their own
    """A client for the repositories of a host."""
    return Client(site, base)


def head_only(refs: Mapping[bytes, bytes], depth: int | None = None) -> list[bytes]:  # noqa: ARG001 -- dulwich's
    """What is wanted of the refs."""
    return [refs[b"HEAD"]] if b"HEAD" in refs else []


def entries(repository: Any, head: bytes) -> Iterator[Any]:  # noqa: ANN401 -- dulwich's ids have types of their own
    """The files, links and submodules of a commit's tree."""
    yield from repository.object_store.iter_tree_contents(repository[head].tree)


def permitted(path: str, mode: int) -> None:
    """Raises Failure for what git itself would not check out, and for links."""
    if any(part.lower().rstrip(". ") in (".git", "git~1") for part in path.split("/")):
        raise Failure(ascii(path), "invalid name: .git is git's own", "Remove it from the repository.")
    if mode == LINK:
        raise Failure(ascii(path), "invalid: a link is no file of a model", "Replace it by its content.")


def read(repository: Any, sha: bytes, lock: threading.Lock, start: int, stop: int | None) -> Iterator[bytes]:  # noqa: ANN401
    """A file's bytes; packs are read by one thread at a time."""
    with lock:
        chunks = repository[sha].as_raw_chunks()
    for chunk in chunks:
        for at in range(0, len(chunk), transfer.CHUNK):
            yield chunk[at : at + transfer.CHUNK]
    assert (start, stop) == (0, None)


class Client(AbstractHttpGitClient):  # type: ignore[misc, unused-ignore]
    """dulwich's protocol over our connections."""

    def __init__(self, site: web.Web, base: str) -> None:
        super().__init__(base)
        self.site = site

    def _get_url(self, path: str | bytes) -> str:
        return f"{self._base_url}{path if isinstance(path, str) else path.decode()}/"

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: Any = None,  # noqa: ANN401 -- bytes, or an iterator of them
        raise_for_status: bool = True,  # noqa: ARG002 -- dulwich's
    ) -> tuple[Any, Callable[[int], bytes]]:
        body = data if data is None or isinstance(data, bytes) else b"".join(data)
        answer: Any = self.site.ask(url, headers, body)
        web.check(answer, self.site)
        answer.content_type = answer.headers.get("Content-Type")
        answer.redirect_location = answer.url if answer.url != url else ""
        return answer, partial(self.site.some, answer)
