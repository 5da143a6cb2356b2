"""`webhdfs://PATH` and `hdfs://PATH`, by WebHDFS v1. The Secret's files say where the name node is."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from initializer import credentials, limits, web
from initializer.failure import Failure, not_found, printable
from initializer.limits import Environment
from initializer.remote import RemoteFile

BACKEND = "HDFS"
SECRET = "/var/secrets/kserve-hdfscreds"
#: What is a file, and base64 in a storage config.
FILES = ("TLS_CERT", "TLS_KEY", "TLS_CA")
REMEDY = f"Check the path, and the HDFS Secret mounted at {SECRET}."


def files(uri: str, environment: Environment) -> Iterator[RemoteFile]:
    """The file, or all files below the folder."""
    config = settings(environment)
    site = connection(uri, config, environment)
    path = place(uri, config)
    root = ask(site, config, path, "GETFILESTATUS")["FileStatus"]
    if root["type"] == "FILE":
        yield RemoteFile(path.rstrip("/").rpartition("/")[2], root["length"], partial(read, site, config, path))
        return
    for below, status in walk(site, config, path, ""):
        yield RemoteFile(below, status["length"], partial(read, site, config, f"{path.rstrip('/')}/{below}"))


def settings(environment: Environment) -> dict[str, str]:
    """The Secret, from a storage config of type hdfs or else from its mounted files; what is a file, as its path."""
    config = credentials.storage_config(environment)
    if config.get("type") in ("hdfs", "webhdfs"):
        return config | {name: as_file(base64.b64decode(config[name])) for name in FILES if config.get(name)}
    folder = Path(environment.get("HDFS_SECRET_DIR") or SECRET)
    if not folder.is_dir():
        raise Failure(str(folder), "does not exist: the settings of HDFS are missing", REMEDY)
    found = [one for one in folder.iterdir() if one.is_file()]
    return {one.name: str(one) if one.name in FILES else one.read_text().strip() for one in found}


def as_file(content: bytes) -> str:
    """A file that only this user can read."""
    with tempfile.NamedTemporaryFile("wb", prefix="hdfs-", delete=False) as file:
        file.write(content)
    return file.name


def connection(uri: str, config: dict[str, str], environment: Environment) -> web.Web:
    """The name node as the settings want it: headers, authority, certificate of one's own."""
    verify: bool | str | None = config.get("TLS_CA")
    if config.get("TLS_SKIP_VERIFY", "").lower() == "true":
        verify = False
    try:
        headers = {name: str(value) for name, value in json.loads(config.get("HEADERS") or "{}").items()}
    except (ValueError, AttributeError):
        raise Failure("HEADERS", "invalid: not a JSON object", REMEDY) from None
    cert = (config["TLS_CERT"], config["TLS_KEY"]) if config.get("TLS_CERT") and config.get("TLS_KEY") else None
    return web.Web(printable(uri), REMEDY, limits.of(environment, BACKEND), headers, verify, cert)


def place(uri: str, config: dict[str, str]) -> str:
    """The absolute path that the URI names."""
    path = uri.partition("://")[2].rstrip("/")
    return f"{config.get('HDFS_ROOTPATH', '').rstrip('/')}/{path}"


def address(config: dict[str, str], path: str, operation: str, **query: str) -> str:
    """The URL of an operation."""
    if not config.get("HDFS_NAMENODE"):
        raise Failure("HDFS_NAMENODE", "missing", REMEDY)
    proxy = {"doas": config["USER_PROXY"]} if config.get("USER_PROXY") else {}
    node = config["HDFS_NAMENODE"].split(";")[0].rstrip("/")
    return f"{node}/webhdfs/v1{quote(path)}?{urlencode({'op': operation, **proxy, **query})}"


def ask(site: web.Web, config: dict[str, str], path: str, operation: str) -> Any:  # noqa: ANN401 -- JSON
    """The name node's answer."""
    with site.ask(address(config, path, operation)) as answer:
        if answer.status_code == 404:
            raise not_found(site.resource, REMEDY)
        web.check(answer, site)
        return web.json_of(answer, site.resource)


def walk(site: web.Web, config: dict[str, str], path: str, below: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All files below a folder, by their path from there."""
    listed = ask(site, config, f"{path}/{below}".rstrip("/"), "LISTSTATUS")["FileStatuses"]["FileStatus"]
    for status in listed:
        child = f"{below}/{status['pathSuffix']}".lstrip("/")
        if status["type"] == "DIRECTORY":
            yield from walk(site, config, path, child)
        else:
            yield child, status


def read(site: web.Web, config: dict[str, str], path: str, start: int, stop: int | None) -> Iterator[bytes]:
    """A file's bytes; the name node redirects to the data node that has them."""
    length = {} if stop is None else {"length": str(stop - start)}
    return site.content(site.get(address(config, path, "OPEN", offset=str(start), **length)))
