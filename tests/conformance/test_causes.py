"""The patterns of causes against what real programs print (tests/messages), in both directions."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import yaml

from conformance.api.messages import AMBIGUOUS, fault_of, own_words
from conformance.spec import current

MESSAGES = Path(__file__).parents[1] / "messages"
SPEC = current()
#: A host that never resolves, which the programs were given.
GIVEN = ("name.invalid",)


@dataclass(frozen=True)
class Message:
    """An entry of the corpus; tests/messages/README.md explains the keys. silent: why it does not tell its cause."""

    program: str
    got: str
    when: str
    cause: str
    text: str
    silent: str


def _read(name: str) -> list[dict[str, str]]:
    return cast("list[dict[str, str]]", yaml.load((MESSAGES / name).read_text(), yaml.CSafeLoader))


def _excepted(program: str, when: str, exception: dict[str, str]) -> bool:
    return program.startswith(exception["program"]) and when == exception["when"]


EXCEPTIONS = _read("exceptions.yaml")


def corpus() -> Iterator[tuple[str, Message]]:
    """Every entry, and an id for it."""
    for path in sorted(MESSAGES.glob("*.yaml")):
        for number, entry in enumerate(_read(path.name) if path.name != "exceptions.yaml" else []):
            why = [e["why"] for e in EXCEPTIONS if _excepted(entry["program"], entry["when"], e)]
            name = f"{path.stem}-{number}-{entry['program']}-{entry['when']}".replace(" ", "_")
            yield name, Message(**entry, silent="".join(why))


CORPUS = dict(corpus())
TELLING = {name: message for name, message in CORPUS.items() if message.cause in SPEC.causes and not message.silent}
SILENT = {name: message for name, message in CORPUS.items() if message.cause in SPEC.causes and message.silent}
NOTHING = {name: m for name, m in CORPUS.items() if m.cause in ("none", "not started") and not m.silent}
AMBIGUOUS_ONES = {name: message for name, message in CORPUS.items() if message.cause == "ambiguous"}


def _said(message: Message) -> str:
    return own_words(message.text, GIVEN)


def test_the_corpus_knows_every_cause() -> None:
    """And no other: an entry with a typing error in its cause would be held to nothing."""
    assert {message.cause for message in TELLING.values()} == set(SPEC.causes)
    assert {message.cause for message in CORPUS.values()} == {*SPEC.causes, "not started", "none", "ambiguous"}


@pytest.mark.parametrize("name", TELLING)
def test_a_real_message_tells_its_cause(name: str) -> None:
    """In the words of whatever program an initializer is made of."""
    message = TELLING[name]
    fault = fault_of(_said(message), message.cause, SPEC)
    assert fault is None, f"{message.text}\n{fault}"


@pytest.mark.parametrize("name", SILENT)
def test_a_message_that_does_not_tell_is_refused(name: str) -> None:
    """A real program's too: whoever reads it does not know what to mend."""
    message = SILENT[name]
    assert not SPEC.causes[message.cause].search(_said(message))


@pytest.mark.parametrize("name", NOTHING)
def test_what_tells_nothing_is_refused_for_every_cause(name: str) -> None:
    """Progress, information, success, stack frames, and tools that were not started."""
    said = _said(NOTHING[name])
    assert [cause for cause, words in SPEC.causes.items() if words.search(said)] == []


@pytest.mark.parametrize("name", AMBIGUOUS_ONES)
def test_a_message_that_tells_everything_tells_nothing(name: str) -> None:
    """One constant line would pass every rule."""
    message = AMBIGUOUS_ONES[name]
    fault = fault_of(_said(message), "not-found", SPEC)
    assert fault is not None
    assert "contradictory causes" in fault


def test_a_tool_that_looks_like_a_missing_model() -> None:
    """The known limit: what has neither a name nor a form of its own cannot be told from a missing model."""
    said = {
        name: _said(message) for name, message in CORPUS.items() if message.cause == "not started" and message.silent
    }
    assert said
    assert all(SPEC.causes["not-found"].search(words) for words in said.values())


def test_real_messages_are_far_from_ambiguous() -> None:
    """Most blame one reason; none as many as make a message ambiguous, so the limit is no lower than it can be."""
    most = max(
        sum(bool(words.search(_said(message))) for words in SPEC.exclusive.values()) for message in TELLING.values()
    )
    assert most == AMBIGUOUS - 1


@pytest.mark.parametrize("exception", EXCEPTIONS, ids=lambda exception: f"{exception['program']}-{exception['when']}")
def test_every_exception_is_of_an_entry(exception: dict[str, str]) -> None:
    """Else it would excuse what is no longer printed."""
    assert [message for message in CORPUS.values() if _excepted(message.program, message.when, exception)]
