"""Python's clients: `clients.py CLIENT ARGUMENT...`. An error ends it with its traceback, as in an initializer.

CLIENT URL; or CLIENT ENDPOINT BUCKET for stores; or CLIENT FILE for archives and files; or CLIENT for credentials.
"""

import asyncio
import os
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from typing import Any

TIMEOUT_S = 3


def with_requests(url: str) -> None:
    import requests

    answer = requests.get(url, timeout=TIMEOUT_S)
    answer.raise_for_status()


def with_requests_retries(url: str) -> None:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    session = requests.Session()
    retries = Retry(2, status_forcelist=[500, 503], backoff_factor=0)
    session.mount("http", HTTPAdapter(max_retries=retries))
    session.get(url, timeout=TIMEOUT_S).raise_for_status()


def with_urllib3(url: str) -> None:
    import urllib3

    answer = urllib3.PoolManager(timeout=TIMEOUT_S, retries=1).request("GET", url)
    if answer.status != 200:
        raise SystemExit(f"HTTP {answer.status} {answer.reason}")


def with_urllib(url: str) -> None:
    urllib.request.urlopen(url, timeout=TIMEOUT_S).read()


def with_httpx(url: str) -> None:
    import httpx

    httpx.get(url, timeout=TIMEOUT_S).raise_for_status()


def with_aiohttp(url: str) -> None:
    import aiohttp

    async def get() -> None:
        limit = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=limit, trust_env=True) as session, session.get(url) as answer:
            answer.raise_for_status()
            await answer.read()

    asyncio.run(get())


def with_boto3(endpoint: str, bucket: str) -> None:
    _bucket(endpoint, bucket).download_file("model", "/tmp/model")


def with_boto3_listing(endpoint: str, bucket: str) -> None:
    list(_bucket(endpoint, bucket).objects.filter(Prefix="model"))


def _bucket(endpoint: str, bucket: str) -> Any:  # noqa: ANN401 -- boto3 makes its classes as it runs
    import boto3
    from botocore.config import Config

    settings = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"max_attempts": 2})
    return boto3.resource("s3", endpoint_url=endpoint, config=settings).Bucket(bucket)


def with_minio(endpoint: str, bucket: str) -> None:
    import minio
    import urllib3

    scheme, _, host = endpoint.partition("://")
    pool = urllib3.PoolManager(timeout=TIMEOUT_S, retries=1)
    client = minio.Minio(host, "key", "word", secure=scheme == "https", http_client=pool, region="us-east-1")
    client.fget_object(bucket, "model", "/tmp/model")


def with_azure(endpoint: str, bucket: str) -> None:
    from azure.storage.blob import BlobServiceClient

    service = BlobServiceClient(endpoint, retry_total=1, connection_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S)
    service.get_blob_client(bucket, "model").download_blob().readall()


def with_gcs(endpoint: str, bucket: str) -> None:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    client = storage.Client(project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint})
    blob = client.bucket(bucket).blob("model")
    blob.download_to_filename("/tmp/model", timeout=TIMEOUT_S, retry=None)


def with_hub(endpoint: str, bucket: str) -> None:
    os.environ |= {"HF_ENDPOINT": endpoint, "HF_HUB_DOWNLOAD_TIMEOUT": "3", "HF_HUB_ETAG_TIMEOUT": "3"}
    from huggingface_hub import snapshot_download

    snapshot_download(f"{bucket}/model", cache_dir="/tmp/hub")


def with_azure_identity() -> None:
    from azure.identity import DefaultAzureCredential

    DefaultAzureCredential().get_token("https://storage.azure.com/.default")


def with_google_auth() -> None:
    import google.auth

    google.auth.default()


def with_dulwich(url: str) -> None:
    from dulwich import porcelain

    porcelain.ls_remote(url)


def with_tarfile(file: str) -> None:
    with tarfile.open(file) as archive:
        archive.extractall("/tmp/unpacked", filter="data")


def with_zipfile(file: str) -> None:
    with zipfile.ZipFile(file) as archive:
        archive.extractall("/tmp/unpacked")


def with_open(file: str) -> None:
    with open(file, "ab", 0) as target:
        while target.write(b"x" * 65536):
            pass


def with_read(file: str) -> None:
    open(file).read()


def with_subprocess(program: str) -> None:
    subprocess.run([program, "s3", "cp"], check=True)


def with_shell(program: str) -> None:
    subprocess.run(f"{program} s3 cp", check=True, shell=True)


def with_import(module: str) -> None:
    __import__(module)


if __name__ == "__main__":
    globals()["with_" + sys.argv[1]](*sys.argv[2:])
