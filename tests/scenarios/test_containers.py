"""Servers from images, with the engine of this machine and an image assembled here."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters.engine import Engine, NoEngine, find_engine
from clusters.toolchain.go import go_binary
from scenarios.servers import process
from scenarios.servers.base import Unavailable
from scenarios.servers.fake_gcs_server import VERSION
from scenarios.servers.images import FakeGCSServerImage
from scenarios.servers.process import free_ports, launch
from tests.processes import wait_until

IMAGE = FakeGCSServerImage.image
#: Each worker of pytest-xdist has its own.
ASSEMBLED = f"localhost/kserve-conformance/fake-gcs-server:test-{os.getpid()}"


@pytest.fixture(scope="module")
def assembled(engine: Engine) -> Iterator[None]:
    """An image FROM scratch with one static program stands for the published one."""
    program = go_binary("github.com/fsouza/fake-gcs-server", VERSION, "fake-gcs-server")
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.add(program, "fake-gcs-server")
    argv = [engine.program, "import", "--change", 'ENTRYPOINT ["/fake-gcs-server"]', "-", ASSEMBLED]
    subprocess.run(argv, input=layer.getvalue(), env=dict(engine.environment), check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(IMAGE.variable, ASSEMBLED)
        yield
    engine.run("rmi", "--force", ASSEMBLED)


def containers(engine: Engine) -> list[str]:
    """The containers of this worker's image, in any state."""
    listed = engine.run("ps", "--all", "--filter", f"ancestor={ASSEMBLED}", "--format", "{{.Names}}")
    return listed.stdout.split()


def wait_until_gone(engine: Engine) -> None:
    wait_until(lambda: not containers(engine), "the containers to end", 20)


@pytest.mark.usefixtures("assembled")
def test_a_server_from_an_image_answers_and_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    server = FakeGCSServerImage()
    server.prepare()
    started = process.start(server, tmp_path)
    with urllib.request.urlopen(f"{started.url}/storage/v1/b?project=any", timeout=5) as answer:  # noqa: S310
        assert b"storage#buckets" in answer.read()
    assert len(containers(engine)) == 1
    started.process.stop()
    wait_until_gone(engine)


@pytest.mark.usefixtures("assembled")
def test_a_container_that_fails_ends_the_program_with_its_status_and_log(engine: Engine, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    argv = [*IMAGE.command(port), "-no-such-flag"]
    program = launch(argv, tmp_path / "log", tmp_path, engine.environment)
    assert program.popen.wait(timeout=60) != 0
    program.stop()
    assert "no-such-flag" in program.last_lines()
    wait_until_gone(engine)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's podman is given limits")
def test_a_podman_that_somebody_configured_is_given_limits_all_the_same(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It forgets those of its configuration where a call names any."""
    if engine.name != "podman":
        pytest.skip("no podman")
    own = tmp_path / "containers.conf"
    own.write_text(Path(engine.environment.get("CONTAINERS_CONF", os.devnull)).read_text())
    monkeypatch.setenv("CONTAINERS_CONF", str(own))
    found = find_engine.__wrapped__()
    assert found.environment["CONTAINERS_CONF"] == str(own)
    assert found.ulimits == engine.ulimits != []


@pytest.mark.usefixtures("engine")
def test_an_image_that_cannot_be_had_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(IMAGE.variable, "localhost/kserve-conformance/nothing:here")
    with pytest.raises(Unavailable, match=f"nothing:here cannot be pulled .*{IMAGE.variable}"):
        FakeGCSServerImage().prepare()


def test_without_an_engine_the_reason_says_what_was_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "docker"
    broken.write_text(f"#!{sys.executable}\nimport sys; sys.exit('Cannot connect to the daemon')\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoEngine, match="docker: Cannot connect to the daemon; podman is not on PATH"):
        find_engine.__wrapped__()
