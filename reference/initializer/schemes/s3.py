"""`s3://BUCKET/KEY`, with boto3. Its own retries are off: `transfer` tries again, for every store alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]
import botocore.exceptions as trouble  # type: ignore[import-untyped]
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from initializer import credentials, limits, remote, transfer, trust, web
from initializer.failure import RETRYABLE, Denied, Failure, Transient, denied, not_found, printable, unauthenticated
from initializer.limits import Environment
from initializer.remote import RemoteFile

BACKEND = "S3"
REMEDY = "Check bucket and key, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or set awsAnonymousCredential=true."
LEGACY = "https://s3.amazonaws.com"
UNKNOWN_KEYS = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidClientTokenId")
AGAIN = ("SlowDown", "RequestTimeout", "RequestTimeTooSkewed", "InternalError", "ServiceUnavailable")
#: Variables that name an identity of the pod.
IDENTITIES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
)
#: Seconds for one answer of STS.
TOKEN_S = 8

Result = TypeVar("Result")


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:
    """The object, or all objects below the prefix."""
    bucket, _, path = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise Failure(uri, "malformed: the bucket is missing", "Expected s3://BUCKET/PATH.")
    warn_of_doubled_bucket(bucket, environment.get("AWS_ENDPOINT_URL", ""))
    s3 = client(environment, session(environment, uri))
    found = False
    for name, entry in remote.named(path, remote.once(listing(s3, bucket, path, uri), uri)):
        found = True
        wanted = {"Bucket": bucket, "Key": entry["Key"], "IfMatch": entry["ETag"]}
        yield RemoteFile(name, entry["Size"], partial(read, s3, wanted, uri))
    if not found:
        raise not_found(uri, f"No model found in the bucket {bucket} at {path!r}. {REMEDY}")


def warn_of_doubled_bucket(bucket: str, endpoint: str) -> None:
    """Print a hint if the endpoint contains the bucket. A host may have the bucket's name, so this is no error."""
    address = urlsplit(endpoint)
    if (address.hostname or "").startswith(f"{bucket}.") or address.path.strip("/") == bucket:
        transfer.say(f"The endpoint {printable(endpoint)} contains the bucket {bucket}. Remove it if nothing is found.")


def session(environment: Environment, uri: str) -> boto3.Session:
    """A session that gets keys from the pod's identity, unless the environment has keys or wants none.

    Raises Transient, Failure if the identity gives no keys. Clients of the session renew them in time.
    """
    basis = botocore.session.get_session()
    basis.set_default_client_config(
        Config(connect_timeout=TOKEN_S, read_timeout=TOKEN_S, retries={"total_max_attempts": 1})
    )
    static = environment.get("AWS_ACCESS_KEY_ID") or credentials.is_true(environment, "awsAnonymousCredential")
    if not static and any(environment.get(name) for name in IDENTITIES):
        identify(basis, uri)
    return boto3.Session(botocore_session=basis)


def identify(basis: Any, uri: str) -> None:  # noqa: ANN401
    """Get the first keys of the pod's identity. Raises Transient, Failure."""
    try:
        found = basis.get_credentials()
        keys = found and found.get_frozen_credentials()
    except trouble.ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) in RETRYABLE:
            raise unidentified(uri) from error
        raise unauthenticated(uri, f"The identity of the pod was refused. {REMEDY}") from error
    except (trouble.BotoCoreError, ResponseParserError) as error:
        raise unidentified(uri) from error
    except OSError as error:
        raise unauthenticated(uri, "The token file of the pod's identity cannot be read.") from error
    if not keys:
        raise unidentified(uri)


def unidentified(uri: str) -> Transient:
    """An identity service that gave no usable answer, as far as its client tells."""
    return Transient(uri, "the identity service gave no credentials", "Check the identity of the pod.")


def client(environment: Environment, login: boto3.Session) -> Any:  # noqa: ANN401 -- boto3 makes its classes at run time
    """A client as the environment wants it; threads may share it."""
    bounds = limits.of(environment, BACKEND)
    config = Config(
        connect_timeout=bounds.connect_s,
        read_timeout=bounds.stall_s,
        retries={"total_max_attempts": 1},
        max_pool_connections=bounds.connections,
        signature_version=UNSIGNED if credentials.is_true(environment, "awsAnonymousCredential") else None,
        response_checksum_validation="when_required",
        s3=addressing(environment),
    )
    return login.client(
        "s3",
        endpoint_url=environment.get("AWS_ENDPOINT_URL") or None,
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID") or None,
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY") or None,
        aws_session_token=environment.get("AWS_SESSION_TOKEN") or None,
        region_name=region(environment),
        verify=verification(environment),
        config=config,
    )


def region(environment: Environment) -> str | None:
    """The region that requests are signed for."""
    return environment.get("AWS_DEFAULT_REGION") or None


def addressing(environment: Environment) -> dict[str, object]:
    """Where the bucket stands in the address. The legacy endpoint knows other regions by host name only (#4157)."""
    elsewhere = environment.get("AWS_DEFAULT_REGION", "us-east-1") != "us-east-1"
    legacy = environment.get("AWS_ENDPOINT_URL", "").rstrip("/") == LEGACY and elsewhere
    virtual = legacy or credentials.is_true(environment, "S3_USER_VIRTUAL_BUCKET")
    return {
        "use_accelerate_endpoint": credentials.is_true(environment, "S3_USE_ACCELERATE"),
        **({"addressing_style": "virtual"} if virtual else {}),
    }


def verification(environment: Environment) -> bool | str:
    """Whose certificates count: a bundle's, the usual ones, or (False) anybody's."""
    if environment.get("S3_VERIFY_SSL", "").lower() in ("0", "false"):
        return False
    if environment.get("AWS_CA_BUNDLE"):
        return trust.checked(environment["AWS_CA_BUNDLE"])
    return environment.get("REQUESTS_CA_BUNDLE") or True


def listing(s3: Any, bucket: str, prefix: str, uri: str) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401
    """The keys that start with the prefix. If listing is not allowed: the object at the prefix."""
    pages = iter(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    try:
        while page := asking(lambda: next(pages, None), uri):
            for entry in page.get("Contents", []):
                yield entry["Key"], entry
    except Denied:
        entry = single(s3, bucket, prefix)
        if entry is None:
            raise
        yield prefix, entry


def single(s3: Any, bucket: str, key: str) -> dict[str, Any] | None:  # noqa: ANN401
    """The object as a listing would have it. None if it cannot be read either."""
    try:
        known = s3.head_object(Bucket=bucket, Key=key)
    except (trouble.ClientError, trouble.BotoCoreError):
        return None
    return {"Key": key, "Size": known["ContentLength"], "ETag": known["ETag"]}


def read(s3: Any, wanted: dict[str, str], uri: str, start: int, stop: int | None) -> Iterator[bytes]:  # noqa: ANN401
    """The object's bytes; it has to be the one that was listed."""
    body = asking(lambda: s3.get_object(**wanted, Range=web.span(start, stop)), uri)["Body"]
    with body:
        while chunk := asking(lambda: body.read(transfer.CHUNK), uri):
            yield chunk


def asking(request: Callable[[], Result], uri: str) -> Result:
    """The request's result. Raises Transient, Failure."""
    try:
        return request()
    except trouble.ClientError as error:
        raise refused(error, uri) from error
    except (trouble.NoCredentialsError, trouble.PartialCredentialsError, trouble.TokenRetrievalError) as error:
        raise unauthenticated(uri, REMEDY) from error
    except trouble.SSLError as error:
        raise web.certificate(error, uri) from error
    except (trouble.HTTPClientError, trouble.ConnectionError, trouble.IncompleteReadError) as error:
        raise Transient(uri, f"no connection to the endpoint ({type(error).__name__})") from error
    except (trouble.BotoCoreError, ValueError) as error:
        raise Failure(uri, f"invalid request ({type(error).__name__})", REMEDY) from error


def refused(error: Any, uri: str) -> Failure:  # noqa: ANN401
    """What an error answer means."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    answer = error.response.get("ResponseMetadata", {})
    status = answer.get("HTTPStatusCode", 0)
    if status in RETRYABLE or code in AGAIN:
        waiting = web.retry_after(answer.get("HTTPHeaders", {}))
        return Transient(uri, f"the store is unavailable, it answers {status} {code}", retry_after_s=waiting)
    if code in UNKNOWN_KEYS or status == 401:
        return unauthenticated(uri, REMEDY)
    if status == 403:
        return denied(uri, REMEDY)
    if status == 400 and "secure connection" in str(error.response["Error"].get("Message", "")):
        return Failure(uri, "the store demands TLS, because a managed key encrypts the object", "Use https://.")
    if status == 404:
        return not_found(uri, REMEDY)
    return Failure(uri, f"the store answers {status} {code}", REMEDY)
