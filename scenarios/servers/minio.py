"""MinIO: a real S3 server, built from its Go module."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.go import go_binary
from scenarios.servers.accounts import USERS
from scenarios.servers.base import AWS_HOSTS, Server, Unavailable, require_packages

#: The module's last commit. Its release tags are not Go versions.
VERSION = "v0.0.0-20260212201848-7aac2a2c5b7c"
REGION = "us-east-1"
_ALLOW_ALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::*"}],
}
_LIST_NAMES = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "arn:aws:s3:::*"}],
}


class MinIO(Server):
    """S3 in `--servers native`. It creates its users once per run; `Endpoint.extra` has their keys."""

    name = "minio"
    fidelity = "real"
    hosts = AWS_HOSTS
    authority = "aws"

    def __init__(self) -> None:
        self._root = ("conformance-root", secrets.token_urlsafe(24))

    def prepare(self) -> None:
        require_packages("boto3", "minio")
        _program()

    def version(self) -> str:
        return VERSION

    def command(self, port: int, state: Path) -> Sequence[str]:
        return [str(_program()), "server", "--quiet", "--address", f"127.0.0.1:{port}", str(state / "data")]

    def environment(self, state: Path) -> Mapping[str, str]:  # noqa: ARG002
        user, password = self._root
        return {
            "MINIO_ROOT_USER": user,
            "MINIO_ROOT_PASSWORD": password,
            "MINIO_DOMAIN": ",".join(f"s3.{region}amazonaws.com" for region in ("", f"{REGION}.", "eu-central-1.")),
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "MINIO_CALLHOME_ENABLE": "off",
        }

    def is_ready(self, url: str) -> bool:
        return super().is_ready(f"{url}/minio/health/ready")

    def after_start(self, url: str, state: Path) -> Mapping[str, str]:  # noqa: ARG002
        import boto3  # type: ignore[import-untyped] # noqa: PLC0415 -- an extra, absent in other modes
        from minio import MinioAdmin  # noqa: PLC0415
        from minio.credentials.providers import StaticProvider  # noqa: PLC0415

        admin = MinioAdmin(endpoint=urlsplit(url).netloc, credentials=StaticProvider(*self._root), secure=False)
        extra = {"region": REGION}
        for (kind, user), policy in zip(USERS.items(), (_ALLOW_ALL, _LIST_NAMES), strict=True):
            key = secrets.token_urlsafe(24)
            admin.user_add(user, key)
            admin.policy_add(user, policy=policy)
            admin.policy_set(user, user=user)
            extra |= {f"{kind}_id": user, f"{kind}_key": key}
        sts = boto3.client(
            "sts",
            endpoint_url=url,
            aws_access_key_id=extra["valid_id"],
            aws_secret_access_key=extra["valid_key"],
            region_name=REGION,
        )
        given = sts.assume_role(
            RoleArn="arn:aws:iam::000000000000:role/reader",
            RoleSessionName="conformance",
            DurationSeconds=12 * 3600,
            Policy=json.dumps(_ALLOW_ALL),
        )["Credentials"]
        return extra | {
            "session_id": given["AccessKeyId"],
            "session_key": given["SecretAccessKey"],
            "session_token": given["SessionToken"],
        }


def _program() -> Path:
    try:
        return go_binary("github.com/minio/minio", VERSION, "minio")
    except ToolFailed as failure:
        raise Unavailable(str(failure)) from failure
