"""`image:REF` with the engine of this machine and an image assembled here, FROM scratch with one static program."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters.engine import Engine
from clusters.toolchain.go import go
from scenarios.initializers import NoInitializer, initializer
from scenarios.initializers.base import ANYBODY, DEST, Call, Conditions, Initializer, Kill
from scenarios.reasons import NotOffered
from tests.processes import after, command_lines

#: Each worker of pytest-xdist has its own.
REFERENCE = f"localhost/kserve-conformance/contract:test-{os.getpid()}"
SOURCE = Path(__file__).parents[1] / "initializers" / "contract.go"


@pytest.fixture(scope="module")
def image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Initializer]:
    program = tmp_path_factory.mktemp("image") / "contract"
    subprocess.run([go(), "build", "-o", program, SOURCE], env={**os.environ, "CGO_ENABLED": "0"}, check=True)
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.add(program, "contract")
        writable = tarfile.TarInfo("opt")
        writable.type, writable.mode = tarfile.DIRTYPE, 0o777
        archive.addfile(writable)
    # The layer has no /work: an engine makes it.
    changes = ["--change", 'ENTRYPOINT ["/contract"]', "--change", "WORKDIR /work"]
    argv = [engine.program, "import", *changes, "-", REFERENCE]
    environment = {"PATH": os.environ["PATH"], **engine.environment}
    subprocess.run(argv, input=layer.getvalue(), env=environment, check=True, capture_output=True)
    made = initializer(f"image:{REFERENCE}")
    made.prepare()
    yield made
    engine.run("rmi", "--force", REFERENCE)


def test_it_is_known_by_its_image(image: Initializer) -> None:
    assert (image.name, image.route, image.isolation) == ("contract", "container", "container")
    assert image.digest.startswith("sha256:")


def test_a_mounted_tree_arrives(image: Initializer, tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    (model / "sub/a.bin").write_bytes(b"a")
    (tmp_path / "call").mkdir()
    outcome = image.call(Call([("file:///srv/model", DEST)], tmp_path / "call", mounts={"/srv/model": model}))
    assert (outcome.ended, outcome.exit_code) == ("exit", 0), outcome.stderr
    assert {path: entry.content for path, entry in outcome.trees[DEST].items()} == {"sub": None, "sub/a.bin": b"a"}
    assert outcome.unexpected_writes == []


def test_a_destination_may_lie_anywhere(image: Initializer, tmp_path: Path) -> None:
    outcome = image.call(Call([("env://ANSWER", "/data/model")], tmp_path, {"ANSWER": "42"}))
    assert outcome.trees["/data/model"]["env"].content == b"42 uid=%d proxy=" % os.getuid()


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user's containers run as he can read their files")
@pytest.mark.parametrize(("asked", "uid"), [("", 4711), ("1234", 1234)])
def test_it_runs_as_the_images_user(image: Initializer, engine: Engine, tmp_path: Path, asked: str, uid: int) -> None:
    """As in a pod that names none; `--run-as-user` is what a pod's runAsUser is."""
    tag = f"{REFERENCE}-user"
    made = engine.run("create", image.spec.removeprefix("image:"))
    assert engine.run("commit", "--change", "USER 4711", made.stdout.strip(), tag).returncode == 0
    engine.run("rm", made.stdout.strip())
    subject = initializer(f"image:{tag}", user=asked)
    subject.prepare()
    outcome = subject.call(Call([("env://NOTHING", DEST)], tmp_path))
    engine.run("rmi", "--force", tag)
    assert b"uid=%d " % uid in (outcome.trees[DEST]["env"].content or b""), outcome.stderr


def test_nothing_of_the_users_environment_reaches_it(
    image: Initializer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://the-users-own:3128")
    outcome = image.call(Call([("env://NOTHING", DEST)], tmp_path))
    assert (outcome.trees[DEST]["env"].content or b"").endswith(b" proxy=")


def test_what_it_writes_elsewhere_is_seen(image: Initializer, tmp_path: Path) -> None:
    assert image.call(Call([("stray:///opt/elsewhere", DEST)], tmp_path)).unexpected_writes == ["/opt/elsewhere"]


def test_a_confined_call_writes_nowhere_else(image: Initializer, tmp_path: Path) -> None:
    """Neither as the image's user nor where that could write."""
    outcome = image.call(Call([("env://NOTHING", DEST)], tmp_path, conditions=Conditions(confined=True)))
    assert b"uid=%d" % (os.getuid() or ANYBODY) in (outcome.trees[DEST]["env"].content or b"")
    refused = image.call(Call([("stray:///opt/elsewhere", DEST)], tmp_path, conditions=Conditions(confined=True)))
    assert (refused.exit_code, refused.unexpected_writes) == (3, [])
    assert "read-only" in refused.stderr
    assert image.call(Call([("stray:///tmp/own", DEST)], tmp_path, conditions=Conditions(confined=True))).exit_code == 0


def test_a_small_disk_is_full_and_can_be_looked_at(image: Initializer, tmp_path: Path) -> None:
    """Also when the container is gone, and with it the disk."""
    outcome = image.call(Call([("fill://", DEST)], tmp_path, conditions=Conditions(space=1 << 20)))
    assert (outcome.ended, outcome.exit_code) == ("exit", 3)
    assert "no space left on device" in outcome.stderr
    assert len(outcome.trees[DEST]["filler"].content or b"") == 1 << 20


def test_a_small_disk_that_nobody_saw_is_no_verdict(
    image: Initializer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The container and its disk are another machine's, or were gone before anybody could look."""
    monkeypatch.setattr("scenarios.initializers.image._sees", lambda *_: False)
    with pytest.raises(NotOffered, match="the suite could not read the small disk"):
        image.call(Call([("nothing://", DEST)], tmp_path, conditions=Conditions(space=1 << 20)))


def test_a_refusal_keeps_its_status_and_words(image: Initializer, tmp_path: Path) -> None:
    outcome = image.call(Call([("nope://x", DEST)], tmp_path))
    assert (outcome.ended, outcome.exit_code) == ("exit", 3)
    assert outcome.stderr.strip() == "unsupported scheme: nope://x"


@pytest.mark.parametrize("manner", ["politely", "deafly"])
def test_a_call_is_ended_by_its_limit(image: Initializer, engine: Engine, tmp_path: Path, manner: str) -> None:
    outcome = image.call(Call([(f"sleep://{manner}", DEST)], tmp_path, timeout_s=1.0))
    assert outcome.ended == "timeout"
    assert outcome.duration_s < 15
    assert engine.run("ps", "--all", "--quiet", "--filter", f"ancestor={REFERENCE}").stdout == ""


def test_a_signal_reaches_it(image: Initializer, tmp_path: Path) -> None:
    outcome = image.call(
        Call([("sleep://politely", DEST)], tmp_path, timeout_s=30, conditions=Conditions(terminate_when=after(1.0)))
    )
    assert (outcome.ended, outcome.exit_code) == ("exit", -15)


def test_the_memory_of_its_processes_is_seen(image: Initializer, tmp_path: Path) -> None:
    """From outside: two with 64 MiB each."""
    outcome = image.call(Call([("hold://both", DEST)], tmp_path))
    assert (outcome.ended, outcome.exit_code) == ("exit", 0), outcome.stderr
    assert 128 << 20 < outcome.peak_memory < 200 << 20


def test_one_of_its_processes_can_be_killed(image: Initializer, tmp_path: Path) -> None:
    """The other one notices."""
    dest = f"/data/{os.getpid()}"
    alone = ["/contract", "hold://alone", dest]
    kill = Kill(lambda: alone in command_lines(), worker=True)
    outcome = image.call(Call([("hold://both", dest)], tmp_path, conditions=Conditions(kill=kill)))
    assert (outcome.killed, outcome.exit_code) == ("worker", 3)
    assert "killed" in outcome.stderr


def test_an_image_that_cannot_be_had_is_one_clear_line(engine: Engine) -> None:
    with pytest.raises(
        NoInitializer, match=rf"image:localhost/not/there:1: {engine.name} does not have it and cannot pull"
    ):
        initializer("image:localhost/not/there:1").prepare()
