"""Call the initializer for a test."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal, Protocol

from conformance.api.fetch import Expectation, Fetch
from reports.redact import forms_of
from scenarios.initializers.base import DEST, NEEDS_SANDBOX, ORDINARY, Call, CallResult, Conditions, Initializer
from scenarios.network.view import TRUST, Gateway
from scenarios.reasons import NotOffered
from scenarios.stores.base import Access, Store
from scenarios.stores.delivery import without

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
