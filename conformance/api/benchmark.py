"""Measured calls: the cost of the same download by the initializer and by a reference client, in turns, in one run.

Each run takes one series of samples for each workload and store, and keeps it in the run's folder. Rules on time,
memory and bytes judge the same calls.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from conformance.api.exceptions import RuleViolation
from conformance.api.fetcher import Fetcher
from conformance.api.workloads import Workload
from scenarios.clients import Client
from scenarios.initializers.base import DEST, Call, CallResult, Conditions, Initializer
from scenarios.initializers.proc import cores
from scenarios.locks import SharedLock, Slot, of_this_user
from scenarios.network.throttled_link import ThrottledLink, address, throttle
from scenarios.network.view import Gateway, Request
from scenarios.reasons import NotOffered
from scenarios.servers.base import Unavailable
from scenarios.stores.base import Store

#: Time limit of a measured call, in seconds.
TIMEOUT_S = 120.0
#: At most this many measurements run at once, one for each core. More would disturb each other and the gateway.
LINES = 2
#: Smaller response bodies, in bytes, are listings and the like.
BODY_BYTES = 1 << 16


class ReferenceFailed(Exception):
    """The reference client did not deliver the model, so there is no value to compare with."""


@dataclass(frozen=True)
class MeasuredCall:
    """The measurements of one call, in seconds and bytes.

    whole_s      from the start of the program to its end.
    transfer_s   from its first request for the model to its end.
    waited_s     see `CallResult`.
    wire         bytes of all response bodies.
    parallelism  see `parallelism`. 0 without a throttled link.
    """

    whole_s: float
    transfer_s: float
    waited_s: float
    cpu_s: float
    peak_memory: int
    peak_disk: int
    wire: int
    requests: int
    parallelism: float


@dataclass
class Series:
    """The samples of one workload on one store: the initializer's and, if compared, as many of the reference client."""

    size: int
    files: int
    mine: list[MeasuredCall] = field(default_factory=list)
    reference: list[MeasuredCall] = field(default_factory=list)


@dataclass(frozen=True)
class Benchmark:
    """Measures calls on one test's store. `folder` is the run's folder that keeps all series."""

    store: Store
    initializer: Fetcher
    gateway: Gateway
    folder: Path

    @property
    def client(self) -> Client:
        """The store's reference client. Raises NotOffered if it has none."""
        if self.store.client is None:
            raise NotOffered(f"{self.store.name} has no reference client")
        return self.store.client

    def series(self, workload: Workload, samples: int) -> Series:
        """Return at least `samples` samples of the workload. Takes only those that the run does not have yet.

        Raises RuleViolation when a call does not deliver the model. Raises NotOffered when the suite cannot throttle
        the link, or a call does not end.
        """
        kept = self.folder / f"{self.store.name}.{workload.name}.json"
        with self.initializer.holding(SharedLock(kept.with_suffix(".lock")).alone()):
            series = _read(kept) if kept.exists() else Series(0, 0)
            if len(series.mine) < samples:
                self._extend(series, workload, samples)
                kept.write_text(json.dumps(asdict(series)))
        return series

    def _extend(self, series: Series, workload: Workload, samples: int) -> None:
        tree, expected = workload.make(), workload.expected()
        self.store.put_sample(tree)
        series.size, series.files = sum(map(len, tree.values())), len(tree)
        uri = self.store.sample_uri(next(iter(tree)))
        del tree
        with ExitStack() as stack:
            if workload.link:
                link = Slot(of_this_user("measuring"), min(LINES, cores()))
                stack.enter_context(self.initializer.holding(link))
            environment = stack.enter_context(self._environment(workload.link))
            while len(series.mine) < samples:
                series.mine.append(self._mine(uri, environment, expected, workload.link))
                if workload.compared:
                    series.reference.append(self._reference(uri, environment, expected, workload.link))

    def _mine(
        self, uri: str, environment: Mapping[str, str], expected: Mapping[str, bytes], link: ThrottledLink | None
    ) -> MeasuredCall:
        since = self.gateway.position()
        at_once = link is not None
        fetch = self.initializer.fetch(
            uri, environment=environment, timeout_s=TIMEOUT_S, conditions=Conditions(hashed=True, at_once=at_once)
        )
        if fetch.outcome.ended == "timeout":  # may be a busy machine; other profiles judge hangs
            raise NotOffered(f"a measured call did not end within {TIMEOUT_S:.0f} s on this machine")
        if fetch.tree != expected:
            raise RuleViolation("the initializer did not deliver the model, so the suite cannot judge its speed")
        self.initializer.forget()
        return sample(fetch.outcome, self._requests(since), link)

    def _reference(
        self, uri: str, environment: Mapping[str, str], expected: Mapping[str, bytes], link: ThrottledLink | None
    ) -> MeasuredCall:
        since = self.gateway.position()
        outcome = self._call(self.client.program(), uri, environment, link)
        found = outcome.trees.get(DEST, {})
        arrived = {path: found[path].content for path in expected if path in found}
        if outcome.exit_code != 0 or arrived != expected:
            raise ReferenceFailed(f"exit code {outcome.exit_code}: {outcome.stderr.strip()[-500:]}")
        return sample(outcome, self._requests(since), link)

    def _call(
        self, program: Initializer, uri: str, environment: Mapping[str, str], link: ThrottledLink | None
    ) -> CallResult:
        access = self.store.access()
        workdir = Path(tempfile.mkdtemp(dir=self.store.scratch))
        mounts = {**self.gateway.mounts, **access.mounts}
        try:
            call = Call(
                [(uri, DEST)],
                workdir,
                {**environment, **self.store.client_environment()},
                mounts,
                timeout_s=TIMEOUT_S,
                conditions=Conditions(hashed=True, at_once=link is not None),
            )
            outcome = program.call(call)
        finally:
            shutil.rmtree(workdir, ignore_errors=True)
        self.initializer.reference_cpu_s += outcome.cpu_s
        return outcome

    @contextmanager
    def _environment(self, link: ThrottledLink | None) -> Iterator[dict[str, str]]:
        """Yield the environment of a call whose traffic passes through the throttled link `link`."""
        plain = {**self.gateway.environment(), **self.store.access().environment}
        if link is None:
            yield plain
            return
        folder = Path(tempfile.mkdtemp(dir=self.store.scratch))
        behind = {address(self.gateway.proxy_url), address(self.store.server.url)}
        try:
            with throttle(link, behind, folder) as drawn:
                yield drawn.environment(plain)
        except Unavailable as reason:
            raise NotOffered(f"toxiproxy does not run: {reason}") from reason

    def _requests(self, since: int) -> list[Request]:
        case = self.store.case
        return [r for r in self.gateway.requests(since) if case in r.host or case in r.path]


def sample(outcome: CallResult, requests: Sequence[Request], link: ThrottledLink | None) -> MeasuredCall:
    """Return the measurements of one call that delivered the model."""
    if not requests:
        raise ReferenceFailed("the gateway saw no request for the model")
    return MeasuredCall(
        whole_s=outcome.duration_s,
        transfer_s=outcome.began + outcome.duration_s - min(request.time for request in requests),
        waited_s=outcome.waited_s,
        cpu_s=outcome.cpu_s,
        peak_memory=outcome.peak_memory,
        peak_disk=outcome.peak_disk,
        wire=sum(request.response_bytes for request in requests),
        requests=len(requests),
        parallelism=parallelism(requests, link.rate) if link else 0.0,
    )


def parallelism(requests: Sequence[Request], rate: int) -> float:
    """Return how many times the `rate` of one connection (bytes per second) a client reached.

    A body of n bytes occupies its connection for n / rate seconds from its request on, because no connection is
    faster. The result is the largest mean number of occupied connections over any period as long as the longest body
    takes. What the machine does before, between and after does not count.
    """
    bodies = [(r.time, r.time + r.response_bytes / rate) for r in requests if r.response_bytes >= BODY_BYTES]
    stretch = max((end - start for start, end in bodies), default=1.0)

    def occupied(since: float) -> float:
        overlaps = (min(end, since + stretch) - max(start, since) for start, end in bodies)
        return sum(overlap for overlap in overlaps if overlap > 0) / stretch

    edges = [start for start, _ in bodies] + [end - stretch for _, end in bodies]
    return max(map(occupied, edges), default=0.0)


def _read(kept: Path) -> Series:
    data = json.loads(kept.read_text())
    samples = {name: [MeasuredCall(**one) for one in data[name]] for name in ("mine", "reference")}
    return Series(data["size"], data["files"], **samples)
