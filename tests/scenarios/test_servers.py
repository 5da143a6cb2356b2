"""Server processes: readiness, early death, taken ports, and that nothing survives the run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clusters.toolchain.cache import cache_root
from scenarios.servers import minio, process
from scenarios.servers.azurite import Azurite
from scenarios.servers.base import DIRECT, Server, Unavailable
from scenarios.servers.fake_gcs_server import VERSION as FAKE_GCS_VERSION
from scenarios.servers.fake_gcs_server import FakeGCSServer
from scenarios.servers.fleet import Fleet
from scenarios.servers.gcp_storage_emulator import GCPStorageEmulator
from scenarios.servers.minio import MinIO
from scenarios.servers.moto import Moto
from tests.processes import wait_until


class Plain(Server):
    """Python's own web server."""

    name = "plain"
    fidelity = "stand-in"

    def version(self) -> str:
        return "0"

    def command(self, port: int, state: Path) -> Sequence[str]:  # noqa: ARG002
        return [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]


class RuleViolation(Plain):
    """Dies at once."""

    name = "broken"

    def command(self, port: int, state: Path) -> Sequence[str]:  # noqa: ARG002
        return [sys.executable, "-c", "print('no such thing'); raise SystemExit(3)"]


class Mute(Plain):
    """Never answers."""

    name = "mute"
    ready_within_s = 0.2

    def command(self, port: int, state: Path) -> Sequence[str]:  # noqa: ARG002
        return ["sleep", "600"]


def built(folder: str) -> bool:
    """Whether a Go program is in this machine's cache; building one takes minutes."""
    return (cache_root() / "go" / folder / ".complete").exists()


SERVERS = [
    Moto,
    GCPStorageEmulator,
    Azurite,
    pytest.param(MinIO, marks=pytest.mark.skipif(not built(f"minio-{minio.VERSION}"), reason="MinIO is not built")),
    pytest.param(
        FakeGCSServer,
        marks=pytest.mark.skipif(not built(f"fake-gcs-server-{FAKE_GCS_VERSION}"), reason="it is not built"),
    ),
]


def gone(pid: int) -> bool:
    """Whether process `pid` has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_answers_and_stops(kind: type[Server], tmp_path: Path) -> None:
    """Once `start` returns the server answers; once `stop` returns its port is free again."""
    server = kind()
    server.prepare()
    started = process.start(server, tmp_path)
    try:
        assert server.is_ready(started.url)
        assert server.version()
        server.after_start(started.url, started.state)
    finally:
        started.process.stop()
    assert not started.process.alive
    assert process.is_free(int(started.url.rpartition(":")[2]))


def test_an_early_death_is_told_with_the_last_words(tmp_path: Path) -> None:
    """A program that ends at once is reported with its status and its output."""
    with pytest.raises(Unavailable, match=r"(?s)broken ended with status 3\..*no such thing"):
        process.start(RuleViolation(), tmp_path)


def test_a_mute_server_is_given_up(tmp_path: Path) -> None:
    """A program that never answers is ended at its deadline."""
    with pytest.raises(Unavailable, match=r"mute did not answer within 0\.2 s"):
        process.start(Mute(), tmp_path)


def test_a_taken_port_is_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody took the port between the choice and the start: the server gets another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        choices = [[taken], process.free_ports(1)]
        monkeypatch.setattr(process, "free_ports", lambda _: choices.pop(0))
        other.settimeout(0.1)
        started = process.start(Plain(), tmp_path)
        started.process.stop()
    assert not started.url.endswith(f":{taken}")


def test_servers_die_with_a_killed_run(tmp_path: Path) -> None:
    """SIGKILL of the run leaves neither the supervisor, nor the program, nor what the program started."""
    run = f"""
import sys, time
from pathlib import Path
from scenarios.servers import process
program = ["sh", "-c", "sleep 600 & echo $$ $! > pids; wait"]
held = process.launch(program, Path({str(tmp_path)!r}, "log"), Path({str(tmp_path)!r}))
print(held.popen.pid, flush=True)
time.sleep(600)
"""
    pids = tmp_path / "pids"
    with subprocess.Popen([sys.executable, "-c", run], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout
        supervisor = int(killed.stdout.readline())
        wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2, "its children", 10)
        killed.kill()
    everybody = [supervisor, *map(int, pids.read_text().split())]
    wait_until(lambda: all(map(gone, everybody)), f"the end of {everybody}", 10)


def test_a_killed_supervisor_takes_its_program_along(tmp_path: Path) -> None:
    """SIGKILL of the supervisor itself ends the program too."""
    held = process.launch(["sh", "-c", "echo $$ > pid; exec sleep 600"], tmp_path / "log", tmp_path)
    pid = tmp_path / "pid"
    wait_until(lambda: pid.exists() and pid.read_text().strip(), "the program to start", 10)
    os.kill(held.popen.pid, signal.SIGKILL)
    wait_until(lambda: gone(int(pid.read_text())), "the program to end", 10)
    held.stop()


def test_the_users_environment_stays_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server sees nothing of the user's variables but PATH."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    held = process.launch(["env"], tmp_path / "log", tmp_path, {"OWN": "1"})
    held.popen.wait()
    held.stop()
    names = {line.partition("=")[0] for line in held.log.read_text().splitlines()}
    assert names <= {"PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "OWN", "PWD", "LC_CTYPE"}


def test_a_broken_server_stops_no_other(tmp_path: Path) -> None:
    """The fleet names the server that does not run; the others answer through the gateway; stop leaves nothing."""
    folder = tmp_path / "run"
    fleet = Fleet.start([Plain, RuleViolation], folder)
    try:
        assert list(fleet.endpoints) == ["plain"]
        assert "no such thing" in fleet.unavailable["broken"]
        (fleet.endpoints["plain"].state / "x").write_text("hello")
        with DIRECT.open(fleet.endpoints["plain"].url + "/x", timeout=5) as answer:
            assert answer.read() == b"hello"
        assert [request.path for request in fleet.gateway.requests()] == ["/x"]
    finally:
        fleet.stop()
    assert not folder.exists()
    assert process.is_free(int(fleet.gateway.proxy_url.rpartition(":")[2]))


def test_a_fleet_crosses_to_workers(tmp_path: Path) -> None:
    """What a worker reads equals what the controller wrote."""
    fleet = Fleet.start([Plain, RuleViolation], tmp_path / "run")
    try:
        assert Fleet.from_json(fleet.to_json()) == fleet
    finally:
        fleet.stop()


def test_a_fleet_without_servers_has_no_gateway(tmp_path: Path) -> None:
    """A run that calls no initializer has a folder only, also in its workers."""
    fleet = Fleet.from_json(Fleet.without_servers(tmp_path).to_json())
    assert (fleet.folder, fleet.endpoints, fleet.pids()) == (tmp_path, {}, [])
    with pytest.raises(AssertionError, match="no gateway"):
        _ = fleet.gateway


def test_no_port_is_given_twice() -> None:
    """Servers start side by side, and a slow one listens long after another has asked for a port."""
    with ThreadPoolExecutor(4) as threads:
        given = [port for ports in threads.map(lambda _: process.free_ports(5), range(400)) for port in ports]
    assert len(given) == len(set(given)) == 2000
