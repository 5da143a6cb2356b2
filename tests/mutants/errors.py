"""Mutants that fail silently, with the wrong message, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.mutants.registry import mutant, part, wrap


def _told_as(status: int, cause: str) -> None:
    """Report `cause` for an HTTP status, instead of its real meaning."""
    failure = part("failure")

    def of_status(former: Callable[..., Any], given: int, resource: str, remedy: str, *rest: object) -> Any:  # noqa: ANN401
        return failure.Failure(resource, cause, "") if given == status else former(given, resource, remedy, *rest)

    wrap(failure, "of_status", of_status)
    part("schemes.http").of_status = part("web").of_status = failure.of_status


@mutant("ERR-001", "ERR-003", "ERR-004", "ERR-005", "ERR-007", stores=("http",))
def exit_0_after_a_failure() -> None:
    """Tells what failed, and ends with exit 0."""
    wrap(part("program"), "report", lambda former, failure: former(failure) * 0)


@mutant("ERR-001", "ERR-002", "ERR-008", "ERR-012", stores=("s3",), cases=("", "absent"))
def missing_is_empty() -> None:
    """Takes a model that is not there for a model without files."""
    failure = part("failure").Failure

    def deliver(former: Callable[..., None], *given: object) -> None:
        try:
            former(*given)
        except failure as error:
            if "not found" not in error.cause:
                raise

    wrap(part("program"), "deliver", deliver)


@mutant("CONTRACT-011", stores=("http",))
def missing_told_as_denied() -> None:
    """Says that access is denied where nothing is."""
    _told_as(404, "access denied")


@mutant("ERR-001", stores=("http",), cases=("absent",))
def resource_not_named() -> None:
    """Says that something was not found, but not what."""
    part("failure").Failure.__str__ = lambda self: f"The model was {self.cause}."


@mutant("ERR-002", stores=("s3",))
def missing_bucket_told_as_a_fault() -> None:
    """Says no more than that something went wrong where there is no bucket."""
    s3 = part("schemes.s3")
    s3.not_found = lambda resource, _remedy: part("failure").Failure(resource, "something went wrong", "")


@mutant("ERR-003", "ERR-004", stores=("http",))
def unauthenticated_told_as_a_fault() -> None:
    """Says no more than that something went wrong where credentials are missing or wrong."""
    _told_as(401, "something went wrong")


@mutant("ERR-005", stores=("http",))
def denied_told_as_a_fault() -> None:
    """Says no more than that something went wrong where permission is missing."""
    _told_as(403, "something went wrong")


@mutant("ERR-003", "ERR-004", "ERR-005", stores=("http",))
def error_page_delivered() -> None:
    """Delivers the page that says why there is no model."""

    def accept(former: Callable[[Any], None], self: Any) -> None:  # noqa: ANN401
        self.first.status_code = 200
        former(self)

    wrap(part("schemes.http").Download, "__post_init__", accept)


@mutant("ERR-006")
def unknown_scheme_skipped() -> None:
    """Has nothing to do for a scheme that it does not know."""
    failure = part("failure").Failure

    def deliver(former: Callable[..., None], uri: str, *given: object) -> None:
        try:
            part("schemes").of(uri)
        except failure:
            return
        former(uri, *given)

    wrap(part("program"), "deliver", deliver)


@mutant("ERR-006", cases=("no-scheme",))
def a_bare_path_is_local() -> None:
    """Takes `bucket/model` for a path of this machine."""
    schemes = part("schemes")
    schemes.TABLE[r"bucket/"] = "local"


@mutant("ERR-007", stores=("http",))
def malformed_told_as_missing() -> None:
    """Asks for a file without a name."""
    http = part("schemes.http")
    http.file_name = lambda uri: uri.rpartition("/")[2] or "index.html"


@mutant("ERR-007", stores=("s3",))
def malformed_told_as_a_crash() -> None:
    """Says how the program stumbled over a URI without a bucket, not what is expected."""
    failure = part("failure").Failure

    def files(former: Callable[..., Any], uri: str, environment: object) -> Any:  # noqa: ANN401
        if uri.startswith("s3:///"):
            raise failure("IndexError", "string index out of range", "")
        return former(uri, environment)

    wrap(part("schemes.s3"), "files", files)


@mutant("ERR-009", stores=("http",))
def hangs_on_failure() -> None:
    """Tries for ever to reach a store."""
    transfer = part("transfer")
    transfer.RETRY_FOR_S = float("inf")
    wrap(part("limits"), "of", lambda former, *given: type(former(*given))(attempts=10**9))


@mutant("ERR-009", stores=("http",))
def unreachable_told_as_a_fault() -> None:
    """Says no more than that something went wrong where nobody answers."""
    transient = part("failure").Transient
    part("web").Transient = lambda resource, _cause: transient(resource, "something went wrong", "Try again.")


@mutant("ERR-010")
def lock_left_behind() -> None:
    """Removes its lock file from the destination after a success only."""

    def deliver(former: Callable[..., None], uri: str, staging: Any, *given: object) -> None:  # noqa: ANN401
        staging.destination.mkdir(parents=True, exist_ok=True)
        (staging.destination / "lock").touch()
        former(uri, staging, *given)
        (staging.destination / "lock").unlink()

    wrap(part("program"), "deliver", deliver)


@mutant("ERR-011", stores=("http",))
def letters_auth_mean_credentials() -> None:
    """Takes a message with `auth` in it for one about credentials."""
    failure = part("failure")

    def not_found(former: Callable[..., Any], resource: str, remedy: str) -> Any:  # noqa: ANN401
        return failure.unauthenticated(resource, remedy) if "auth" in resource else former(resource, remedy)

    wrap(failure, "not_found", not_found)


@mutant("ERR-012", stores=("s3",))
def repeated_bucket_corrected() -> None:
    """Takes the bucket's name at the beginning of the path for a typing error."""

    def files(former: Callable[..., Any], uri: str, environment: object) -> Any:  # noqa: ANN401
        bucket = uri.removeprefix("s3://").partition("/")[0]
        return former(uri.replace(f"{bucket}/{bucket}/", f"{bucket}/"), environment)

    wrap(part("schemes.s3"), "files", files)


@mutant("ERR-013")
def file_at_the_destination_replaced() -> None:
    """Makes a folder of a destination that is a file."""

    def opened(former: Callable[..., None], self: Any) -> None:  # noqa: ANN401
        if self.destination.is_file():
            self.destination.unlink()
        former(self)

    wrap(part("placing").Staging, "open", opened)


@mutant("ERR-014", stores=("http",))
def earlier_files_are_good_enough() -> None:
    """Calls it a success when something lies in the destination already."""

    def main(former: Callable[..., int], given: list[str]) -> int:
        return former(given) and int(not any(Path(given[1]).iterdir()))

    wrap(part("program"), "main", main)


@mutant("ERR-001", stores=("hf",), cases=("no-such-revision",))
def default_branch_instead() -> None:
    """Delivers the default branch where the revision does not exist."""
    hf, failure = part("schemes.hf"), part("failure").Failure

    def files(former: Callable[..., Any], uri: str, environment: object) -> list[Any]:
        try:
            return list(former(uri, environment))
        except failure:
            return list(former(uri.rpartition(":")[0], environment))

    wrap(hf, "files", files)


@mutant("ERR-020", "ERR-021", stores=("s3",))
def every_refusal_told_as_a_fault() -> None:
    """Says no more than that something went wrong where the store refuses a request."""
    failure = part("failure").Failure
    part("schemes.s3").refused = lambda _error, uri: failure(uri, "something went wrong", "")


@mutant("ERR-022")
def unknown_keys_told_as_missing() -> None:
    """Says that the model was not found where the store does not know the key."""
    part("schemes.s3").unauthenticated = part("failure").not_found
