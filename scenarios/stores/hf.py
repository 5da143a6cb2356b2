"""Hugging Face: the first segment of a path names a model repository. Deeper paths have no URI of their own.

KServe calls `huggingface_hub.snapshot_download` since 0.14.0: `hf://OWNER/NAME[:REVISION]`, here `hf://CASE/NAME`.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, ClassVar, get_args

from scenarios.clients import Client
from scenarios.network.faults import expiring
from scenarios.reasons import NotOffered
from scenarios.servers import xet
from scenarios.servers.base import Mode, Server
from scenarios.servers.hub import MIRROR, Hub
from scenarios.stores.base import NOBODY, Access, AccessKind, Tree
from scenarios.stores.standin import StandInStore

MAIN = "main"
#: Suffixes of files that the Hub keeps in LFS and serves from its CDN.
LFS = (".bin", ".gz", ".onnx", ".pkl", ".pt", ".safetensors", ".tar", ".zip")
#: The variables that KServe's webhook sets on every initializer since 0.16 (PR 4726), without
#: HF_HUB_ENABLE_HF_TRANSFER. Clients of 0.16 and later ignore that one. The client of 0.14 would need a package that it
#: lacks, but the webhook never sets the variable for 0.14.
WEBHOOK = {"HF_XET_HIGH_PERFORMANCE": "1", "HF_XET_NUM_CONCURRENT_RANGE_GETS": "8"}


class HuggingFace(StandInStore):
    """Repositories of one owner.

    `put(tree, "v2")` adds a commit to a branch or tag of that name. Its URI is then `uri("model:v2")`.
    """

    name = "hf"
    kserve = ">=0.14"
    malformed: ClassVar[Mapping[str, str]] = {
        "one-part": "hf://model",
        "no-owner": "hf:///model",
        "no-model": "hf://owner/",
    }
    bookkeeping = (".cache",)
    expiry = expiring(401, "The token has expired.", content_type="text/plain")
    #: The Hub's client reads the first two in every release that supports this store, hf_xet the third.
    impatience: ClassVar[Mapping[str, str]] = {
        "HF_HUB_DOWNLOAD_TIMEOUT": "8",
        "HF_HUB_ETAG_TIMEOUT": "8",
        "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "1",
    }
    client = Client("hf.py", "huggingface-hub", "huggingface_hub", "hf_hub_download")
    webhook_variable = "HF_TOKEN"
    servers: ClassVar[Mapping[Mode, type[Server]]] = dict.fromkeys(get_args(Mode), Hub)

    def put(self, tree: Tree, revision: str = MAIN) -> None:
        repositories: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        for path, content in tree.items():
            name, _, inner = path.partition("/")
            if not inner:
                raise NotOffered(f"hf: {path!r} is in no repository; the first segment of a path must name one")
            if inner.endswith("/"):
                raise NotOffered(f"hf: {path!r} is an empty folder, and a git repository holds none")
            repositories[name][inner] = content
        for name, files in repositories.items():
            self._commit(name, files, revision)

    def uri(self, path: str = "") -> str:
        name, *inner = path.removesuffix("/").split("/")
        if not name or inner:
            raise NotOffered(f"hf: {path!r} is not a repository, and only repositories have a URI")
        return f"hf://{self.case}/{path}"

    def served_at(self, file: str) -> str:
        name = self.sample_folder
        return f"/{self.case}/{name}/resolve/{self.commit(name)}/{file}"

    def with_word(self, uri: str, word: str) -> str:
        """Append the word as a revision."""
        return f"{uri}:{word}"

    def at_revision(self, uri: str, revision: str) -> str:
        return f"{uri}:{revision}"

    def commit(self, name: str, revision: str = MAIN) -> str:
        """The full ID of the commit at `revision` of repository `name`. It is itself a valid revision."""
        return str(self.partition.facts()["repositories"][name]["refs"][revision])

    def access(self, kind: AccessKind = "valid") -> Access:
        token = self._token(kind)
        self.partition.note(accounts=list(self._tokens.values()))
        environment = {**self.gateway.environment(), **WEBHOOK, **({"HF_TOKEN": token} if token else {})}
        return Access(environment, self.gateway.mounts, secrets=(token,) if token else ())

    def mirrored(self, kind: AccessKind = "valid") -> Access:
        """The same access through a mirror of the Hub, set by HF_ENDPOINT."""
        return self.access(kind).plus(HF_ENDPOINT=f"https://{MIRROR}")

    def missing(self) -> str:
        return self.uri("not-there")

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:
        return self.uri("model"), self.access().plus(HF_ENDPOINT=f"https://{address}")

    def public(self, kind: AccessKind) -> Access:
        """Access to public content with a token of this kind."""
        access = self.access(kind)
        self.partition.note(tokens=None)
        return access

    def hide(self) -> None:
        """Make the repositories private: they exist for their readers alone."""
        self.partition.note(private=True)

    def disable(self) -> None:
        """Take the repositories down, as the Hub does with what breaks its terms."""
        self.partition.note(disabled=True)

    def rename(self, old: str, new: str) -> None:
        """Rename a repository. The Hub redirects requests for the old name."""
        facts = self.partition.facts()
        repositories = facts["repositories"]
        (self.partition.folder / old).rename(self.partition.folder / new)
        repositories[new] = repositories.pop(old)
        self.partition.note(repositories=repositories, renamed={**facts.get("renamed", {}), old: new})

    def put_empty(self, name: str) -> None:
        """Add a repository without a file."""
        self._commit(name, {}, MAIN)

    def serve_by_xet(self, *, cas: str = xet.CAS, blocks: str = xet.BLOCKS) -> None:
        """Offer large files by Xet too, with its servers at these hosts."""
        self.partition.note(xet={"cas": cas, "blocks": blocks})

    def expire_links(self, after_s: float) -> None:
        """Make every link to the CDN invalid some seconds after the Hub handed it out."""
        self.partition.note(link_life_s=after_s)

    def deliver(self, name: str, path: str, content: bytes) -> None:
        """Serve other content for a file than the one that the Hub lists."""
        (self.partition.folder / name / self.commit(name) / path).write_bytes(content)

    def file_uri(self, name: str, path: str) -> str:
        """The URI of one file of a repository, as people write it."""
        return f"{self.uri(name)}/{path}"

    def _commit(self, name: str, files: Mapping[str, bytes], revision: str) -> None:
        """Add a commit with `files` and the earlier content of `revision`."""
        repositories = self.partition.facts().get("repositories", {})
        repository = repositories.get(name, {"refs": {}, "commits": {}})
        parent = repository["refs"].get(revision)
        listed = {**repository["commits"].get(parent, {}), **{path: _entry(path, files[path]) for path in files}}
        commit = hashlib.sha1(repr((parent, sorted(listed.items()))).encode(), usedforsecurity=False).hexdigest()
        folder = self.partition.folder / name / commit
        self._write(folder, files)
        for path in listed.keys() - files.keys():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            os.link(self.partition.folder / name / parent / path, folder / path)
        repository = {
            "refs": {**repository["refs"], revision: commit},
            "commits": {**repository["commits"], commit: listed},
        }
        self.partition.note(repositories={**repositories, name: repository})


def _entry(path: str, content: bytes) -> dict[str, Any]:
    """A file's entry in the Hub's listing: Git's blob ID, the size in bytes, and the SHA-256 of LFS files."""
    blob = hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()
    lfs = {"lfs": hashlib.sha256(content).hexdigest()} if path.endswith(LFS) else {}
    return {"oid": blob, "size": len(content), **lfs}
