"""What counts as having told the cause of a refusal."""

import time

import pytest

from conformance.api.exceptions import RuleViolation
from conformance.api.fetch import Expectation, Fetch
from conformance.api.messages import own_words
from conformance.spec import current
from scenarios.initializers.base import DEST, CallResult
from scenarios.initializers.process import KEPT_BYTES
from scenarios.stores.base import Access

URI = "webhdfs://case-gw7-16/missing-model"
TOKEN = "reader-4045031429"


def refusal(rule: str, printed: str) -> Fetch:
    """A call for `URI` with `TOKEN` that printed that and ended with exit 1."""
    spec = current()
    outcome = CallResult("exit", 1, printed, "", {}, (), (), 0.1, 0.1, 0, "")
    return Fetch(
        ((URI, DEST),),
        outcome,
        Expectation(spec[rule], spec, None, "webhdfs", ""),
        bookkeeping=(),
        access=Access(secrets=(TOKEN,)),
        given=(TOKEN, URI),
        require=lambda: None,
        asked=lambda: True,
        differs=lambda: None,
    )


@pytest.mark.parametrize(
    ("rule", "printed"),
    [
        ("ERR-001", f"cannot fetch {URI}"),
        ("FAULT-009", "2026-11-22 00:10:08.503 ERROR failed"),
        ("FAULT-009", "12:50:29,429 ERROR failed"),
        ("FAULT-009", f"settings: Authorization=Bearer {TOKEN}"),
        ("FAULT-009", "POST to 10.0.0.503:1429 failed after 0.503 s"),
        ("FAULT-009", "error in case5030"),
        ("FAULT-009", '  File "/usr/lib/x.py", line 503, in connect\n    raise TimeoutError(reset)\nKeyError'),
        ("FAULT-009", "12:00:10 app INFO retry policy: 3 times\nit failed"),
        ("FAULT-009", '{"level":"info","msg":"connection reset policy"}'),
        ("FAULT-009", "Connecting to the store"),
        ("ERR-001", "sh: 1: aws: not found"),
        ("ERR-001", f"{URI}\nFileNotFoundError: [Errno 2] No such file or directory: 'aws'"),
        ("ERR-001", "dial tcp: lookup namenode: no such host"),
        ("ERR-003", "x509: certificate signed by unknown authority"),
    ],
    ids=[
        "uri",
        "clock",
        "log-clock",
        "token",
        "numbers",
        "name",
        "traceback",
        "info",
        "json-info",
        "progress",
        "tool",
        "tool-of-python",
        "host",
        "authority",
    ],
)
def test_what_the_call_was_given_tells_no_cause(rule: str, printed: str) -> None:
    """Nor does a number that merely looks like an HTTP status."""
    with pytest.raises(RuleViolation, match="do not name the cause"):
        refusal(rule, printed).assert_refused()


@pytest.mark.parametrize(
    ("rule", "printed"),
    [
        ("ERR-001", f"{URI} is missing"),
        ("ERR-001", f"2026-11-22 00:10:08.286 ERROR HTTP/1.1 404 for {URI}"),
        ("FAULT-009", "HTTPError(503): b''"),
        ("FAULT-009", '{"time":"2026-11-22T00:10:08.503Z","status":503}'),
        ("FAULT-009", "https://namenode/webhdfs/v1: 503, tried 3 times"),
    ],
    ids=["words", "status-line", "exception", "json", "sentence"],
)
def test_a_status_of_its_own_tells_the_cause(rule: str, printed: str) -> None:
    """As a word or as a number."""
    refusal(rule, printed).assert_refused()


def test_a_message_for_every_cause_tells_none() -> None:
    """It names the model and its cause, among others."""
    printed = (
        f"{URI}: not found, access denied, store unreachable, certificate, corrupt archive, no space left on device"
    )
    with pytest.raises(
        RuleViolation,
        match="match several contradictory causes, so the cause is unclear: missing \\('not found'\\), credentials",
    ):
        refusal("ERR-001", printed).assert_refused(names="missing-model")


def test_a_missing_file_is_no_missing_tool() -> None:
    """Both are ENOENT; the one has a path of the model's, which the message may repeat or not."""
    for printed in (
        f"[Errno 2] No such file or directory: '{URI}'",
        "[Errno 2] No such file or directory: '/mnt/pvc/model'",
    ):
        refusal("ERR-001", printed).assert_refused()


def test_nothing_changes_its_place() -> None:
    """What is blanked keeps its bytes and its lines, so that the last ones stay the last ones."""
    printed = f'é {URI}\n  File "x.py", line 401, in f\n    raise é\nValueError: 12:00:10'
    said = own_words(printed, [URI])
    assert said.split() == ["é", "ValueError:"]
    assert [len(line.encode()) for line in said.split("\n")] == [len(line.encode()) for line in printed.split("\n")]


@pytest.mark.parametrize("word", ["1", "a", " ", "sh: ", "at x:", "/x.go:1", ': "', "\n ", "\n    at"])
def test_a_flood_is_gone_through_once(word: str) -> None:
    """As much as is kept of a stream; tried anew at each character it takes minutes."""
    began = time.monotonic()
    flood = word * (2 * KEPT_BYTES // len(word))
    assert own_words(flood, []) == flood
    assert time.monotonic() - began < 5


def test_a_setting_is_named_in_words() -> None:
    """The source line in a stack frame names it to nobody."""
    frame = '  File "/x.py", line 7, in load\n    set(config["anonymous"])\nTypeError: str expected, not bool'
    with pytest.raises(RuleViolation, match="no setting of: anonymous"):
        refusal("CRED-040", frame).assert_failed_or_names({}, "anonymous")
    refusal("CRED-040", "the setting `anonymous` must be a text").assert_failed_or_names({}, "anonymous")
