"""How a call's environment and files reach a pod: as a Secret where KServe knows one, else by the container's env."""

from pathlib import Path

from scenarios.initializers.delivery import delivery
from scenarios.stores.gcs import CREDENTIALS

S3 = {
    "AWS_ENDPOINT_URL": "http://stores:9000",
    "S3_ENDPOINT": "stores:9000",
    "S3_USE_HTTPS": "0",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "key",
}
PROXY = {"HTTPS_PROXY": "http://stores:8080"}


def test_s3_keys_become_a_secret_and_its_endpoint_annotations() -> None:
    ways = delivery(S3 | PROXY, {}, "0.20.0")
    assert ways.secret == {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
    assert ways.annotations == {
        "serving.kserve.io/s3-endpoint": "stores:9000",
        "serving.kserve.io/s3-usehttps": "0",
        "serving.kserve.io/s3-region": "us-east-1",
    }
    assert ways.environment == PROXY


def test_an_endpoint_that_the_webhook_would_not_make_stays_a_variable() -> None:
    ways = delivery(S3 | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, {}, "0.20.0")
    assert ways.environment == {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}


def test_s3_without_keys_is_no_secret() -> None:
    anonymous = {name: value for name, value in S3.items() if "KEY" not in name} | {"awsAnonymousCredential": "true"}
    ways = delivery(anonymous, {}, "0.20.0")
    assert (ways.secret, ways.environment) == ({}, anonymous)


def test_a_service_account_of_google_becomes_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    file.write_text("{}")
    other = {"/run/conformance/ca.pem": file}
    ways = delivery({"GOOGLE_APPLICATION_CREDENTIALS": CREDENTIALS} | PROXY, {CREDENTIALS: file, **other}, "0.20.0")
    assert ways.secret == {"gcloud-application-credentials.json": "{}"}
    assert (ways.environment, ways.files) == (PROXY, other)


def test_hugging_faces_token_is_a_secret_since_0_14() -> None:
    assert delivery({"HF_TOKEN": "hf_x"}, {}, "0.14.1").secret == {"HF_TOKEN": "hf_x"}
    assert delivery({"HF_TOKEN": "hf_x"}, {}, "0.13.1").secret == {}


def test_headers_become_a_secret_for_their_host() -> None:
    ways = delivery({"files.example-headers": '{"X": "1"}'} | PROXY, {}, "0.20.0")
    assert ways.secret == {"https-host": "files.example", "headers": '{"X": "1"}'}
    assert ways.environment == PROXY
