"""moto: an emulator of S3, IAM and STS in Python, with authentication enabled."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scenarios.servers.accounts import USERS
from scenarios.servers.base import AWS_HOSTS, DIRECT, Server, require_packages

REGION = "us-east-1"
_EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_ANYBODY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


def role_of(kind: str) -> str:
    """The ARN of the role with the permissions of the user of that kind."""
    return f"arn:aws:iam::123456789012:role/{USERS[kind]}"


class Moto(Server):
    """S3 in `--servers embedded`. It creates its users once per run; `Endpoint.extra` has their keys."""

    name = "moto"
    fidelity = "emulator"
    hosts = AWS_HOSTS
    authority = "aws"

    def prepare(self) -> None:
        require_packages("boto3", "flask_cors", "moto")

    def version(self) -> str:
        return importlib.metadata.version("moto")

    def command(self, port: int, state: Path) -> Sequence[str]:  # noqa: ARG002 -- it keeps its data in memory
        return [sys.executable, "-m", "scenarios.servers.moto_app", str(port)]

    def after_start(self, url: str, state: Path) -> Mapping[str, str]:  # noqa: ARG002
        import boto3  # type: ignore[import-untyped] # noqa: PLC0415 -- an extra, absent in other modes

        session = boto3.Session("setup", "setup", region_name=REGION)
        iam: Any = session.client("iam", endpoint_url=url)
        extra = {"region": REGION}
        for kind, user in USERS.items():
            iam.create_user(UserName=user)
            key = iam.create_access_key(UserName=user)["AccessKey"]
            extra |= {f"{kind}_id": key["AccessKeyId"], f"{kind}_key": key["SecretAccessKey"]}
        iam.put_user_policy(UserName=USERS["valid"], PolicyName="everything", PolicyDocument=json.dumps(_EVERYTHING))
        for user in USERS.values():
            iam.create_role(RoleName=user, AssumeRolePolicyDocument=json.dumps(_ANYBODY))
        iam.put_role_policy(RoleName=USERS["valid"], PolicyName="everything", PolicyDocument=json.dumps(_EVERYTHING))
        sts: Any = session.client("sts", endpoint_url=url)
        given = sts.assume_role(RoleArn=role_of("valid"), RoleSessionName="conformance")["Credentials"]
        extra |= {
            "session_id": given["AccessKeyId"],
            "session_key": given["SecretAccessKey"],
            "session_token": given["SessionToken"],
        }
        plain = {"Content-Type": "text/plain"}  # moto would lose a form's fields
        DIRECT.open(urllib.request.Request(f"{url}/moto-api/reset-auth", b"0", plain), timeout=5).close()  # noqa: S310
        return extra
