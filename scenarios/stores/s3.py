"""S3: one bucket per test, at its own endpoint with path-style addresses."""

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from scenarios.clients import Client
from scenarios.network.faults import expiring
from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.servers import aws_identity, bearer_tokens
from scenarios.servers.base import Endpoint, Mode, Server
from scenarios.servers.bearer_tokens import Bearer
from scenarios.servers.identity_services import ROTATED_S, Answers, identify
from scenarios.servers.images import MinIOImage
from scenarios.servers.minio import MinIO
from scenarios.servers.moto import Moto, role_of
from scenarios.stores.base import NOBODY, Access, AccessKind, Store, Tree, put_each
from scenarios.stores.delivery import PREFIX, Delivery, without

#: The variables that KServe's webhook creates from the data of a Secret.
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
#: Variable -> the Secret's annotation from which the webhook creates it (pkg/credentials/s3).
ANNOTATIONS = {
    "S3_ENDPOINT": "s3-endpoint",
    "S3_USE_HTTPS": "s3-usehttps",
    "AWS_DEFAULT_REGION": "s3-region",
    "S3_VERIFY_SSL": "s3-verifyssl",
    "S3_USER_VIRTUAL_BUCKET": "s3-usevirtualbucket",
}
#: Kind of identity -> the path of the token that EKS projects. /var/run, where pods have it, is a link to /run.
TOKEN_FILES = {
    "web": "/run/secrets/eks.amazonaws.com/serviceaccount/token",
    "pod": "/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token",
}


class S3(Store):
    """`s3://BUCKET/KEY`. The store sends keys unchanged, even `..` and `//` if the server accepts them."""

    name = "s3"
    kserve = ">=0.7"
    malformed: ClassVar[Mapping[str, str]] = {"no-bucket": "s3:///model"}
    unsigned_kind: ClassVar[AccessKind] = "anonymous"
    without_tls = True
    proxied = False
    lists_keys = True
    expiry = expiring(
        400,
        "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>",
        content_type="application/xml",
    )
    #: KServe reads these variables since 0.17.
    impatience: ClassVar[Mapping[str, str]] = {
        "S3_CONNECT_TIMEOUT": "5",
        "S3_READ_TIMEOUT": "8",
        "S3_MAX_ATTEMPTS": "3",
    }
    identities: ClassVar[Sequence[str]] = ("web", "pod", "metadata")
    public_settings: ClassVar[Mapping[str, str]] = {"awsAnonymousCredential": "true"}
    concurrency: ClassVar[Sequence[str]] = ("S3_MAX_FILE_CONCURRENCY",)
    client = Client("s3.py", "boto3", "boto3", "download_file")
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
                raise NotOffered(f"{self.server.server} refuses the key {path!r}: {error}") from error

        put_each(tree, put_one)
        if inner := next((path for path in tree for above in tree if path.startswith(f"{above}/")), None):
            self._require_listed(inner)

    def _require_listed(self, key: str) -> None:
        """Raise NotOffered if the server does not list a key below the key of another object. MinIO hides it."""
        listing = self._client().list_objects_v2(Bucket=self.case, Prefix=key)
        if not any(one["Key"] == key for one in listing.get("Contents", [])):
            raise NotOffered(f"{self.server.server} does not list {key!r}, because another object's key is its folder")

    def uri(self, path: str = "") -> str:
        return f"s3://{self.case}/{path}" if path else f"s3://{self.case}"

    def served_at(self, file: str) -> str:
        return f"/{self.case}/{self.sample_folder}/{file}"

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

    def identity(self, kind: str, answers: Answers = "right") -> Access:
        """`web` is a role for a token file (IRSA), `pod` the agent of EKS Pod Identity, `metadata` a node's IMDSv2.

        The variables are those of EKS's webhook, and of AWS's SDKs for a moved metadata service.
        """
        if (kind, answers) == ("metadata", "rotated"):
            raise NotOffered("s3: AWS's metadata service replaces keys long before they expire")
        holder = "denied" if answers in ("stranger", "powerless") else "valid"
        first, _ = given = [self._assume(holder) for _ in range(2)]
        if answers == "rotated":
            bearer_tokens.issue(self.server.state, first["AccessKeyId"], Bearer(holder, lifetime_s=ROTATED_S))
        assertion = f"assertion.{secrets.token_urlsafe(32)}"
        tokens = [aws_identity.packed(keys) for keys in given]
        identify(self.identity_services.state, self.case, answers=answers, tokens=tokens, assertion=assertion)
        token_file = self.scratch / "identity-token"
        token_file.write_text(assertion)
        found = self._identified(kind, there=answers != "missing")
        mounts = {path: token_file for name, path in found.items() if name.endswith("TOKEN_FILE")}
        known = (assertion, *(keys[name] for keys in given for name in ("SecretAccessKey", "SessionToken")))
        return Access(found, {} if (kind, answers) == ("web", "missing") else mounts, known)

    def _identified(self, kind: str, *, there: bool) -> Mapping[str, str]:
        """The variables of an identity. With a role for a token file, S3 is Amazon's, as STS is."""
        place = f"{self.identity_services.url}/{self.case}" if there else f"http://{NOBODY}"
        region = self.server.extra["region"]
        if kind == "web":
            return {
                "AWS_ROLE_ARN": aws_identity.role(self.case),
                "AWS_WEB_IDENTITY_TOKEN_FILE": TOKEN_FILES[kind],
                "AWS_STS_REGIONAL_ENDPOINTS": "regional",
                **dict.fromkeys(("AWS_DEFAULT_REGION", "AWS_REGION"), region),
            }
        if kind == "pod":
            return self._access(
                AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{place}/v1/credentials",
                AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=TOKEN_FILES[kind],
            ).environment
        return self._access(AWS_EC2_METADATA_SERVICE_ENDPOINT=place).environment

    def _assume(self, holder: str) -> Mapping[str, str]:
        """Temporary keys of the server, with the permissions of the user of this kind."""
        effect = "Allow" if holder == "valid" else "Deny"
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": "s3:*", "Resource": "*"}]}
        given: Mapping[str, Any] = self._client("sts").assume_role(
            RoleArn=role_of(holder), RoleSessionName="conformance", Policy=json.dumps(policy)
        )
        return {name: given["Credentials"][name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}

    def wrong_secret(self) -> Access:
        """A known key ID with a wrong secret: the signature does not match."""
        return self._keys(self.server.extra["valid_id"], "wrong/Secret/never/known/to/the/server00")

    def over_tls(self) -> Access:
        """Valid access to the same endpoint over TLS."""
        access = self.access()
        endpoint = access.environment["AWS_ENDPOINT_URL"].replace("http://", "https://")
        return access.plus(AWS_ENDPOINT_URL=endpoint, S3_USE_HTTPS="1")

    def through_proxy(self) -> Access:
        """Valid access to the hosts of AWS, which only the proxy can reach."""
        return self.access().without("AWS_ENDPOINT_URL", "S3_ENDPOINT", "S3_USE_HTTPS")

    def missing(self) -> str:
        return f"s3://{self.case}-that-is-not-there/model"

    def unreachable(self, address: str = NOBODY) -> tuple[str, Access]:
        access = self.access().plus(AWS_ENDPOINT_URL=f"http://{address}", S3_ENDPOINT=address)
        return self.uri("model"), access

    def facing(self, proxy: str) -> Access:
        """Uses the proxy as the endpoint: S3 clients report a bad certificate of a proxy as a lost proxy."""
        endpoint = urlsplit(proxy).netloc
        settings = {"AWS_ENDPOINT_URL": f"https://{endpoint}", "S3_ENDPOINT": endpoint, "S3_USE_HTTPS": "1"}
        return self.access().plus(**settings, **self.impatience)

    @classmethod
    def delivered(cls, environment: Mapping[str, str], files: Mapping[str, Path]) -> Delivery | None:
        """Keys are in the Secret's data; settings are its annotations."""
        if not all(name in environment for name in (*KEYS, "S3_ENDPOINT")):
            return None
        annotations = {f"{PREFIX}/{key}": environment[name] for name, key in ANNOTATIONS.items() if name in environment}
        scheme = "http" if environment.get("S3_USE_HTTPS") == "0" else "https"
        made = {*KEYS, *ANNOTATIONS}
        if environment.get("AWS_ENDPOINT_URL") == f"{scheme}://{environment['S3_ENDPOINT']}":
            made.add("AWS_ENDPOINT_URL")
        return Delivery(without(environment, made), files, {key: environment[key] for key in KEYS}, annotations)

    def _keys(self, key_id: str, secret: str) -> Access:
        access = self._access(AWS_ACCESS_KEY_ID=key_id, AWS_SECRET_ACCESS_KEY=secret)
        return Access(access.environment, secrets=(secret,))

    def _access(self, **environment: str) -> Access:
        """The variables with the names that KServe's webhook uses (pkg/credentials/s3)."""
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

    def _client(self, service: str = "s3") -> Any:  # noqa: ANN401 -- boto3 makes its classes at run time
        known = self.server.extra
        return _client(service, self.server.direct_url, known["valid_id"], known["valid_key"], known["region"])


@functools.cache
def _client(service: str, url: str, key_id: str, secret: str, region: str) -> Any:  # noqa: ANN401
    """One client per process and server. Creating one takes 100 ms, an object 5 ms."""
    import boto3  # type: ignore[import-untyped] # noqa: PLC0415 -- an extra, absent where no S3 is selected
    from botocore.config import Config  # type: ignore[import-untyped] # noqa: PLC0415

    return boto3.client(
        service,
        endpoint_url=url,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        region_name=region,
        config=Config(proxies={}, retries={"max_attempts": 3}, s3={"addressing_style": "path"}),
    )
