"""Mutants that do without identities, or trust their services too much."""

from __future__ import annotations

import os
from typing import Any

from tests.mutants.registry import mutant, part, wrap

CLOUDS = ("gcs", "azure-blob")


@mutant("IDENT-001", "CRED-024", stores=CLOUDS)
def identities_unknown() -> None:
    """Knows keys alone."""
    part("azure").Login.credential = None
    gcs = part("schemes.gcs")
    wrap(gcs.Login, "find", lambda former, self: former(self) if gcs.has_key(self.environment) else None)


@mutant("IDENT-001", stores=("azure-blob",), cases=("metadata",))
def only_token_files() -> None:
    """Does not know Azure's metadata service."""
    if "AZURE_POD_IDENTITY_AUTHORITY_HOST" in os.environ:
        part("azure").Login.credential = None


@mutant("IDENT-002", stores=CLOUDS, cases=("workload", "federation"))
def identity_asked_for_once() -> None:
    """Gives up at the first answer of a token service that is no token."""
    azure, gcs = part("azure"), part("schemes.gcs")
    azure.ASKING["retry_total"] = 0
    transient, unauthenticated = part("failure").Transient, part("failure").unauthenticated

    def once(former: Any, self: Any, *given: object) -> object:  # noqa: ANN401
        try:
            return former(self, *given)
        except transient:
            raise unauthenticated("identity", "") from None

    wrap(azure.Login, "bearer", once)
    wrap(gcs.Login, "asking", once)


@mutant("IDENT-002", stores=("gcs",), cases=("metadata",))
def absent_at_first_is_absent() -> None:
    """Goes on without credentials when the first request to the metadata service fails."""
    from google import auth  # noqa: PLC0415

    gcs = part("schemes.gcs")

    def find(self: Any) -> None:  # noqa: ANN401
        self.credentials = self.asking(lambda: auth.default(scopes=[gcs.SCOPE], request=self.request)[0])

    gcs.Login.find = find


@mutant("IDENT-003", "IDENT-005", "IDENT-006", "IDENT-008", stores=CLOUDS)
def identity_trouble_unnamed() -> None:
    """Reports that something failed, whatever it was about the identity."""
    failure = part("failure").Failure
    for module in ("azure", "schemes.gcs", "failure"):
        part(module).unauthenticated = lambda resource, _remedy: failure(resource, "it did not work", "Try again.")
    part("failure").denied = part("failure").unauthenticated


@mutant("IDENT-004", stores=CLOUDS)
def first_token_kept() -> None:
    """Uses the first token for all requests."""
    kept: list[Any] = []

    def once(former: Any, self: Any) -> object:  # noqa: ANN401
        if self.needed if hasattr(self, "needed") else self.credentials is not None:
            kept[:] = kept or [former(self)]
            return kept[0]
        return former(self)

    wrap(part("azure").Login, "bearer", once)
    wrap(part("schemes.gcs").Login, "headers", once)


@mutant("IDENT-006", stores=CLOUDS, cases=("workload", "federation"))
def patient_with_identity_services() -> None:
    """Waits for an identity service as long as its clients do by themselves."""
    part("azure").ASKING["read_timeout"] = 300
    part("schemes.gcs").TOKEN_S = 120


@mutant("IDENT-005", "IDENT-007", "IDENT-008", stores=(*CLOUDS, "s3"))
def failure_without_status() -> None:
    """Exits with status 0 after it has reported a failure."""
    wrap(part("program"), "report", lambda former, failure: former(failure) and 0)


@mutant("IDENT-009", stores=CLOUDS)
def identity_first() -> None:
    """Asks for an identity before it asks for public content."""
    azure = part("azure")
    azure.Login.needed = property(lambda self: self.credential is not None, lambda *_given: None)
    part("schemes.gcs").has_key = lambda _environment: True


@mutant("IDENT-011", stores=("azure-blob",), cases=("*workload-*", "*metadata-*"))
def token_printed() -> None:
    """Prints the token that it got."""
    say = part("transfer").say

    def aloud(former: Any, self: Any) -> object:  # noqa: ANN401
        token = former(self)
        say(f"token: {token}")
        return token

    wrap(part("azure").Login, "bearer", aloud)


@mutant("IDENT-010")
def project_required() -> None:
    """Wants a project with every identity of Google."""
    gcs = part("schemes.gcs")
    federated = "GOOGLE_APPLICATION_CREDENTIALS" in os.environ and not gcs.has_key(os.environ)
    if federated and "GOOGLE_CLOUD_PROJECT" not in os.environ:
        gcs.Login.find = lambda _self: None


@mutant("IDENT-001", stores=("s3",))
def aws_identities_unknown() -> None:
    """Knows AWS's keys alone."""
    for name in part("schemes.s3").IDENTITIES:
        os.environ.pop(name, None)


@mutant("IDENT-002", stores=("s3",))
def aws_identity_asked_for_once() -> None:
    """Gives up at the first answer without keys."""
    part("schemes.s3").unidentified = lambda uri: part("failure").unauthenticated(uri, "")


@mutant("IDENT-003", "IDENT-005", "IDENT-006", "IDENT-008", stores=("s3",), cases=("web*",))
def aws_identity_trouble_unnamed() -> None:
    """Reports that something failed, whatever it was about the identity."""
    s3, failure = part("schemes.s3"), part("failure").Failure
    s3.unauthenticated = s3.denied = lambda uri, _remedy: failure(uri, "it did not work", "Try again.")
    s3.unidentified = lambda uri: failure(uri, "it did not work", "Try again.")


@mutant("IDENT-004", stores=("s3",))
def first_keys_kept() -> None:
    """Uses the first keys of the identity for all requests."""
    import boto3  # type: ignore[import-untyped] # noqa: PLC0415

    def session(former: Any, *given: object) -> object:  # noqa: ANN401
        return boto3.Session(*former(*given).get_credentials().get_frozen_credentials())

    wrap(part("schemes.s3"), "session", session)


@mutant("IDENT-006", stores=("s3",), cases=("web",))
def patient_with_sts() -> None:
    """Waits for STS for minutes."""
    part("schemes.s3").TOKEN_S = 300


@mutant("IDENT-009", stores=("s3",), cases=("web-*",))
def aws_identity_first() -> None:
    """Asks for an identity before it asks for public content."""
    s3 = part("schemes.s3")
    wrap(s3, "session", lambda former, given, uri: former({**given, "awsAnonymousCredential": ""}, uri))


@mutant("IDENT-011", stores=("s3",), cases=("*web-*",))
def keys_printed() -> None:
    """Prints the keys that it got."""
    say = part("transfer").say

    def aloud(former: Any, basis: Any, uri: str) -> None:  # noqa: ANN401
        former(basis, uri)
        say(f"keys: {basis.get_credentials().get_frozen_credentials()}")

    wrap(part("schemes.s3"), "identify", aloud)
