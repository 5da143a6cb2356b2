"""S3: one bucket a test, reached at an endpoint of its own with path-style addresses."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers.base import Endpoint, Mode, Server
from scenarios.servers.images import MinIOImage
from scenarios.servers.minio import MinIO
from scenarios.servers.moto import Moto
from scenarios.stores.base import NOBODY, Access, AccessKind, Store, Tree, put_each


class S3(Store):
    """`s3://BUCKET/KEY`. Keys go to the server as they are, `..` and `//` too where it takes them."""

    name = "s3"
    kserve = ">=0.7"
    malformed: ClassVar[Mapping[str, str]] = {"no-bucket": "s3:///model"}
    unsigned_kind: ClassVar[AccessKind] = "anonymous"
    without_tls = True
    servers: ClassVar[Mapping[Mode, type[Server]]] = {"embedded": Moto, "native": MinIO, "container": MinIOImage}

    def __init__(self, endpoint: Endpoint | None, gateway: Gateway, case: str, scratch: Path) -> None:
        super().__init__(endpoint, gateway, case, scratch)
        self._made = False

    def put(self, tree: Tree) -> None:
        s3 = self._client()
        if not self._made:
            s3.create_bucket(Bucket=self.case)
            self._made = True

        def put_one(path: str) -> None:
            try:
                s3.put_object(Bucket=self.case, Key=path, Body=tree[path])
            except s3.exceptions.ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 400:
                    raise
                raise NotOffered(f"{self.server.server} takes no key {path!r}: {error}") from error

        put_each(tree, put_one)

    def uri(self, path: str = "") -> str:
        return f"s3://{self.case}/{path}" if path else f"s3://{self.case}"

    def access(self, kind: AccessKind = "valid") -> Access:
        known = self.server.extra
        if kind == "anonymous":
            self._publish()
            return self._access(awsAnonymousCredential="true")
        if kind == "none":
            return self._access()
        if kind == "wrong":
            return self._keys("AKIACONFORMANCE0NOBODY", "wrong/Secret/never/known/to/the/server00")
        if kind == "session":
            access = self._keys(known["session_id"], known["session_key"]).plus(
                AWS_SESSION_TOKEN=known["session_token"]
            )
            return Access(access.environment, access.mounts, (*access.secrets, known["session_token"]))
        return self._keys(known[f"{kind}_id"], known[f"{kind}_key"])

    def wrong_secret(self) -> Access:
        """A key id that the server knows, with another secret: the signature does not match."""
        return self._keys(self.server.extra["valid_id"], "wrong/Secret/never/known/to/the/server00")

    def over_tls(self) -> Access:
        """To the same endpoint."""
        access = self.access()
        endpoint = access.environment["AWS_ENDPOINT_URL"].replace("http://", "https://")
        return access.plus(AWS_ENDPOINT_URL=endpoint, S3_USE_HTTPS="1")

    def missing(self) -> str:
        return f"s3://{self.case}-that-is-not-there/model"

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:
        access = self.access().plus(AWS_ENDPOINT_URL=f"http://{address}", S3_ENDPOINT=address)
        return self.uri("model"), access

    def _keys(self, key_id: str, secret: str) -> Access:
        access = self._access(AWS_ACCESS_KEY_ID=key_id, AWS_SECRET_ACCESS_KEY=secret)
        return Access(access.environment, secrets=(secret,))

    def _access(self, **environment: str) -> Access:
        """As KServe's webhook names them (pkg/credentials/s3)."""
        address = urlsplit(self.server.url)
        return Access(
            {
                "AWS_ENDPOINT_URL": self.server.url,
                "S3_ENDPOINT": address.netloc,
                "S3_USE_HTTPS": "0",
                "AWS_DEFAULT_REGION": self.server.extra["region"],
                **environment,
            }
        )

    def _publish(self) -> None:
        everybody = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{self.case}{suffix}"}
                for action, suffix in (("s3:ListBucket", ""), ("s3:GetBucketLocation", ""), ("s3:GetObject", "/*"))
            ],
        }
        self._client().put_bucket_policy(Bucket=self.case, Policy=json.dumps(everybody))

    def _client(self) -> Any:  # noqa: ANN401 -- boto3 makes its classes at run time
        known = self.server.extra
        return _client(self.server.direct_url, known["valid_id"], known["valid_key"], known["region"])


@functools.cache
def _client(url: str, key_id: str, secret: str, region: str) -> Any:  # noqa: ANN401
    """One client a process and server: making one takes 100 ms, an object 5 ms."""
    import boto3  # type: ignore[import-untyped] # noqa: PLC0415 -- an extra, absent where no S3 is selected
    from botocore.config import Config  # type: ignore[import-untyped] # noqa: PLC0415

    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        region_name=region,
        config=Config(proxies={}, retries={"max_attempts": 3}, s3={"addressing_style": "path"}),
    )
