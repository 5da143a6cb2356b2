"""Types and white space in settings: what people paste into Secrets, and what tools put into them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from scenarios.reasons import NotOffered
from scenarios.stores.base import Store
from scenarios.stores.gcs import CREDENTIALS, GCS
from scenarios.stores.s3 import S3
from scenarios.stores.webhdfs import WebHDFS

ENDS = {"newline": "\n", "windows": "\r\n"}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@rule("CRED-040", stores=("s3",))
@pytest.mark.parametrize(
    ("setting", "value"),
    [("anonymous", True), ("anonymous", False), ("verify_ssl", 1)],
    ids=["anonymous-true", "anonymous-false", "verify-number"],
)
def test_types_in_the_json_of_s3(store: S3, initializer: Fetcher, sample: Sample, setting: str, value: object) -> None:
    """JSON has booleans and numbers, so people use them."""
    access = store.access("anonymous" if (setting, value) == ("anonymous", True) else "valid")
    config = json.dumps({"type": "s3", setting: value})
    access = access.without("awsAnonymousCredential").plus(STORAGE_CONFIG=config)
    variable = {"anonymous": "awsAnonymousCredential", "verify_ssl": "S3_VERIFY_SSL"}[setting]
    initializer.fetch(sample.uri, access=access).assert_failed_or_names(sample.tree, setting, variable)


@rule("CRED-040", stores=("webhdfs",))
@pytest.mark.parametrize(
    ("setting", "value"), [("TLS_SKIP_VERIFY", False), ("N_THREADS", 2)], ids=["skip-verify", "threads"]
)
def test_types_in_the_json_of_webhdfs(
    store: WebHDFS, initializer: Fetcher, sample: Sample, setting: str, value: object
) -> None:
    """The settings of HDFS have a switch and a number."""
    access = store.storage_spec(more={setting: value})
    initializer.fetch(sample.uri, access=access).assert_failed_or_names(sample.tree, setting)


@rule("CRED-041")
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_secrets_that_end_in_a_newline(store: Store, initializer: Fetcher, sample: Sample, end: str) -> None:
    """`echo KEY | base64` and editors append a line end, and the Secret keeps it."""
    if isinstance(store, WebHDFS):  # its Secret has the address in a file too
        run = initializer.fetch(sample.uri, access=store.ending_in(end))
        run.assert_failed_or_names(sample.tree, "HDFS_NAMENODE", "name node", "host")
        return
    access = store.private()
    ending = {name: value + end for name, value in access.environment.items() if value in access.secrets}
    if not ending:
        raise NotOffered(f"{store.name}: no variable has only a secret as its value")
    run = initializer.fetch(sample.uri, access=access.plus(**ending), way="private", timeout_s=150)
    run.assert_failed_or(sample.tree)
    if run.outcome.exit_code != 0:
        run.assert_refused()


@rule("CRED-042")
def test_a_byte_order_mark(store: GCS, initializer: Fetcher, sample: Sample) -> None:
    """Notepad and PowerShell write one, and nobody sees it."""
    access = store.access()
    marked = Path(store.scratch, "marked.json")
    marked.write_bytes(BYTE_ORDER_MARK + access.mounts[CREDENTIALS].read_bytes())
    run = initializer.fetch(sample.uri, access=replace(access, mounts={**access.mounts, CREDENTIALS: marked}))
    run.assert_failed_or_names(sample.tree, "credential", "service account", "json", "byte order mark", "bom")


@rule("CRED-043")
@pytest.mark.parametrize(
    ("variable", "form"),
    [("AWS_ENDPOINT_URL", "{}\n"), ("AWS_ENDPOINT_URL", " {}"), ("AWS_DEFAULT_REGION", "{}\n")],
    ids=["endpoint-newline", "endpoint-space", "region-newline"],
)
def test_white_space_around_settings(store: S3, initializer: Fetcher, sample: Sample, variable: str, form: str) -> None:
    """Settings come from annotations in YAML, where a block of text ends in a newline."""
    access = store.access()
    access = access.plus(**{variable: form.format(access.environment[variable])})
    words = ("endpoint", "url") if variable == "AWS_ENDPOINT_URL" else ("region",)
    initializer.fetch(sample.uri, access=access).assert_failed_or_names(sample.tree, *words)
