"""Run work in forked processes, a limited number at a time. They end when this process ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

from scenarios.servers.supervisor import die_with_parent

FEW = 2
Key = TypeVar("Key")
_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Died:
    """A process ended without a result."""

    why: str


@dataclass(frozen=True)
class _Working(Generic[Key]):
    key: Key
    process: BaseProcess
    answer: Connection
    until: float


def each(
    keys: Iterable[Key],
    work: Callable[[Key], object],
    *,
    at_a_time: int,
    within_s: Callable[[Key], float],
    few: Callable[[Key], bool] = lambda _: False,
) -> Iterator[tuple[Key, object]]:
    """Yield `(key, work(key))` in order of completion. Each runs in a fork of this process.

    The result is Died if the process gave no result.

    at_a_time  number of processes that run at once.
    within_s   returns the time limit of a key's process, in seconds; then the process is killed.
    few        selects the keys of which at most FEW run at once.
    """
    waiting = list(keys)
    working: dict[Connection, _Working[Key]] = {}
    try:
        while True:
            while len(working) < at_a_time and (number := _next(waiting, working.values(), few)) is not None:
                key = waiting.pop(number)
                one = _begin(key, work, within_s(key))
                working[one.answer] = one
            if not working:
                return
            ready = wait(working, timeout=max(0.0, min(one.until for one in working.values()) - time.monotonic()))
            for answer, one in list(working.items()):
                if answer in ready:
                    said = _answer(one)
                elif time.monotonic() >= one.until:
                    said = Died(f"no answer within {within_s(one.key):g} s")
                else:
                    continue
                _end(working.pop(answer))
                yield one.key, said
    finally:
        for one in working.values():
            _end(one)


def _next(waiting: Sequence[Key], working: Collection[_Working[Key]], few: Callable[[Key], bool]) -> int | None:
    """Return the index of the next key that may start; None if none may."""
    full = sum(few(one.key) for one in working) >= FEW
    return next((number for number, key in enumerate(waiting) if not (full and few(key))), None)


def _begin(key: Key, work: Callable[[Key], object], within_s: float) -> _Working[Key]:
    here, there = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_work, args=(key, work, there, os.getpid()))
    process.start()
    there.close()
    return _Working(key, process, here, time.monotonic() + within_s)


def _work(key: Key, work: Callable[[Key], object], answer: Connection, parent: int) -> None:
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    answer.send(work(key))


def _answer(one: _Working[Key]) -> object:
    try:
        return one.answer.recv()
    except EOFError:
        one.process.join()
        return Died(f"ended with status {one.process.exitcode}")


def _end(one: _Working[Key]) -> None:
    one.process.kill()
    one.process.join()
    one.answer.close()
