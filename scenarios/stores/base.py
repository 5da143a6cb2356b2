"""A store: a place for models, by URI scheme. It puts trees there and knows how an initializer reaches them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import quote

from packaging.specifiers import SpecifierSet

from scenarios.clients import Client
from scenarios.content.models import under
from scenarios.network.faults import Fault
from scenarios.network.view import Gateway, Request
from scenarios.reasons import NotOffered
from scenarios.servers.base import Endpoint, Mode, Server
from scenarios.stores.delivery import Delivery, without

#: A model as a store holds it: relative path with `/` -> content.
#: A path that ends in `/` is a directory marker (an empty object), where the store can hold one.
Tree = Mapping[str, bytes]

#: A port of this machine on which nothing listens: unassigned, and none of those that fetch refuses by themselves
#: (Fetch standard, "port blocking"), as discard is.
NOBODY = "127.0.0.1:6"
#: From how many objects on threads pay.
THREADS_FROM = 8

AccessKind = Literal["valid", "anonymous", "none", "wrong", "denied", "session"]


#: `Store.kserve` of a scheme that none of KServe's own initializers knows: only custom storage containers have it.
NO_RELEASE = "<0"


@dataclass(frozen=True)
class Access:
    """How an initializer is let in: its environment, and host files or folders mounted read-only at a path it sees."""

    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, Path] = field(default_factory=dict)
    #: Planted values that must never be printed.
    secrets: tuple[str, ...] = ()
    #: Credentials that travel in the URI: the caller appends them to it as its query (without the `?`).
    query: str = ""

    def planted(self) -> tuple[str, ...]:
        """The secrets, for a rule that looks for them. Raises NotOffered where there is none."""
        if not self.secrets:
            raise NotOffered("this access has no credential that could turn up anywhere")
        return self.secrets

    def plus(self, **environment: str) -> Access:
        """The same access with more (or other) environment variables."""
        return replace(self, environment={**self.environment, **environment})

    def without(self, *names: str) -> Access:
        """The same access without some environment variables."""
        return replace(self, environment=without(self.environment, names))

    def by_proxy(self, url: str) -> Access:
        """The same access by way of the proxy at `url`."""
        return self.plus(HTTPS_PROXY=url, https_proxy=url)


class Store(ABC):
    """One test's own part of a store: a bucket, container, share, repository or folder of its own.

    endpoint  the server that plays it; None where no server is needed (local, pvc).
    case      a name unique in the run: 3 to 40 characters of a-z, 0-9 and `-`, letter first.
    scratch   a folder of this test's own, on this machine.
    """

    name: ClassVar[str]
    #: KServe releases whose initializer has a downloader for it, as a PEP 440 range.
    kserve: ClassVar[str] = ""
    #: Whether a whole folder (repository, image) has a URI, or only each of its files.
    folders: ClassVar[bool] = True
    #: The folder of a sample; "" is the root.
    sample_folder: ClassVar[str] = "model"
    #: Where an initializer sees its root, if it is mounted.
    mount: ClassVar[str] = ""
    #: Paths below a destination that the store's own client keeps there (`.git`); no rule counts them as model files.
    bookkeeping: ClassVar[tuple[str, ...]] = ()
    #: Whether a pod can reach it by the URI that a process is given.
    in_pods: ClassVar[bool] = True
    #: Case -> a URI of its scheme that lacks a part or has one too many.
    malformed: ClassVar[Mapping[str, str]] = {}
    #: The kind of `access` under which no signature covers the path of a request.
    unsigned_kind: ClassVar[AccessKind] = "valid"
    #: Whether its usual access is without TLS.
    without_tls: ClassVar[bool] = False
    #: Whether its clients ask the gateway's proxy for it. Otherwise they have its address.
    proxied: ClassVar[bool] = True
    #: Whether its listings name a file by its whole key. Otherwise they name it by its path in the folder.
    lists_keys: ClassVar[bool] = False
    #: The fault by which credentials expire after the first file. None where a model is one request.
    expiry: ClassVar[Fault | None] = None
    #: Variables that make its clients less patient than they are by default, so that a run is shorter.
    impatience: ClassVar[Mapping[str, str]] = {}
    #: Variables that set how many files, or parts of them, an initializer fetches at once.
    concurrency: ClassVar[Sequence[str]] = ()
    #: The client that its throughput is held against.
    client: ClassVar[Client | None] = None
    #: The variable that KServe's webhook takes from a Secret of the user, by the same name.
    webhook_variable: ClassVar[str] = ""
    #: What its URIs begin with, if they name no place. Those of different cases are then the same.
    placeless: ClassVar[str] = ""
    #: The server for each mode.
    servers: ClassVar[Mapping[Mode, type[Server]]] = {}
    #: The kind of store that holds the content, where this one only names it.
    behind: ClassVar[type[Store] | None] = None
    #: The same part of the store `behind`.
    content: Store

    def __init__(self, endpoint: Endpoint | None, gateway: Gateway, case: str, scratch: Path) -> None:
        self.endpoint = endpoint
        self.gateway = gateway
        self.case = case
        self.scratch = scratch
        self._since = gateway.position()

    @classmethod
    def available_in(cls, release: str) -> bool:
        """Whether KServe's own initializer of that release can download from this kind of store."""
        return SpecifierSet(cls.kserve).contains(release, prereleases=True)

    @classmethod
    def needed(cls, mode: Mode) -> list[type[Server] | None]:
        """The servers that play it and the store behind it; None for one that nothing plays in this mode."""
        own = [cls.servers.get(mode)] if cls.servers else []
        return own + (cls.behind.needed(mode) if cls.behind else [])

    @classmethod
    def at(cls, endpoints: Mapping[str, Endpoint], mode: Mode, gateway: Gateway, case: str, scratch: Path) -> Store:
        """The part for one test, and that of the store behind it. `endpoints` by the names of their servers."""
        server = cls.servers.get(mode)
        store = cls(endpoints[server.name] if server else None, gateway, case, scratch)
        if cls.behind:
            store.content = cls.behind.at(endpoints, mode, gateway, case, scratch)
        return store

    @abstractmethod
    def put(self, tree: Tree) -> None:
        """Add `tree` at the root of this test's bucket (container, share, repository, folder), made if need be.

        Raises NotOffered for a tree that this kind of store cannot hold.
        """

    @abstractmethod
    def uri(self, path: str = "") -> str:
        """The storageUri of `path` below the root; `""` is the root itself. A trailing slash is kept."""

    @abstractmethod
    def access(self, kind: AccessKind = "valid") -> Access:
        """valid      full, named credentials (or nothing, where the store needs none)
        anonymous  no credentials, on content that was made public
        none       no credentials, on content that needs them
        wrong      well-formed credentials that the store does not know
        denied     known credentials without the right to read this content
        session    temporary credentials with a session token
        Raises NotOffered.
        """

    def unsigned(self) -> Access:
        """Access under which no signature covers the path of a request, so that the gateway may change it."""
        return self.access(self.unsigned_kind)

    def private(self) -> Access:
        """Valid credentials, and content that nobody reads without them. Raises NotOffered."""
        return self.access("valid")

    def over_tls(self) -> Access:
        """Valid access by TLS. Raises NotOffered."""
        return self.access()

    def model_uri(self, name: str, file: str) -> str:  # noqa: ARG002 -- for those that override it
        """The URI of the model `name`, or of its `file` where only files have one."""
        return self.uri(name)

    def put_sample(self, tree: Tree) -> None:
        """Put `tree` where `sample_uri` leads."""
        self.put(under(self.sample_folder, tree) if self.sample_folder else tree)

    def sample_uri(self, file: str) -> str:
        """The URI of the sample, or of its `file` where only files have one."""
        return self.model_uri(self.sample_folder, file) if self.sample_folder else f"{self.uri()}/"

    def served_at(self, file: str) -> str:  # noqa: ARG002
        """The path of the request for `file` of the sample. Raises NotOffered where no listing names files."""
        raise NotOffered(f"{self.name}: nothing is listed whose name could be another")

    def with_word(self, uri: str, word: str) -> str:
        """`uri` with `word` as one more part of what it names."""
        return f"{uri.rstrip('/')}/{word}"

    def at_revision(self, uri: str, revision: str) -> str:  # noqa: ARG002
        """The URI of the model at `uri` in this revision, or with this tag. Raises NotOffered."""
        raise NotOffered(f"{self.name}: its URI names no revision")

    def presigned(self, path: str, content: bytes) -> tuple[str, str]:  # noqa: ARG002
        """A new file's URI with a query that lets everybody read it, and the secret part. Raises NotOffered."""
        raise NotOffered(f"{self.name}: no query opens private content")

    def with_login(self, tree: Tree) -> tuple[str, Access]:  # noqa: ARG002
        """The URI of the sample `tree` with a user and a password in it, and access without them. Raises NotOffered."""
        raise NotOffered(f"{self.name}: its URI has no place for a user")

    def absent(self, name: str = "absent") -> str:
        """The URI of a model that is not there. Its bucket (container, share, owner, host) is."""
        return self.model_uri(name, "model.bin")

    def missing(self) -> str:
        """A URI whose bucket (container, share, repository, host's project) does not exist."""
        raise NotOffered(f"{self.name} has no container that could be missing")

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:  # noqa: ARG002 -- for those that override it
        """A URI and access that lead to `address` (HOST:PORT), by default one where nothing listens."""
        raise NotOffered(f"{self.name} needs no connection")

    def facing(self, proxy: str) -> Access:
        """Valid access by which a client meets the certificate of the proxy at the URL `proxy`."""
        return self.access().by_proxy(proxy)

    def client_environment(self) -> Mapping[str, str]:
        """Variables that its reference client needs beside those of `access`."""
        return {}

    @classmethod
    def delivered(cls, environment: Mapping[str, str], files: Mapping[str, Path]) -> Delivery | None:
        """How a Secret brings them into a pod. None where KServe's webhook has no form for them."""
        name = cls.webhook_variable
        if not environment.get(name):
            return None
        return Delivery(without(environment, [name]), files, {name: environment[name]})

    @property
    def server(self) -> Endpoint:
        """The endpoint, for a store that cannot do without. Raises NotOffered."""
        if self.endpoint is None:
            raise NotOffered(f"{self.name} needs a server")
        return self.endpoint

    @property
    def container(self) -> str:
        """The name of the bucket (container, share, repository) as error messages give it."""
        return self.case

    def requests(self) -> list[Request]:
        """What reached the server for this test's part since the store was made."""
        return [r for r in self.gateway.requests(self._since) if self.case in r.host or self.case in r.path]

    def asked(self) -> bool:
        """Whether the store, or who decides on its credentials, was asked for this test's part."""
        return bool(self.requests())


def with_userinfo(uri: str, user: str, password: str) -> str:
    """`https://USER:PASSWORD@HOST/...`, as people paste it."""
    return uri.replace("https://", f"https://{user}:{quote(password, safe='')}@")


def put_each(paths: Collection[str], put_one: Callable[[str], None]) -> None:
    """Put objects one by one; on threads where there are enough of them to pay for that."""
    if len(paths) < THREADS_FROM:
        for path in paths:
            put_one(path)
        return
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(put_one, paths))
