"""Call the initializer and check the result: the fetched tree, the exit code and the messages."""

from __future__ import annotations

import posixpath
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import urlsplit

from conformance.api.exceptions import RuleViolation
from conformance.api.messages import TERMINATION_MESSAGE_BYTES, fault_of, own_words, termination_message
from conformance.api.tree import Tree, difference
from conformance.spec import Rule, Spec
from reports.redact import forms_of
from scenarios.initializers.base import DEST, NEEDS_SANDBOX, ORDINARY, Call, CallResult, Conditions, Entry, Initializer
from scenarios.network.view import TRUST, Gateway
from scenarios.reasons import NotOffered
from scenarios.stores.base import Access, Store
from scenarios.stores.delivery import without

#: A failure shows this many of the last lines of output.
SHOWN_LINES = 14


#: The kinds of control call, which are calls without an injected fault or a wrong setting: with valid credentials
#: ("plain"), private content ("private"), TLS with the suite's certificate authority ("tls"), without a signature
#: that covers the request ("unsigned"), or a single archive ("archive").
Way = Literal["plain", "private", "tls", "unsigned", "archive"]


class Controls(Protocol):
    """The control calls, which show whether the initializer works at all. See `conformance.harness.controls`."""

    def require(self, store: str | None, way: Way) -> None:
        """Raise Unproven or NotApplicable when the control call does not deliver its model."""

    @property
    def made(self) -> Sequence[CallResult]:
        """The control calls that this test made. Empty when an earlier test made them."""


@dataclass(frozen=True)
class Expectation:
    """The rule that a call checks, and the data for judging the call's messages.

    release  KServe's release if the initializer is KServe's own, because the suite knows its exact messages. Else None.
    """

    rule: Rule
    spec: Spec
    release: str | None
    store: str | None
    case: str


@dataclass(frozen=True)
class Fetch:
    """One finished call.

    given    values that the suite passed to the call. Repeating one of them does not count as naming a cause.
    require  `Controls.require` for the call's store and way.
    asked    returns whether a request reached the store. Always True for a store without a server.
    differs  called when the call did not deliver the expected files.
    """

    pairs: Sequence[tuple[str, str]]
    outcome: CallResult
    expected: Expectation
    bookkeeping: Sequence[str]
    access: Access
    given: Sequence[str]
    require: Callable[[], None]
    asked: Callable[[], bool]
    differs: Callable[[], None]

    @property
    def tree(self) -> Tree:
        """The files below the first destination. Raises RuleViolation unless the call ended with exit code 0."""
        return self.tree_at(self.pairs[0][1])

    def tree_at(self, dest: str) -> Tree:
        """Return the files below `dest`. Raises RuleViolation unless the call ended by itself with exit code 0."""
        flaws = {
            "the call did not end within its time limit": self.outcome.ended == "timeout",
            "the suite stopped the call because it filled its destination": self.outcome.ended == "disk",
            f"exit code {self.outcome.exit_code} instead of 0": self.outcome.exit_code != 0,
        }
        if flaw := next((text for text, true in flaws.items() if true), ""):
            self.differs()
            raise RuleViolation(flaw)
        entries = self.entries(dest).items()
        files = {path: entry.content for path, entry in entries if entry.content is not None}
        links = {path: entry.link for path, entry in entries if entry.link and entry.content is None}
        return Tree(files, links, self.differs)

    def entries(self, dest: str | None = None) -> dict[str, Entry]:
        """Return files and folders below a destination (default: the first), for any exit code.

        Leaves out the bookkeeping files of the store's own client.
        """
        found = self.outcome.trees.get(posixpath.normpath(dest or self.pairs[0][1]), {})
        return {path: entry for path, entry in found.items() if path.split("/")[0] not in self.bookkeeping}

    @property
    def delivered(self) -> list[str]:
        """Paths of the files below the first destination, for any exit code."""
        return [path for path, entry in self.entries().items() if entry.content is not None]

    @property
    def output(self) -> str:
        """Standard output, then standard error."""
        return f"{self.outcome.stdout}\n{self.outcome.stderr}"

    @property
    def last_words(self) -> str:
        """The termination messages that the pod would have, from stdout and from stderr.

        Both are kept, because the suite does not know how the container runtime interleaves the streams.
        """
        return self._last(lambda text: text)

    def _last(self, part: Callable[[str], str]) -> str:
        return "\n".join(termination_message(part(text)) for text in (self.outcome.stdout, self.outcome.stderr))

    def assert_secret(self) -> None:
        """Assert that no credential of the access is in the output, in any encoding.

        Raises RuleViolation when one is, and NotOffered when the access has no credential.
        """
        forms = forms_of(self.access.planted())
        if self.outcome.found:
            how = sorted({forms[form] for form in self.outcome.found})
            raise RuleViolation(f"the initializer printed a credential, {' and '.join(how)}")

    def left_packed(self, name: str) -> bool:
        """Return whether the call delivered the archive `name` without unpacking it, and nothing else."""
        return self.outcome.exit_code == 0 and list(self.entries()) == [name]

    def assert_failed(self) -> None:
        """Assert that the call ended by itself with a non-zero exit code.

        Raises RuleViolation otherwise, and Unproven when the control call fails too.
        """
        if self.outcome.ended != "exit":
            raise RuleViolation(f"the initializer did not end by itself; the suite stopped it ({self.outcome.ended})")
        if self.outcome.exit_code == 0:
            self.differs()
            raise RuleViolation("the initializer reported success (exit code 0), but it must fail")
        self.require()

    def assert_failed_or(self, tree: Mapping[str, bytes]) -> None:
        """Assert that the call ended by itself, and that it delivered `tree` if its exit code is 0.

        Raises RuleViolation otherwise, and Unproven when the call failed and the control call fails too.
        """
        if self.outcome.ended != "exit":
            raise RuleViolation(f"the initializer did not end by itself; the suite stopped it ({self.outcome.ended})")
        if self.outcome.exit_code != 0:
            self.require()
        elif wrong := difference(self.tree, tree):
            self.differs()
            raise RuleViolation("\n".join(["exit code 0, but the files below the destination differ:", *wrong]))

    def assert_failed_or_names(self, tree: Mapping[str, bytes], *settings: str) -> None:
        """Assert that the call delivered `tree`, or that it failed and named one of the `settings` in words of its own.

        Stack frames are no such words. Raises RuleViolation otherwise, and Unproven when the control call fails too.
        """
        self.assert_failed_or(tree)
        said = self._last(lambda text: own_words(text, self.given)).lower()
        if self.outcome.exit_code != 0 and not any(setting.lower() in said for setting in settings):
            named = ", ".join(settings)
            raise RuleViolation(f"the last {TERMINATION_MESSAGE_BYTES} bytes of output name no setting of: {named}")

    def assert_refused(self, *, names: str | None = None, asked: bool = False) -> None:
        """Assert that the call failed and that its message names the cause.

        KServe's own releases must print their exact message, if the rule lists one. Otherwise the end of the output
        must match the rule's cause and contain `names` (the resource), if given. With `asked`, the call must also have
        sent a request to the store, because only the store's answer reveals this cause. Raises RuleViolation.
        """
        self.assert_failed()
        exact = self._exact_words()
        if exact is not None:
            if exact not in self.output:
                raise RuleViolation(f"the output does not contain the exact message of this release:\n  {exact}")
        else:
            self.assert_last_words(names=names)
        if asked:
            self.assert_asked()

    def assert_asked(self) -> None:
        """Assert that a request reached the store, because only its answer reveals the cause. Raises RuleViolation."""
        if not self.asked():
            raise RuleViolation("the initializer sent no request to the store, so it cannot know this cause")

    def assert_last_words(self, *, names: str | None = None) -> None:
        """Assert that the end of the output names the rule's cause, and contains `names`. Raises RuleViolation."""
        said = self._last(lambda text: own_words(text, [*self.given, names or ""]))
        end = f"the last {TERMINATION_MESSAGE_BYTES} bytes of output"
        cause = self.expected.rule.cause
        if cause is not None and (fault := fault_of(said, cause, self.expected.spec)):
            raise RuleViolation(f"{end} {fault}")
        if names is not None and names not in self.last_words:
            raise RuleViolation(f"{end} do not name {names!r}")

    def _exact_words(self) -> str | None:
        if self.expected.release is None:
            return None
        text = self.expected.rule.message(self.expected.release, self.expected.store, self.expected.case)
        if text is None or not self.pairs:
            return text
        uri = self.pairs[0][0]
        parts = urlsplit(uri)
        path = parts.path.lstrip("/")
        container = path.partition("/")[0] if parts.scheme == "https" else parts.netloc
        return text.format(uri=uri, container=container, path=path, host=parts.hostname)

    def describe(self) -> list[str]:
        """Describe the call for a failure report: sources, how it ended, and the last lines of output."""
        what = "  ".join(f"{uri} -> {dest}" for uri, dest in self.pairs) or "(other arguments)"
        lines = [f"call: {what}", f"  ended: {self.outcome.ended}, exit code {self.outcome.exit_code}, "
                 f"after {self.outcome.duration_s:.2f} s"]  # fmt: skip
        if self.outcome.leftover_processes:
            lines.append(f"  processes that the suite stopped: {', '.join(self.outcome.leftover_processes)}")
        printed = [line for line in self.output.splitlines() if line.strip()]
        return lines + ([f"  | {line[:400]}" for line in printed[-SHOWN_LINES:]] or ["  | (no output)"])


class Fetcher:
    """Calls the initializer for one test, and keeps the calls for the report."""

    def __init__(
        self,
        initializer: Initializer,
        expected: Expectation,
        store: Store | None,
        gateway: Gateway,
        scratch: Path,
        *,
        before_call: Callable[[float], None],
        controls: Controls | None = None,
    ) -> None:
        self._initializer = initializer
        self._expected = expected
        self.store = store
        self._gateway = gateway
        self._scratch = scratch
        self._before_call = before_call
        self._controls = controls
        self._undelivered: list[Way] = []
        self.fetches: list[Fetch] = []
        #: Seconds that this test waited for other tests. They do not count towards its duration.
        self.held_up_s = 0.0
        #: CPU seconds of the reference clients that this test measured for comparison.
        self.reference_cpu_s = 0.0

    def fetch(
        self,
        *uris: str,
        dest: str = DEST,
        access: Access | None = None,
        environment: Mapping[str, str] | None = None,
        unset: Collection[str] = (),
        mounts: Mapping[str, Path] | None = None,
        present: Mapping[str, Mapping[str, bytes]] | None = None,
        trust: bool = True,
        again: bool = False,
        timeout_s: float = 60.0,
        conditions: Conditions = ORDINARY,
        way: Way = "plain",
    ) -> Fetch:
        """Call the initializer: one URI goes into `dest`, several go into `dest/0`, `dest/1`, ...

        access       credentials and settings for the store (default: valid credentials).
        environment  more variables, which override those of the access.
        unset        variables that the call does not have.
        mounts       more files or folders, keyed by the path that the initializer sees.
        present      destination -> files that exist there before the call.
        trust        whether the call trusts the suite's certificate authority.
        again        reuse the destination as the last call left it.
        timeout_s    seconds until the suite ends the call.
        conditions   circumstances of the call, such as no network.
        way          the control call that corresponds to this call.
        """
        access = access or (self.store.access() if self.store else Access())
        uris = tuple(uri + "?" + access.query if access.query and "?" not in uri else uri for uri in uris)
        pairs = [(uris[0], dest)] if len(uris) == 1 else [(uri, f"{dest}/{n}") for n, uri in enumerate(uris)]
        settings = {**self._gateway.environment(), **access.environment}
        if not trust:
            settings = {name: value for name, value in settings.items() if name not in TRUST}
        if not again:
            self._workdir = self._new_workdir()
        return self._call(
            Call(
                pairs=pairs,
                workdir=self._workdir,
                environment=without({**settings, **(environment or {})}, unset),
                mounts={**self._gateway.mounts, **access.mounts, **(mounts or {})},
                present=present or {},
                timeout_s=timeout_s,
                conditions=conditions,
                sought=list(forms_of(access.secrets)),
            ),
            access,
            way,
        )

    @property
    def outcomes(self) -> list[CallResult]:
        """All calls of the initializer that this test made, including control calls."""
        return [*(fetch.outcome for fetch in self.fetches), *(self._controls.made if self._controls else ())]

    def excuse(self) -> None:
        """After a failure, make the control call for each call that did not deliver its model.

        A download that fails counts only against the rule about downloads itself. For any other rule, this raises
        Unproven or NotApplicable when the control call does not deliver its model either.
        """
        for way in dict.fromkeys(self._undelivered):
            self._require(way)

    def needs_sandbox(self) -> None:
        """Raise NotOffered when calls run without a sandbox.

        Without one, the suite cannot see writes outside the destination, and the paths differ.
        """
        if self._initializer.isolation == "none":
            raise NotOffered(NEEDS_SANDBOX)

    @contextmanager
    def holding(self, lock: AbstractContextManager[object]) -> Iterator[None]:
        """Hold a lock that other tests also use. The waiting time counts as `held_up_s`."""
        began = time.monotonic()
        with lock:
            self.held_up_s += time.monotonic() - began
            yield

    def forget(self) -> None:
        """Remove the files of the last call, to save disk space between large downloads."""
        shutil.rmtree(self._workdir, ignore_errors=True)

    def call(self, *arguments: str) -> Fetch:
        """Call the initializer with arguments that are not (URI, destination) pairs."""
        environment = self._gateway.environment()
        call = Call((), self._new_workdir(), environment, self._gateway.mounts, arguments=arguments)
        return self._call(call, Access(), "plain")

    def _new_workdir(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="call-", dir=self._scratch))

    def _require(self, way: Way) -> None:
        if self._controls:
            self._controls.require(self.store.name if self.store else None, way)

    def _call(self, call: Call, access: Access, way: Way) -> Fetch:
        self._before_call(call.timeout_s)
        fetch = Fetch(
            pairs=call.pairs,
            outcome=self._initializer.call(call),
            expected=self._expected,
            bookkeeping=self.store.bookkeeping if self.store else (),
            access=access,
            given=[*access.secrets, *self._told(call)],
            require=lambda: self._require(way),
            asked=lambda: self.store is None or self.store.endpoint is None or self.store.asked(),
            differs=lambda: self._undelivered.append(way),
        )
        self.fetches.append(fetch)
        self.held_up_s += fetch.outcome.queued_s
        return fetch

    def _told(self, call: Call) -> Iterator[str]:
        """Every value of the suite's that the call passes to the initializer."""
        yield from (uri for uri, _ in call.pairs)
        yield from call.mounts
        yield from (value for value in call.environment.values() if "/" in value)
        if self.store:
            yield self.store.case
