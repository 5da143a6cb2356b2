"""Mutants that ignore, confuse or disclose credentials and settings."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.mutants.registry import mutant, part, wrap


def _environment(change: Callable[[dict[str, str]], object]) -> None:
    """Change the environment before any scheme reads it."""

    def prepared(former: Callable[[], dict[str, str]]) -> dict[str, str]:
        environment = former()
        change(environment)
        return environment

    wrap(part("program"), "prepared", prepared)


def _without(*names: str) -> None:
    """Remove variables from the environment, so that SDKs ignore them too."""
    for name in names:
        os.environ.pop(name, None)


@mutant("CRED-001", stores=("s3",))
def keys_ignored() -> None:
    """Asks S3 without signing anything."""
    s3 = part("schemes.s3")
    wrap(s3, "client", lambda former, given, login: former({**given, "awsAnonymousCredential": "true"}, login))


@mutant("CRED-002", stores=("s3",))
def anonymous_unknown() -> None:
    """Wants keys for a public bucket too."""
    _without("awsAnonymousCredential")


@mutant("CRED-003")
def session_token_ignored() -> None:
    """Uses a temporary key without its token."""
    _without("AWS_SESSION_TOKEN")


@mutant("CRED-004", stores=("s3", "webhdfs"))
def storage_config_ignored() -> None:
    """Does not know STORAGE_CONFIG."""
    _without("STORAGE_CONFIG")


@mutant("CRED-005")
def override_ignored() -> None:
    """Does not know STORAGE_OVERRIDE_CONFIG."""
    _without("STORAGE_OVERRIDE_CONFIG")


@mutant("CRED-006")
def storage_config_overwrites_the_rest() -> None:
    """Writes the word `None` into what STORAGE_CONFIG does not have."""
    if given := json.loads(os.environ.get("STORAGE_CONFIG", "{}")):
        os.environ |= {name: "None" for key, name in part("credentials").S3_KEYS.items() if key not in given}


@mutant("CRED-007", "CRED-011", stores=("s3", "http"))
def ca_bundle_ignored() -> None:
    """Trusts the usual authorities alone."""
    _without("CA_BUNDLE_CONFIGMAP_NAME", "AWS_CA_BUNDLE")


@mutant("CRED-007", cases=("aws-ca-bundle",))
def aws_ca_bundle_ignored() -> None:
    """Does not know AWS_CA_BUNDLE."""
    _without("AWS_CA_BUNDLE")


@mutant("CRED-008")
def always_verifies() -> None:
    """Does not know S3_VERIFY_SSL."""
    _without("S3_VERIFY_SSL")


@mutant("CRED-008", cases=("false", "False"))
def a_word_does_not_switch_off() -> None:
    """Knows S3_VERIFY_SSL as a number only."""
    if os.environ.get("S3_VERIFY_SSL") != "0":
        _without("S3_VERIFY_SSL")


@mutant("CRED-009", "FAULT-012", stores=("http",))
def tls_not_verified() -> None:
    """Takes every certificate over HTTPS."""
    wrap(
        part("web").Web,
        "__init__",
        lambda former, self, *given, **named: former(self, *given, **named | {"verify": False}),
    )


@mutant("CRED-009", stores=("s3",))
def s3_tls_not_verified() -> None:
    """Takes every certificate of an S3 endpoint."""
    part("schemes.s3").verification = lambda _environment: False


@mutant("CRED-010")
def missing_bundle_turns_verification_off() -> None:
    """Takes every certificate where the CA bundle is missing."""
    trust, s3 = part("trust"), part("schemes.s3")
    failure = part("failure").Failure
    wrap(trust, "install", lambda former, environment: former({**environment, "CA_BUNDLE_CONFIGMAP_NAME": ""}))

    def verification(former: Callable[..., object], environment: Any) -> object:  # noqa: ANN401
        try:
            return former(environment) and trust.configured(environment)
        except failure:
            return False

    wrap(s3, "verification", verification)


@mutant("SEC-016", stores=("http",), cases=("missing",))
def missing_bundle_ignored() -> None:
    """Goes on with the usual authorities where the CA bundle is missing."""
    point = os.environ.get("CA_BUNDLE_VOLUME_MOUNT_POINT", "")
    for name, path in {
        "AWS_CA_BUNDLE": os.environ.get("AWS_CA_BUNDLE", ""),
        "CA_BUNDLE_CONFIGMAP_NAME": f"{point}/cabundle.crt",
    }.items():
        if not os.path.exists(path):  # noqa: PTH110
            _without(name)


@mutant("CRED-012", cases=("virtual-bucket", "legacy-endpoint"))
def path_style_only() -> None:
    """Never puts the bucket into the host name."""
    wrap(part("schemes.s3"), "addressing", lambda former, given: {**former(given), "addressing_style": "path"})


@mutant("CRED-012", cases=("accelerate",))
def acceleration_unknown() -> None:
    """Does not know S3_USE_ACCELERATE."""
    _without("S3_USE_ACCELERATE")


@mutant("CRED-013")
def region_ignored() -> None:
    """Signs for us-east-1 whatever the region is."""
    part("schemes.s3").region = lambda _environment: "us-east-1"


@mutant("CRED-014")
def endpoint_pasted_together() -> None:
    """Asks for another path where the endpoint ends with a slash."""

    def change(environment: dict[str, str]) -> None:
        endpoint = environment.get("AWS_ENDPOINT_URL", "")
        environment["AWS_ENDPOINT_URL"] = f"{endpoint}s3" if endpoint.endswith("/") else endpoint

    _environment(change)


@mutant("CRED-015")
def time_limits_ignored() -> None:
    """Waits as long as it likes."""
    wrap(part("limits"), "of", lambda former, *given: type(former(*given))())


@mutant("CRED-016", stores=("s3", "azure-blob"))
def one_connection_brings_one_file() -> None:
    """Ends with the first file when it may have one connection only."""
    wrap(
        part("transfer"),
        "side_by_side",
        lambda former, work, todo, limits: former(work, todo[: None if limits.connections > 1 else 1], limits),
    )


@mutant("CRED-017", stores=("http",))
def headers_ignored() -> None:
    """Does not know HOST-headers."""
    part("schemes.http").headers = lambda *_given: {}


@mutant("CRED-018", "CRED-051", "SEC-015", stores=("http", "hf", "oci"))
def headers_follow_a_redirect() -> None:
    """Sends a host's headers to wherever that host redirects to."""
    part("web").carried = lambda headers, *_given: dict(headers)


@mutant("CRED-023", stores=("http",))
def query_dropped() -> None:
    """Asks for the URI without its query."""
    wrap(part("web").Web, "ask", lambda former, self, url, *given: former(self, url.partition("?")[0], *given))


@mutant("CRED-025", "SEC-020", stores=("http",))
def uri_printed() -> None:
    """Prints the whole URI, with its signature."""
    say = part("transfer").say
    wrap(part("program"), "deliver", lambda former, uri, *given: (say(f"source: {uri}"), former(uri, *given)))


@mutant("CRED-025", stores=("s3", "http"))
def environment_printed() -> None:
    """Prints its settings, to help."""
    part("transfer").say(str(dict(os.environ)))


@mutant("CRED-001", stores=("hf",))
def credentials_of_another_backend() -> None:
    """Shows the hub the key that is meant for S3."""
    part("schemes.hf").headers = lambda given: {"Authorization": f"Bearer {given.get('AWS_SECRET_ACCESS_KEY', 'none')}"}


@mutant("CRED-019")
def mirror_ignored() -> None:
    """Asks huggingface.co whatever HF_ENDPOINT says."""
    hf = part("schemes.hf")
    hf.endpoint = lambda _environment: hf.HUB


@mutant("CRED-020")
def user_in_the_url_ignored() -> None:
    """Takes the user's name for git from the environment alone."""
    git = part("schemes.git")
    wrap(git, "login", lambda former, uri, given: former(re.sub("//[^/@]*@", "//", uri), given))


@mutant("CRED-024")
def service_principal_ignored() -> None:
    """Knows Azure's keys alone."""
    part("azure").Login.credential = None


@mutant("CRED-024", cases=("legacy",))
def older_names_of_a_principal_unknown() -> None:
    """Does not know the variables AZ_CLIENT_ID and the like."""
    _without("AZ_CLIENT_ID")


@mutant("CRED-026", cases=("not-allowed",))
def every_registry_is_insecure() -> None:
    """Uses a registry that cannot be verified without being told to."""
    os.environ["KSERVE_OCI_INSECURE_REGISTRY"] = "true"


@mutant("CRED-026", cases=("allowed",))
def no_registry_is_insecure() -> None:
    """Does not know KSERVE_OCI_INSECURE_REGISTRY."""
    _without("KSERVE_OCI_INSECURE_REGISTRY")


@mutant("CRED-027")
def tls_settings_of_hdfs_ignored() -> None:
    """Does not know TLS_CA and TLS_SKIP_VERIFY of the HDFS Secret."""
    hdfs = part("schemes.webhdfs")
    wrap(
        hdfs,
        "settings",
        lambda former, given: {name: text for name, text in former(given).items() if not name.startswith("TLS_")},
    )


@mutant("CRED-030")
def bucket_of_the_endpoint_doubled() -> None:
    """Looks below the bucket's name where the endpoint has the bucket too."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")

    def listing(former: Callable[..., Any], s3: Any, bucket: str, prefix: str, uri: str) -> Iterator[Any]:  # noqa: ANN401
        doubled = f"{bucket}/" if bucket in endpoint else ""
        for key, entry in former(s3, bucket, doubled + prefix, uri):
            yield key.removeprefix(doubled), entry

    wrap(part("schemes.s3"), "listing", listing)
    _environment(lambda given: given.update(AWS_ENDPOINT_URL=re.sub(r"case-\w+-\d+\.|/case-\w+-\d+$", "", endpoint)))


@mutant("CRED-031")
def endpoint_not_named() -> None:
    """Says nothing of the endpoint where a model is not found."""
    part("schemes.s3").warn_of_doubled_bucket = lambda *_given: None


@mutant("CRED-032")
def asks_for_the_bucket_first() -> None:
    """Wants to see the whole bucket before it lists a prefix."""
    s3 = part("schemes.s3")

    def listing(former: Callable[..., Any], client: Any, bucket: str, prefix: str, uri: str) -> Any:  # noqa: ANN401
        s3.asking(lambda: client.head_bucket(Bucket=bucket), uri)
        return former(client, bucket, prefix, uri)

    wrap(s3, "listing", listing)


@mutant("CRED-033")
def needs_a_listing_for_one_object() -> None:
    """Gives up on an object that no listing shows."""
    part("schemes.s3").single = lambda *_given: None


@mutant("CRED-034")
def asks_for_checksums() -> None:
    """Asks every service for the checksums that Amazon's stores."""
    wrap(
        part("schemes.s3"),
        "Config",
        lambda former, **given: former(**given | {"response_checksum_validation": "when_supported"}),
    )


@mutant("CRED-050")
def client_certificate_ignored() -> None:
    """Connects to HDFS without the client certificate of its settings."""
    wrap(
        part("schemes.webhdfs"),
        "settings",
        lambda former, given: {name: text for name, text in former(given).items() if name != "TLS_CERT"},
    )
