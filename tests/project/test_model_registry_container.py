"""examples/model-registry: what the container adds to the reference initializer, against a registry on this machine."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from conformance import __main__ as commands
from conformance import claims
from conformance.spec import current
from scenarios.initializers import known_releases

EXAMPLE = Path(__file__).parents[2] / "examples" / "model-registry"
CONTENT = b"weights"
#: The digest of what `sha256sum` prints for the model.
DIGEST = "sha256:" + hashlib.sha256(f"{hashlib.sha256(CONTENT).hexdigest()}  model.bin\n".encode()).hexdigest()
TOKEN, SIGNATURE = "token-of-the-registry", "signature-of-the-uri"


class Registry(ThreadingHTTPServer):
    """A registry with the model `iris`, version `v1`, and the web server that has its content.

    asked   (path, Authorization) of each request.
    place   the artifact's URI; by default that of `/content/model.bin` here.
    digest  the registered digest, if any.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: list[tuple[str, str]] = []
        self.content, self.digest = CONTENT, ""
        self.host = f"127.0.0.1:{self.server_port}"
        self.place = f"http://{self.host}/content/model.bin?X-Amz-Signature={SIGNATURE}"

    def downloads(self) -> int:
        """How often the content was asked for, since the last call."""
        paths = [path for path, _ in self.asked if path.startswith("/content")]
        self.asked.clear()
        return len(paths)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        registry = cast("Registry", self.server)
        registry.asked.append((self.path, self.headers.get("Authorization", "")))
        url = urlsplit(self.path)
        if url.path == "/content/model.bin":
            self._send(200, registry.content)
            return
        found = _row(url.path.partition("/v1alpha3/")[2], parse_qs(url.query), registry)
        self._send(200 if found else 404, json.dumps(found).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Print nothing."""


def _row(path: str, query: dict[str, list[str]], registry: Registry) -> dict[str, Any]:
    property_ = {"digest": {"string_value": registry.digest, "metadataType": "MetadataStringValue"}}
    artifact = {"id": "3", "artifactType": "model-artifact", "uri": registry.place, "customProperties": property_}
    match path:
        case "registered_model" if query["name"] == ["iris"]:
            return {"id": "1"}
        case "model_version" if query["name"] == ["v1"]:
            return {"id": "2"}
        case "registered_models/1/versions":
            return {"items": [{"id": "2"}]}
        case "model_versions/2/artifacts":
            return {"items": [artifact]}
    return {}


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry of this test."""
    server = Registry()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetch(
    registry: Registry, folder: Path, uri: str = "model-registry://iris/v1", **more: str
) -> tuple[int, str, dict[str, Any]]:
    """Call the container with a destination in `folder`. Returns the exit code, the output and the audit log's line."""
    environment = {"MODEL_REGISTRY_BASE_URL": registry.host, "STORAGE_MAX_ATTEMPTS": "1", **more}
    argv = [sys.executable, str(EXAMPLE / "container"), uri, str(folder / "models")]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
    logged = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    return done.returncode, done.stderr, logged[0] if logged else {}


@pytest.mark.parametrize(
    "uri",
    [
        "model-registry://iris",
        "model-registry://iris/v1",
        "model-registry://HOST/iris",
        "model-registry://HOST/iris/v1",
    ],
)
def test_forms_of_a_uri(registry: Registry, tmp_path: Path, uri: str) -> None:
    """A first segment with a port is a host."""
    code, output, _ = fetch(registry, tmp_path, uri.replace("HOST", registry.host))
    assert code == 0, output
    assert (tmp_path / "models" / "model.bin").read_bytes() == CONTENT


def test_a_host_in_front_of_a_model_and_a_version(registry: Registry, tmp_path: Path) -> None:
    """It needs no port, and the default registry is not asked."""
    code, output, _ = fetch(registry, tmp_path, "model-registry://registry.invalid/iris/v1")
    assert code == 1
    assert "no connection to registry.invalid" in output.splitlines()[-1]
    assert not registry.asked


def test_a_host_without_a_port_comes_second(registry: Registry, tmp_path: Path) -> None:
    """`a.example/b` is a version of the model `a.example`; only if there is none, the model `b` of a registry."""
    code, output, logged = fetch(registry, tmp_path, "model-registry://registry.invalid/iris")
    assert code == 1
    assert "name=registry.invalid" in registry.asked[0][0]
    assert "registry.invalid" in output.splitlines()[-1]
    assert logged["audit"] == "failed"


def test_the_token_goes_to_the_configured_registry_only(registry: Registry, tmp_path: Path) -> None:
    """Neither a host that the URI names, nor the store, gets it."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert fetch(registry, tmp_path, MODEL_REGISTRY_TOKEN_FILE=str(file))[0] == 0
    for path, authorization in registry.asked:
        assert authorization == ("" if path.startswith("/content") else f"Bearer {TOKEN}"), path
    registry.asked.clear()
    assert fetch(registry, tmp_path, f"model-registry://{registry.host}/iris", MODEL_REGISTRY_TOKEN=TOKEN)[0] == 0
    assert {authorization for _, authorization in registry.asked} == {""}


def test_a_repeated_download_comes_from_the_cache(registry: Registry, tmp_path: Path) -> None:
    """The registry is asked again, the store is not."""
    registry.digest, cache = DIGEST, tmp_path / "cache"
    for place, downloads, source in ((tmp_path / "a", 1, "store"), (tmp_path / "b", 0, "cache")):
        code, output, logged = fetch(registry, place, MODEL_REGISTRY_CACHE=str(cache))
        assert code == 0, output
        assert (registry.downloads(), logged["source"]) == (downloads, source)
        assert (place / "models" / "model.bin").read_bytes() == CONTENT


def test_a_cached_copy_that_somebody_changed_is_not_delivered(registry: Registry, tmp_path: Path) -> None:
    """The content comes from the store again, and replaces the copy."""
    registry.digest, cache = DIGEST, tmp_path / "cache"
    fetch(registry, tmp_path / "a", MODEL_REGISTRY_CACHE=str(cache))
    (copy,) = cache.rglob("model.bin")
    copy.write_bytes(b"other")
    code, output, logged = fetch(registry, tmp_path / "b", MODEL_REGISTRY_CACHE=str(cache))
    assert (code, logged["source"]) == (0, "store"), output
    assert (tmp_path / "b" / "models" / "model.bin").read_bytes() == copy.read_bytes() == CONTENT


def test_a_cache_that_cannot_be_written_prevents_nothing(registry: Registry, tmp_path: Path) -> None:
    """A file is where the folder should be."""
    registry.digest, cache = DIGEST, tmp_path / "cache"
    cache.write_bytes(b"")
    code, output, _ = fetch(registry, tmp_path, MODEL_REGISTRY_CACHE=str(cache))
    assert code == 0
    assert "the cache keeps no copy" in output


def test_content_without_the_registered_digest_is_refused(registry: Registry, tmp_path: Path) -> None:
    """The destination stays empty, and the cache too."""
    registry.digest, registry.content, cache = DIGEST, b"other", tmp_path / "cache"
    code, output, logged = fetch(registry, tmp_path, MODEL_REGISTRY_CACHE=str(cache))
    assert code == 1
    assert "not the registered" in output.splitlines()[-1]
    assert logged["audit"] == "failed"
    assert not list((tmp_path / "models").iterdir())
    assert not cache.exists()


def test_the_audit_log(registry: Registry, tmp_path: Path) -> None:
    """It names the artifact, and has no secret of the URI or of the environment."""
    _, output, logged = fetch(registry, tmp_path, MODEL_REGISTRY_TOKEN=TOKEN)
    assert logged["audit"] == "delivered"
    assert (logged["model"], logged["version"], logged["artifact"]) == ("iris", "v1", "3")
    assert logged["content"] == f"http://{registry.host}/content/model.bin?X-Amz-Signature=..."
    assert TOKEN not in output
    assert SIGNATURE not in output


@pytest.mark.parametrize("place", ["file:///etc/passwd", "/etc/passwd", "hf://org/model", "model-registry://iris"])
def test_a_store_that_is_not_delegated_to(registry: Registry, tmp_path: Path, place: str) -> None:
    """Whoever may register models chooses their URIs."""
    registry.place = place
    code, output, _ = fetch(registry, tmp_path)
    assert code == 1
    assert "unsupported scheme" in output.splitlines()[-1]


def test_another_scheme_is_refused(registry: Registry, tmp_path: Path) -> None:
    """The reference initializer would download it."""
    code, output, _ = fetch(registry, tmp_path, registry.place)
    assert code == 1
    assert "unsupported scheme" in output.splitlines()[-1]


def test_its_claims_and_its_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    """The claims fit the spec, and the storage container fits the claims."""
    file = EXAMPLE / "conformance.yaml"
    claims.check(claims.read(file), current(), known_releases())
    assert commands.main(["lint", str(EXAMPLE / "storage-container.yaml"), "--claims", str(file)]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out
