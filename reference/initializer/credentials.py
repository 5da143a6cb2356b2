"""Credentials and settings as KServe's webhook gives them: environment variables, and JSON of a storage config."""

from __future__ import annotations

import json

from initializer.failure import Failure
from initializer.limits import Environment

#: Keys of a storage config of type s3 -> the variables they stand for (KServe since 0.12).
S3_KEYS = {
    "endpoint_url": "AWS_ENDPOINT_URL",
    "access_key_id": "AWS_ACCESS_KEY_ID",
    "secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "region": "AWS_DEFAULT_REGION",
    "ca_bundle": "AWS_CA_BUNDLE",
    "verify_ssl": "S3_VERIFY_SSL",
    "anonymous": "awsAnonymousCredential",
}


def storage_config(environment: Environment) -> dict[str, str]:
    """STORAGE_CONFIG, with the keys of STORAGE_OVERRIDE_CONFIG over it."""
    config: dict[str, str] = {}
    for name in ("STORAGE_CONFIG", "STORAGE_OVERRIDE_CONFIG"):
        try:
            config |= {key: str(value) for key, value in json.loads(environment.get(name) or "{}").items()}
        except (ValueError, AttributeError):
            raise Failure(name, "invalid: not a JSON object", "Mend the storage-config Secret.") from None
    return config


def resolved(environment: Environment) -> dict[str, str]:
    """The environment, with what the storage config says over it. What that leaves out stays as it was.

    White space around a value, such as the line end of a file that a Secret was made from, is no part of it.
    """
    config = storage_config(environment)
    given = {name: config[key] for key, name in S3_KEYS.items() if key in config} if config.get("type") == "s3" else {}
    return {name: value.strip() for name, value in {**environment, **given}.items()}


def is_true(environment: Environment, name: str) -> bool:
    """Whether a switch is on."""
    return environment.get(name, "").strip().lower() in ("1", "true", "yes")
