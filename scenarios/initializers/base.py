"""An initializer: the program under test, how it is called, and what a call leaves behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from scenarios.reasons import NotOffered

Route = Literal["process", "container", "pod"]
Victim = Literal["program", "worker"]
#: What keeps a process of this machine apart from it.
Isolation = Literal["bubblewrap", "unshare", "none"]
#: What `--isolation` asks for: the best that works, a sandbox or nothing, or no sandbox.
Wanted = Literal["auto", "sandbox", "none"]

#: Where KServe's webhook has models put, and mounts a volume claim.
DEST = "/mnt/models"
PVC = "/mnt/pvc"
#: Where it mounts the secret of HDFS; initializers look there without being told.
HDFS_SECRET = "/var/secrets/kserve-hdfscreds"  # noqa: S105 -- a folder


#: What makes a sandbox work, for messages.
ALLOW = "allow user namespaces (a sysctl, or the security options of a container), or install bubblewrap"
#: Why a case was not run, wherever that is the reason: reports count it as one cause, with one remedy.
NEEDS_SANDBOX = f"it shows in a sandbox only: leave out --isolation none, and {ALLOW}"


class NoInitializer(Exception):
    """The initializer asked for cannot be had or cannot start; one line with the remedy."""


@dataclass(frozen=True)
class Entry:
    """One path below a destination, links followed.

    mode     the permission bits.
    content  None for a folder, a special file, and a link that leads nowhere or outside destinations and mounts.
             The 32 bytes of its sha256 where the call asked for that (`Conditions.hashed`).
    link     what the symbolic link says, as the initializer sees it.
    """

    mode: int
    content: bytes | None
    link: str | None = None


#: The user of a confined call: out of the range that OpenShift gives to its first project.
ANYBODY = 1000650000


@dataclass(frozen=True)
class Kill:
    """SIGKILL in the middle of a call, as by the kernel when memory runs out.

    when    asked again and again; the kill comes with the first yes.
    worker  kill the busiest of the program's own processes instead of the program; the program if it has none.
    """

    when: Callable[[], bool]
    worker: bool = False


@dataclass(frozen=True)
class Conditions:
    """The circumstances of a call. A route that cannot make them refuses the call, with a reason.

    offline         the call has no network at all.
    confined        the call runs as in a restricted pod: as a user that no image knows, with group 0 and without
                    privileges, and it can write to nothing but destinations and /tmp.
    space           bytes that fit into `/mnt/models`; None for the room that the machine has.
    kill            the moment and the victim of a SIGKILL; None for none.
    terminate_when  called again and again. At the first True, SIGTERM is sent as the first process of a container gets
                    it: the kernel drops it where the program has no handler.
    hashed          the files are observed by their sha256 alone: models of hundreds of MiB stay on disk.
    at_once         the call starts without waiting for a core: a measured call waits for its link, which few share.
    """

    offline: bool = False
    confined: bool = False
    space: int | None = None
    kill: Kill | None = None
    terminate_when: Callable[[], bool] | None = None
    hashed: bool = False
    at_once: bool = False

    @property
    def need_sandbox(self) -> bool:
        """Whether only a sandbox can make them."""
        return self.offline or self.confined or self.space is not None


ORDINARY = Conditions()


@dataclass(frozen=True)
class Call:
    """One call of an initializer.

    pairs        (source URI, destination) in order; `arguments` replaces them for calls that break the contract.
                 With `arguments` they still name the destinations.
    environment  all it gets beside PATH, HOME and LANG; nothing of the user's own reaches it.
    mounts       path it sees -> file or folder of this machine, read-only.
    workdir      a folder for this call; destinations and everything written are kept there. A second call in the
                 same folder finds them as the first one left them. `/mnt/models` always exists.
    present      destination -> relative path -> content that lies there before the call.
    timeout_s    seconds until it is ended with all its processes.
    conditions   the circumstances of the call.
    sought       texts that the whole output is searched for, however long it is.
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
        """What follows the program's name."""
        if self.arguments is not None:
            return list(self.arguments)
        return [part for pair in self.pairs for part in pair]


@dataclass(frozen=True)
class CallResult:
    """What a call left behind, as it was at the moment when the program ended.

    Text is bounded: the first and the last part of each stream.

    ended       "exit" by itself; "timeout" ended by the suite's limit; "disk" ended for filling its destination.
    exit_code   negative for a signal.
    trees       destination (of `pairs` and `present`) -> relative path -> Entry.
    modes       destination -> its own permission bits; without those that do not exist, and in a pod without any.
    unexpected_writes   paths (as the initializer sees them) written outside destinations and /tmp.
    leftover_processes  names of the processes that ran on after the program had ended, and were ended.
    duration_s, cpu_s in seconds; peak_memory in bytes (of all its processes together). 0 where the route cannot tell.
    began       when it was let go, in seconds of the monotonic clock that all processes of a machine share.
    waited_s    seconds that its first process was ready to run and another had the core.
    queued_s    seconds that the suite held it back before `began`, until a core was free.
    peak_disk   the most bytes of disk that its files took at once, those in /tmp too.
    reproduce   a shell command that makes the same call again.
    ended_after_signal_s  seconds from that SIGTERM to the end; None where the signal was not sent.
    delivered   whether that SIGTERM reached the program: the kernel drops it for a first process without a handler.
    killed      what `Conditions.kill` killed; None where it never did.
    found       those of `Call.sought` that stand in the output, also where a line end or a blank divides them.
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
    """A program with the contract `SRC DEST [SRC DEST ...]`. Plain data, so that it crosses to pytest-xdist workers."""

    #: As given to --initializer.
    spec: str
    name: str
    #: Release, or "" when unknown.
    version: str
    #: sha256 of what runs: package files and entrypoint, the executable, or the image.
    digest: str
    route: Route
    #: The release of Python that it runs on, where that is this machine's and not its own; else "".
    python: str = ""
    #: Sentences for the report, such as an entrypoint taken from another release.
    notes: Sequence[str] = ()
    #: Store -> why this machine's installation of the initializer cannot serve it.
    lacks: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def prepare(self) -> None:
        """Bring it to this machine's cache and make one smoke call. Raises NoInitializer."""

    def call(self, call: Call) -> CallResult:
        """Run it once, isolated as far as this machine allows; never raises for what the program does.

        Raises NotOffered for a call that its route cannot make.
        """
        if reason := self.unsupported(call):
            raise NotOffered(reason)
        return self.run(call)

    def unsupported(self, call: Call) -> str:  # noqa: ARG002 -- some routes can make every call
        """Why the route cannot make a call; "" where it can."""
        return ""

    @abstractmethod
    def run(self, call: Call) -> CallResult:
        """Make a call that the route supports; see `call`."""

    def clean_up(self, *, keep: bool) -> None:  # noqa: B027 -- most leave nothing
        """A case is over: remove what its calls left, or with `keep` leave it for somebody to look at."""

    @property
    @abstractmethod
    def isolation(self) -> str:
        """ "bubblewrap", "unshare", "container", "cluster" or "none", for the report. May raise NoInitializer."""
