"""Check a finished call of the initializer: the fetched tree, the exit code and the messages."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from conformance.api.exceptions import RuleViolation
from conformance.api.messages import TERMINATION_MESSAGE_BYTES, fault_of, own_words, termination_message
from conformance.api.tree import Tree, difference
from conformance.spec import Rule, Spec
from reports.redact import forms_of
from scenarios.initializers.base import CallResult, Entry
from scenarios.stores.base import Access

#: A failure shows this many of the last lines of output.
SHOWN_LINES = 14


@dataclass(frozen=True)
class Expectation:
    """The rule that a call checks, and the data for judging the call's messages.

    release  KServe's release if the initializer is KServe's own, because the suite knows its exact messages. Else None.
    unreleased  whether the initializer may word these messages in another way, because it is a checkout of KServe.
    """

    rule: Rule
    spec: Spec
    release: str | None
    store: str | None
    case: str
    unreleased: bool = False


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

        KServe's own releases must print their exact message, if the rule lists one; a checkout may word it in another
        way that keeps the rule. Without an exact message, the end of the output must match the rule's cause and contain
        `names` (the resource), if given. With `asked`, the call must also have sent a request to the store, because
        only the store's answer reveals this cause. Raises RuleViolation.
        """
        self.assert_failed()
        exact = self._exact_words()
        if exact is None or (self.expected.unreleased and exact not in self.output):
            self.assert_last_words(names=names)
        elif exact not in self.output:
            raise RuleViolation(f"the output does not contain the exact message of this release:\n  {exact}")
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
