"""The base class of an initializer (the program under test), and the types of a call and its result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from scenarios.reasons import NotOffered

Route = Literal["process", "container", "pod"]
Victim = Literal["program", "worker"]
#: The sandbox that isolates a local process from the host.
Isolation = Literal["bubblewrap", "unshare", "none"]
#: The values of `--isolation`: the best sandbox that works, else none; a sandbox or an error; no sandbox.
Wanted = Literal["auto", "sandbox", "none"]

#: The paths where KServe's webhook places models and mounts a volume claim.
DEST = "/mnt/models"
PVC = "/mnt/pvc"
#: The path where the webhook mounts the HDFS secret. Initializers look there by default.
HDFS_SECRET = "/var/secrets/kserve-hdfscreds"  # noqa: S105 -- a folder


#: How to enable a sandbox, for messages.
ALLOW = "allow user namespaces (by sysctl, or in the security options of the container), or install bubblewrap"
#: Why a case without a sandbox did not run. Reports group all such cases under this one reason and its remedy.
NEEDS_SANDBOX = f"the suite needs a sandbox to check this; remove --isolation none, and {ALLOW}"


class NoInitializer(Exception):
    """The requested initializer is not available or cannot start. The text is one line with the remedy."""


@dataclass(frozen=True)
class Entry:
    """One path below a destination. Symbolic links are followed.

    mode     the permission bits.
    content  the bytes of a file, or their 32-byte SHA-256 digest if the call asked for it (`Conditions.hashed`).
             None for a folder, a special file, a broken link, and a link that points outside destinations and mounts.
    link     the target of a symbolic link, as the initializer sees it.
    """

    mode: int
    content: bytes | None
    link: str | None = None


#: The user ID of a confined call. It is outside the range that OpenShift gives to its first project.
ANYBODY = 1000650000


@dataclass(frozen=True)
class Kill:
    """A SIGKILL in the middle of a call, like that of the kernel's OOM killer.

    when    the suite polls it; the first True triggers the kill.
    worker  kill the busiest child process instead of the program. Kill the program if it has no child.
    """

    when: Callable[[], bool]
    worker: bool = False


#: Bytes that a call may write to disk.
DISK_BYTES = 512 << 20


@dataclass(frozen=True)
class Conditions:
    """The conditions of a call. A route that cannot provide them refuses the call with a reason.

    offline         the call has no network.
    confined        the call runs as in a restricted pod: with a user ID that no image knows, group 0 and no privileges.
                    It can write only to destinations and /tmp.
    disk            the bytes that the call may write before the suite ends it.
    space           the capacity of `/mnt/models` in bytes; None for the free space of the host.
    kill            when to send a SIGKILL, and to which process; None for never.
    terminate_when  the suite polls it. The first True sends SIGTERM as to the first process of a container: the kernel
                    drops the signal if the program has no handler.
    hashed          record only the SHA-256 of each file, so that models of hundreds of MiB stay on disk.
    at_once         start without waiting for a free core. A throughput measurement waits for its link instead, which
                    few calls share.
    """

    offline: bool = False
    confined: bool = False
    disk: int = DISK_BYTES
    space: int | None = None
    kill: Kill | None = None
    terminate_when: Callable[[], bool] | None = None
    hashed: bool = False
    at_once: bool = False

    @property
    def need_sandbox(self) -> bool:
        """Whether these conditions require a sandbox."""
        return self.offline or self.confined or self.space is not None


ORDINARY = Conditions()


@dataclass(frozen=True)
class Call:
    """One call of an initializer.

    pairs        (source URI, destination) in order. `arguments` replaces them on the command line, for calls that break
                 the contract; the pairs still name the destinations.
    environment  the only variables beside PATH, HOME and LANG. The call inherits none of the user's own.
    mounts       path inside -> local file or folder, read-only.
    workdir      the folder of this call. It keeps the destinations and all other written files. A second call in the
                 same folder finds them unchanged. `/mnt/models` always exists.
    present      destination -> relative path -> content that exists there before the call.
    timeout_s    seconds until the suite ends the program and all its processes.
    conditions   the conditions of the call.
    sought       texts to search for in the whole output, whatever its length.
    """

    pairs: Sequence[tuple[str, str]]
    workdir: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, Path] = field(default_factory=dict)
    present: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    arguments: Sequence[str] | None = None
    timeout_s: float = 60.0
    conditions: Conditions = ORDINARY
    sought: Sequence[str] = ()

    @property
    def argv(self) -> list[str]:
        """The arguments after the program's name."""
        if self.arguments is not None:
            return list(self.arguments)
        return [part for pair in self.pairs for part in pair]


@dataclass(frozen=True)
class CallResult:
    """The result of a call, as observed when the program ended.

    The suite keeps the first and the last 64 KiB of each stream.

    ended       "exit": by itself; "timeout": by the suite's time limit; "disk": by the suite's disk limit.
    exit_code   negative for a signal.
    trees       destination (of `pairs` and `present`) -> relative path -> Entry.
    modes       destination -> its permission bits. Only destinations that exist; empty in a pod.
    unexpected_writes   paths, as the initializer sees them, written outside destinations and /tmp.
    leftover_processes  names of processes that still ran after the program had ended. The suite then ended them.
    duration_s, cpu_s in seconds; peak_memory in bytes (all processes together). 0 if the route cannot measure it.
    began       the start of the program, in seconds of the monotonic clock that all local processes share.
    waited_s    seconds that its first process was runnable while another process used the core.
    queued_s    seconds that the suite delayed it before `began`, until a core was free.
    peak_disk   the peak disk usage of its files in bytes, including /tmp.
    reproduce   a shell command that repeats the call.
    ended_after_signal_s  seconds from the SIGTERM of `terminate_when` to the end; None if it was not sent.
    delivered   whether the program received that SIGTERM. The kernel drops it for a first process without a handler.
    killed      the victim of `Conditions.kill`; None if nothing was killed.
    found       the texts of `Call.sought` that occur in the output, even if split by line ends or blanks.
    """

    ended: Literal["exit", "timeout", "disk"]
    exit_code: int
    stdout: str
    stderr: str
    trees: Mapping[str, Mapping[str, Entry]]
    unexpected_writes: Sequence[str]
    leftover_processes: Sequence[str]
    duration_s: float
    cpu_s: float
    peak_memory: int
    reproduce: str
    truncated: bool = False
    ended_after_signal_s: float | None = None
    delivered: bool = False
    killed: Victim | None = None
    began: float = 0.0
    waited_s: float = 0.0
    queued_s: float = 0.0
    peak_disk: int = 0
    modes: Mapping[str, int] = field(default_factory=dict)
    found: frozenset[str] = frozenset()


class Initializer(ABC):
    """A program with the contract `SRC DEST [SRC DEST ...]`. Plain data: pytest-xdist workers receive a copy."""

    #: The value of --initializer.
    spec: str
    name: str
    #: The release; "" if unknown.
    version: str
    #: The release of KServe whose rules and known failures hold; "" for a program that is not KServe's.
    release: str = ""
    #: SHA-256 of the code that runs: package files and entrypoint, the executable, or the image.
    digest: str
    route: Route
    #: The Python release of this machine, if the program runs on it; "" if the program brings its own.
    python: str = ""
    #: Sentences for the report, for example about an entrypoint from another release.
    notes: Sequence[str] = ()
    #: Store -> why the local installation of the initializer does not support it.
    lacks: Mapping[str, str] = MappingProxyType({})
    #: Variables of its own container. Those of a call replace them.
    environment: Mapping[str, str] = MappingProxyType({})
    #: Requests and limits of its own container, as in a pod; only pods get them. Empty for the suite's.
    resources: Mapping[str, Mapping[str, str]] = MappingProxyType({})

    @property
    def unreleased(self) -> bool:
        """Whether it is KServe's own, but not one of its releases."""
        return self.release not in {"", self.version}

    @abstractmethod
    def prepare(self) -> None:
        """Install it in the local cache and make one smoke call. Raises NoInitializer."""

    def call(self, call: Call) -> CallResult:
        """Run the program once, with the best isolation available. Never raises for errors of the program.

        Raises NotOffered for a call that the route does not support.
        """
        call = replace(call, environment={**self.environment, **call.environment})
        if reason := self.unsupported(call):
            raise NotOffered(reason)
        return self.run(call)

    def unsupported(self, call: Call) -> str:  # noqa: ARG002 -- some routes can make every call
        """Why the route does not support a call; "" if it does."""
        return ""

    @abstractmethod
    def run(self, call: Call) -> CallResult:
        """Run a call that the route supports. See `call`."""

    def made(self) -> int:
        """Return how many objects of the current case `clean_up` would remove."""
        return 0

    def clean_up(self, *, keep: bool, since: int = 0) -> None:  # noqa: B027 -- most leave nothing
        """Remove what a finished case made, but for the first `since` objects. With `keep`, leave all of it."""

    @property
    @abstractmethod
    def isolation(self) -> str:
        """The isolation for the report. May raise NoInitializer.

        One of "bubblewrap", "unshare", "container", "cluster" and "none".
        """
