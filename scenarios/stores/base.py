"""The base class of a store. A store uploads models and knows how an initializer reaches them."""

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
from scenarios.servers.identity_services import Answers, IdentityServices
from scenarios.stores.delivery import Delivery, without

#: A model in a store: relative path with `/` -> content.
#: A path that ends in `/` is a directory marker (an empty object), in stores that support one.
Tree = Mapping[str, bytes]

#: A local address on which nothing listens. Port 6 is unassigned. Unlike the discard port, it is not on the list of
#: ports that fetch clients block themselves (Fetch standard, "port blocking").
NOBODY = "127.0.0.1:6"
#: The number of objects from which `put_each` uses threads.
THREADS_FROM = 8

AccessKind = Literal["valid", "anonymous", "none", "wrong", "denied", "session"]


#: `Store.kserve` of a scheme that no KServe initializer supports. Only custom storage containers support it.
NO_RELEASE = "<0"


@dataclass(frozen=True)
class Access:
    """The credentials of a call: variables, and read-only mounts (path inside -> host file or folder)."""

    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, Path] = field(default_factory=dict)
    #: Secret values that the program must never print.
    secrets: tuple[str, ...] = ()
    #: Credentials in the URI's query (without the `?`). The caller appends them to the URI.
    query: str = ""

    def planted(self) -> tuple[str, ...]:
        """The secrets, for a rule that searches for them. Raises NotOffered if there are none."""
        if not self.secrets:
            raise NotOffered("this access has no credential to look for")
        return self.secrets

    def plus(self, **environment: str) -> Access:
        """This access with more environment variables. They replace those of the same name."""
        return replace(self, environment={**self.environment, **environment})

    def without(self, *names: str) -> Access:
        """This access without the named environment variables."""
        return replace(self, environment=without(self.environment, names))

    def by_proxy(self, url: str) -> Access:
        """This access through the HTTPS proxy at `url`."""
        return self.plus(HTTPS_PROXY=url, https_proxy=url)


class Store(ABC):
    """The test's part of a store: its own bucket, container, share, repository or folder.

    endpoint  the server that implements the store; None if it needs no server (local, pvc).
    case      a name unique in the run: 3 to 40 characters of a-z, 0-9 and `-`, letter first.
    scratch   a local folder for this test alone.
    """

    name: ClassVar[str]
    #: KServe releases whose initializer can download from this store, as a PEP 440 range.
    kserve: ClassVar[str] = ""
    #: Whether a whole folder (repository, image) has a URI. If False, only single files have one.
    folders: ClassVar[bool] = True
    #: The folder of the sample model; "" is the root.
    sample_folder: ClassVar[str] = "model"
    #: The path at which an initializer sees the store's root, if it is mounted.
    mount: ClassVar[str] = ""
    #: Paths that the store's client adds to a destination (`.git`). No rule counts them as model files.
    bookkeeping: ClassVar[tuple[str, ...]] = ()
    #: Whether a pod can use the same URI as a local process.
    in_pods: ClassVar[bool] = True
    #: Case -> a malformed URI of this scheme, with a part missing or one too many.
    malformed: ClassVar[Mapping[str, str]] = {}
    #: The kind of `access` with which no signature covers the request path.
    unsigned_kind: ClassVar[AccessKind] = "valid"
    #: Whether clients normally reach the store without TLS.
    without_tls: ClassVar[bool] = False
    #: Whether clients reach the store through the gateway's proxy. If False, they connect to its address.
    proxied: ClassVar[bool] = True
    #: Whether listings give a file's whole key. If False, they give its path in the folder.
    lists_keys: ClassVar[bool] = False
    #: The fault that makes credentials expire after the first file. None if a model is a single request.
    expiry: ClassVar[Fault | None] = None
    #: Variables that shorten the timeouts and retries of clients, so that a run takes less time.
    impatience: ClassVar[Mapping[str, str]] = {}
    #: Variables that set how many files, or parts of a file, an initializer downloads at once.
    concurrency: ClassVar[Sequence[str]] = ()
    #: The reference client for throughput comparisons.
    client: ClassVar[Client | None] = None
    #: The variable that KServe's webhook copies from the key of the same name in the user's Secret.
    webhook_variable: ClassVar[str] = ""
    #: The prefix of URIs that do not identify the test's part of the store. URIs of different cases are then equal.
    placeless: ClassVar[str] = ""
    #: Mode -> the server that implements the store.
    servers: ClassVar[Mapping[Mode, type[Server]]] = {}
    #: Kinds of identities without static keys: each a way in which a pod gets its tokens from the cloud.
    identities: ClassVar[Sequence[str]] = ()
    #: Variables with which clients read public content without credentials.
    public_settings: ClassVar[Mapping[str, str]] = {}
    #: The server that plays the services of these identities. `at` sets it in a run that has this server.
    identity_services: Endpoint
    #: The store that holds the content, if this one only refers to it.
    behind: ClassVar[type[Store] | None] = None
    #: The test's part of the store `behind`.
    content: Store

    def __init__(self, endpoint: Endpoint | None, gateway: Gateway, case: str, scratch: Path) -> None:
        self.endpoint = endpoint
        self.gateway = gateway
        self.case = case
        self.scratch = scratch
        self._since = gateway.position()

    @classmethod
    def available_in(cls, release: str) -> bool:
        """Whether KServe's initializer of that release can download from this store."""
        return SpecifierSet(cls.kserve).contains(release, prereleases=True)

    @classmethod
    def needed(cls, mode: Mode, *, identities: bool) -> list[type[Server] | None]:
        """The servers for this store and the store behind it. None for a store that has no server in this mode.

        identities  whether to include the server for the store's `identities`.
        """
        own: list[type[Server] | None] = [cls.servers.get(mode)] if cls.servers else []
        own += [IdentityServices] if cls.identities and identities else []
        return own + (cls.behind.needed(mode, identities=identities) if cls.behind else [])

    @classmethod
    def at(cls, endpoints: Mapping[str, Endpoint], mode: Mode, gateway: Gateway, case: str, scratch: Path) -> Store:
        """Make the test's part of this store and of the store behind it. `endpoints` maps server names to endpoints."""
        server = cls.servers.get(mode)
        store = cls(endpoints[server.name] if server else None, gateway, case, scratch)
        if cls.identities and IdentityServices.name in endpoints:
            store.identity_services = endpoints[IdentityServices.name]
        if cls.behind:
            store.content = cls.behind.at(endpoints, mode, gateway, case, scratch)
        return store

    @abstractmethod
    def put(self, tree: Tree) -> None:
        """Add `tree` at the root of the test's bucket (container, share, repository, folder).

        Creates the bucket if it is missing. Raises NotOffered for a tree that this store cannot hold.
        """

    @abstractmethod
    def uri(self, path: str = "") -> str:
        """The storageUri of `path` below the root. `""` is the root itself. Keeps a trailing slash."""

    def exact_uri(self, path: str) -> str:
        """The URI that names `path` and nothing else, whatever its characters.

        Most schemes take a path as it stands. Only a URL has percent-encoded characters.
        """
        return self.uri(path)

    @abstractmethod
    def access(self, kind: AccessKind = "valid") -> Access:
        """The credentials of a kind:

        valid      full credentials of a named account (or nothing, if the store needs none)
        anonymous  no credentials, for public content
        none       no credentials, for content that needs them
        wrong      well-formed credentials that the store does not know
        denied     known credentials without permission to read this content
        session    temporary credentials with a session token

        Raises NotOffered if the store has no such kind.
        """

    def unsigned(self) -> Access:
        """Access with which no signature covers the request path, so the gateway may rewrite it."""
        return self.access(self.unsigned_kind)

    def private(self) -> Access:
        """Valid credentials for content that requires credentials. Raises NotOffered."""
        return self.access("valid")

    def identity(self, kind: str, answers: Answers = "right") -> Access:
        """Access to private content by an identity of this kind (see `identities`), whose services answer so.

        Raises NotOffered.
        """
        raise NotOffered(f"{self.name} has no identity {kind} with services that answer {answers}")

    def over_tls(self) -> Access:
        """Valid access over TLS. Raises NotOffered."""
        return self.access()

    def model_uri(self, name: str, file: str) -> str:  # noqa: ARG002 -- for those that override it
        """The URI of the model `name`. If only files have URIs: of its `file`."""
        return self.uri(name)

    def put_sample(self, tree: Tree) -> None:
        """Put `tree` at the location of `sample_uri`."""
        self.put(under(self.sample_folder, tree) if self.sample_folder else tree)

    def sample_uri(self, file: str) -> str:
        """The URI of the sample. If only files have URIs: of its `file`."""
        return self.model_uri(self.sample_folder, file) if self.sample_folder else f"{self.uri()}/"

    def put_archive(self, name: str, content: bytes) -> str:
        """Put a model that is a single archive with this file name. Returns its URI."""
        self.put({f"model/{name}": content})
        return self.uri(f"model/{name}")

    def served_at(self, file: str) -> str:  # noqa: ARG002
        """The request path for `file` of the sample. Raises NotOffered if no listing names the store's files."""
        raise NotOffered(f"{self.name}: no listing has the names of files")

    def with_word(self, uri: str, word: str) -> str:
        """`uri` with `word` appended as another part of the name."""
        return f"{uri.rstrip('/')}/{word}"

    def at_revision(self, uri: str, revision: str) -> str:  # noqa: ARG002
        """The URI of the model at `uri` in this revision or tag. Raises NotOffered."""
        raise NotOffered(f"{self.name}: no URI names a revision")

    def presigned(self, path: str, content: bytes) -> tuple[str, str]:  # noqa: ARG002
        """Put a private file. Returns its URI with a query that grants access, and its secret. Raises NotOffered."""
        raise NotOffered(f"{self.name} has no presigned URIs")

    def with_login(self, tree: Tree) -> tuple[str, Access]:  # noqa: ARG002
        """The sample's URI with a user and password in it, and access without credentials. Raises NotOffered."""
        raise NotOffered(f"{self.name}: no URI has a user and a password")

    def absent(self, name: str = "absent") -> str:
        """The URI of a model that does not exist, in a bucket (container, share, owner, host) that exists."""
        return self.model_uri(name, "model.bin")

    def missing(self) -> str:
        """A URI whose bucket (container, share, repository, host's project) does not exist. Raises NotOffered."""
        raise NotOffered(f"{self.name} has no container that could be missing")

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:  # noqa: ARG002 -- for those that override it
        """A URI and access that lead to `address` (HOST:PORT), by default a closed port. Raises NotOffered."""
        raise NotOffered(f"{self.name} needs no network")

    def through_proxy(self) -> Access:
        """Valid access with which clients reach the store through the proxy of the environment."""
        return self.access()

    def facing(self, proxy: str) -> Access:
        """Valid access with which a client receives the certificate of the proxy at the URL `proxy`."""
        return self.access().by_proxy(proxy)

    def client_environment(self) -> Mapping[str, str]:
        """Variables that the reference client needs in addition to those of `access`."""
        return {}

    @classmethod
    def delivered(cls, environment: Mapping[str, str], files: Mapping[str, Path]) -> Delivery | None:
        """How a Secret passes them to a pod. None if KServe's webhook does not support them in a Secret."""
        name = cls.webhook_variable
        if not environment.get(name):
            return None
        return Delivery(without(environment, [name]), files, {name: environment[name]})

    @property
    def server(self) -> Endpoint:
        """The endpoint of a store that needs a server. Raises NotOffered if there is none."""
        if self.endpoint is None:
            raise NotOffered(f"{self.name} needs a server")
        return self.endpoint

    @property
    def container(self) -> str:
        """The name of the bucket (container, share, repository) in error messages."""
        return self.case

    def requests(self) -> list[Request]:
        """The requests for the test's part that reached the gateway since this object was made."""
        return [r for r in self.gateway.requests(self._since) if self.case in r.host or self.case in r.path]

    def asked(self) -> bool:
        """Whether the store, or the authority for its credentials, received a request for the test's part."""
        return bool(self.requests())


def with_userinfo(uri: str, user: str, password: str) -> str:
    """Insert credentials into a URL: `https://USER:PASSWORD@HOST/...`."""
    return uri.replace("https://", f"https://{user}:{quote(password, safe='')}@")


def put_each(paths: Collection[str], put_one: Callable[[str], None]) -> None:
    """Put objects one by one. Uses 4 threads from THREADS_FROM objects on."""
    if len(paths) < THREADS_FROM:
        for path in paths:
            put_one(path)
        return
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(put_one, paths))
