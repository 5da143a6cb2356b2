"""Answers of S3 services that neither moto nor MinIO gives, as faults for the gateway to inject.

They follow Amazon's documents: bucket policies (`s3:prefix`, `aws:SecureTransport`), objects that a managed key
encrypts, and requests to the wrong region. Other services refuse parts of the protocol with 501.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from scenarios.network.faults import Fault, answering

#: The region of the bucket in `redirecting`.
FAR = "eu-central-1"
_FAR_HOST = f"s3.{FAR}.amazonaws.com"
_KMS = "Requests specifying Server Side Encryption with AWS KMS managed keys must be made over a secure connection."


def _error(request: str, status: int, code: str, message: str, more: str = "", **headers: str) -> Fault:
    """Answer every request that matches `request` with an error document of S3."""
    text = f"<Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    fault = answering(status, text, file=False, times=None, Content_Type="application/xml", **headers)
    return replace(fault, request=request)


def _of_bucket(bucket: str, scheme: str = "https?") -> str:
    """The start of a request for the bucket or for a key in it, up to the key. Path or host contain the bucket."""
    return rf"\A\S+ {scheme} /(?:{bucket}(?:/|(?=[?\n])))?+"


def listing_refused(bucket: str) -> Fault:
    """A policy with `s3:GetObject` alone: no request about the bucket itself is allowed."""
    return _error(_of_bucket(bucket) + r"(?=[?\n])", 403, "AccessDenied", "Access Denied")


def limited_to(bucket: str, prefix: str) -> Fault:
    """A policy with `s3:ListBucket` for one `s3:prefix`, and with `s3:GetObject` below it."""
    allowed = rf"{prefix}/|\?(?:[^\n]*&)?prefix={prefix}(?:%2F|[/&\n])"
    return _error(_of_bucket(bucket) + f"(?!{allowed})", 403, "AccessDenied", "Access Denied")


def demanding_tls(bucket: str) -> Mapping[str, Fault]:
    """Case -> the refusal of plain HTTP: by a policy with `aws:SecureTransport`, or of an object with a managed key."""
    return {
        "secure-transport": _error(_of_bucket(bucket, "http"), 403, "AccessDenied", "Access Denied"),
        "managed-key": _error(_of_bucket(bucket, "http") + r"[^?\n]", 400, "InvalidArgument", _KMS),
    }


def token_expired() -> Fault:
    """The refusal of temporary keys after their time."""
    return _error(r"(?m)^x-amz-security-token:", 400, "ExpiredToken", "The provided token has expired.")


def redirecting(bucket: str) -> Mapping[str, tuple[Fault, ...]]:
    """Case -> the answers to requests that treat a bucket in `FAR` as one in the default region."""
    region = {"x_amz_bucket_region": FAR}
    permanent = _error(
        rf"(?m)^host: (?!.*\b{FAR}\b)",
        301,
        "PermanentRedirect",
        "The bucket you are attempting to access must be addressed using the specified endpoint.",
        f"<Endpoint>{bucket}.{_FAR_HOST}</Endpoint><Bucket>{bucket}</Bucket>",
        **region,
    )
    temporary = _error(
        rf"(?m)^host: {bucket}\.(?!.*\b{FAR}\b)",
        307,
        "TemporaryRedirect",
        "Please re-send this request to the specified temporary endpoint.",
        f"<Endpoint>{bucket}.{_FAR_HOST}</Endpoint><Bucket>{bucket}</Bucket>",
        Location=f"https://{bucket}.{_FAR_HOST}{{path}}",
        **region,
    )
    signed_elsewhere = _error(
        rf"(?m)^authorization: .*Credential=[^/]+/\d+/(?!{FAR}/)",
        400,
        "AuthorizationHeaderMalformed",
        f"The authorization header is malformed; the region 'us-east-1' is wrong; expecting '{FAR}'",
        f"<Region>{FAR}</Region>",
        **region,
    )
    return {"permanent": (permanent,), "temporary": (temporary, permanent), "signature": (signed_elsewhere,)}


def dialects() -> Mapping[str, Fault]:
    """Case -> the refusal of a part of the protocol that a service does not know."""
    unknown = "A header you provided implies functionality that is not implemented"
    return {
        "checksums": _error(r"(?m)^x-amz-checksum-mode:", 501, "NotImplemented", unknown),
        "first-version": _error(r"\A[^\n]*[?&]list-type=2", 501, "NotImplemented", "ListObjectsV2 is not implemented"),
    }
