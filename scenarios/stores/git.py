"""Git over HTTPS. The first segment of a path names a repository. Deeper paths have no URI of their own.

KServe clones with dulwich since 0.17.0 (PR 4966): `https://` only, depth 1. The `.git` folder stays in the destination.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, get_args
from urllib.parse import quote

from scenarios.content.hostile import GitEntry
from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers import accounts, git_lfs
from scenarios.servers.base import Endpoint, Mode, Server
from scenarios.servers.git_http import GitHttp
from scenarios.stores.base import NOBODY, Access, AccessKind, Store, Tree, with_userinfo

HOST, ELSEWHERE = GitHttp.hosts
BRANCH = "refs/heads/main"
#: The mode of a tree entry that refers to a commit of another repository.
SUBMODULE = "160000"
#: Path segments that Git does not allow in a tree.
NO_NAMES = frozenset({"", ".", "..", ".git"})
GIT_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


class Git(Store):
    """Bare repositories `CASE/NAME.git` on a smart-HTTP server."""

    name = "git"
    kserve = ">=0.17"
    bookkeeping = (".git",)
    servers: ClassVar[Mapping[Mode, type[Server]]] = dict.fromkeys(get_args(Mode), GitHttp)

    def __init__(self, endpoint: Endpoint | None, gateway: Gateway, case: str, scratch: Path) -> None:
        super().__init__(endpoint, gateway, case, scratch)
        self._folder = self.server.state / case
        self._accounts = {name: f"{name}-{secrets.token_hex(8)}" for name in ("reader", "stranger")}

    def put(self, tree: Tree) -> None:
        repositories: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        for path, content in tree.items():
            repository, _, inner = path.partition("/")
            if not inner:
                raise NotOffered(f"git: {path!r} is in no repository; the first segment of a path must name one")
            if not set(inner.split("/")).isdisjoint(NO_NAMES):
                raise NotOffered(f"git: a tree cannot hold {inner!r} (no empty folders, no `.`, `..` or `.git`)")
            repositories[repository][inner] = content
        for repository, files in repositories.items():
            self._commit(f"{repository}.git", files)

    def put_entries(self, repository: str, entries: Sequence[GitEntry]) -> None:
        """Commit exactly these entries, even those that Git would reject."""
        folder = self._folder / f"{repository}.git"
        _init(folder)
        tree = _write_tree(folder, entries)
        commit = _git(folder, "-c", "user.name=Suite", "-c", "user.email=suite@forge.example", "commit-tree", tree)
        _git(folder, "update-ref", BRANCH, commit.decode().strip())

    def put_pointer(self, repository: str, path: str, content: bytes) -> dict[str, bytes]:
        """Commit a Git LFS pointer to `content`, which no LFS server has yet. Returns the tree that a user wants."""
        attributes = b"*.bin filter=lfs diff=lfs merge=lfs -text\n"
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{_oid(content)}\nsize {len(content)}\n"
        self.put({f"{repository}/.gitattributes": attributes, f"{repository}/{path}": pointer.encode()})
        return {".gitattributes": attributes, path: content}

    def put_large(self, repository: str, content: bytes | None, stored: bytes | None = None) -> None:
        """Give the repository an LFS server with `content`, or with `stored` in its place. None: with no object."""
        target = git_lfs.object_file(self._folder / f"{repository}.git", _oid(content) if content else "")
        (target.parent if content else target).mkdir(parents=True, exist_ok=True)
        if content:
            target.write_bytes(stored or content)

    def uri(self, path: str = "") -> str:
        repository, *inner = path.removesuffix("/").split("/")
        if not repository or inner:
            raise NotOffered(f"git: {path!r} is not a repository, and only repositories have a URI")
        return f"https://{HOST}/{self.case}/{quote(repository)}.git" + "/" * path.endswith("/")

    def with_word(self, uri: str, word: str) -> str:
        """Append the word to the repository's name."""
        return f"{uri.removesuffix('.git')}-{word}"

    def with_login(self, tree: Tree) -> tuple[str, Access]:  # noqa: ARG002 -- whatever the sample is
        access = self.access()
        user, password = (access.environment[name] for name in ("GIT_USERNAME", "GIT_PASSWORD"))
        uri = with_userinfo(self.uri(self.sample_folder), user, password)
        return uri, access.without("GIT_USERNAME", "GIT_PASSWORD")

    def access(self, kind: AccessKind = "valid") -> Access:
        if kind == "session":
            raise NotOffered("git: basic authentication has no session tokens")
        if kind == "anonymous":
            accounts.publish(self._folder)
        else:
            accounts.restrict(self._folder, self._accounts, readers=["reader"])
        login = self._login(kind)
        secrets_ = (login["GIT_PASSWORD"],) if login else ()
        return Access({**self.gateway.environment(), **login}, self.gateway.mounts, secrets=secrets_)

    def missing(self) -> str:
        return self.uri("not-there")

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:
        return f"https://{address}/{self.case}/model.git", self.access()

    def _login(self, kind: AccessKind) -> dict[str, str]:
        if kind in ("none", "anonymous"):
            return {}
        name = "stranger" if kind == "denied" else "reader"
        password = "not-the-password" if kind == "wrong" else self._accounts[name]
        return {"GIT_USERNAME": name, "GIT_PASSWORD": password}

    def _commit(self, repository: str, files: Mapping[str, bytes]) -> None:
        """Add a commit with `files`, in Git's import format: without work tree and user configuration."""
        folder = self._folder / repository
        if not folder.exists():
            _init(folder)
        commit = f"commit {BRANCH}\ncommitter Suite <suite@forge.example> {int(time.time())} +0000\ndata 0\n"
        if parent := _git(folder, "for-each-ref", "--format", "%(objectname)", BRANCH):
            commit += f"from {parent.decode()}"
        lines = [commit.encode()]
        for path, content in files.items():
            lines.append(f"M 100644 inline {_quoted(path)}\ndata {len(content)}\n".encode() + content + b"\n")
        _git(folder, "fast-import", "--quiet", stdin=b"".join(lines))


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    argv = ["git", "--git-dir", str(folder), *arguments]
    return subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, env=GIT_ENVIRONMENT, check=True).stdout


def _init(folder: Path) -> None:
    folder.mkdir(parents=True)
    _git(folder, "init", "--quiet", "--bare", "--initial-branch", "main")


def _write_tree(folder: Path, entries: Sequence[GitEntry]) -> str:
    """Write a tree object without any of Git's checks. Returns its ID."""
    parts = []
    for mode, name, content in entries:
        if mode == SUBMODULE:
            one = "1" * 40
        elif isinstance(content, bytes):
            one = _write_object(folder, "blob", content)
        else:
            one = _write_tree(folder, content)
        parts.append(f"{mode} {name}\0".encode() + bytes.fromhex(one))
    return _write_object(folder, "tree", b"".join(parts))


def _write_object(folder: Path, kind: str, content: bytes) -> str:
    return _git(folder, "hash-object", "-t", kind, "-w", "--literally", "--stdin", stdin=content).decode().strip()


def _oid(content: bytes) -> str:
    """The ID of an LFS object."""
    return hashlib.sha256(content).hexdigest()


def _quoted(path: str) -> str:
    """`path` in double quotes with C escapes, as fast-import expects it."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
