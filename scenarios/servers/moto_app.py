"""moto's server with support for unsigned S3 requests: `python -m scenarios.servers.moto_app PORT`.

With authentication enabled, moto checks signed requests by their signature and the user's policies, but fails on
unsigned ones. This program checks those by the bucket's policy, with moto's own evaluation.

S3 also does the following; moto does not:

- It refuses signatures of another hour. MinIO refuses them too (`--servers native`).
- It refuses signatures of another region. Neither server does; CRED-013 reads the region in the requests.
- It encrypts, versions and archives objects. Initializers read the current version of plain objects.
- It throttles (503 SlowDown) and redirects to other regions. Rules plan these answers as faults of the gateway.
"""

from __future__ import annotations

import sys

from moto import server, settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import BucketAccessDeniedError
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response

_judge_signed = ActionAuthenticatorMixin._authenticate_and_authorize_s3_action  # noqa: SLF001
_policy_of = FakeBucket.get_permission

#: Operation -> the permission that it needs, if the names differ. moto assumes that they are equal.
_PERMISSIONS = {"s3:HeadBucket": "s3:ListBucket", "s3:HeadObject": "s3:GetObject"}


def permission(bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    """The decision of `bucket`'s policy on `action`."""
    result: PermissionResult = _policy_of(bucket, _PERMISSIONS.get(action, action), resource)
    return result


def judge(response: S3Response, bucket_name: str | None = None, key_name: str | None = None) -> None:
    """Accept the request of `response`, or raise the S3 error for it."""
    off = ActionAuthenticatorMixin.request_count < settings.INITIAL_NO_AUTH_ACTION_COUNT
    if off or "Authorization" in response.headers or bucket_name is None:
        _judge_signed(response, bucket_name, key_name)
        return
    bucket = response.backend.get_bucket(bucket_name)
    resource = f"arn:aws:s3:::{bucket_name}" + (f"/{key_name}" if key_name else "")
    if permission(bucket, f"s3:{response.data['Action']}", resource) is not PermissionResult.PERMITTED:
        raise BucketAccessDeniedError(bucket=bucket_name)


if __name__ == "__main__":
    S3Response._authenticate_and_authorize_s3_action = judge  # type: ignore[method-assign, assignment] # noqa: SLF001
    FakeBucket.get_permission = permission  # type: ignore[method-assign, assignment]
    server.main(["--host", "127.0.0.1", "--port", sys.argv[1]])
