"""kind clusters: what is said when one cannot be had, that nothing is left, and a real one."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube import Client, KubeConfig
from lightkube.config.models import Cluster as KubeCluster
from lightkube.config.models import User
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from clusters import gc, kind, node_source
from clusters.__main__ import main
from clusters.base import Cluster, Image, NoCluster
from clusters.engine import Engine, find_engine
from clusters.images.archive import layer, write
from clusters.images.kubernetes import VERSION
from clusters.kind import Kind
from clusters.node import Node, config_digest
from clusters.toolchain.cache import cache_root
from clusters.toolchain.go import go_source
from tests.processes import wait_until

ENDED_WITHIN_S = 60
PAUSE = Path(kind.__file__).parent / "images" / "pause"


def program(path: Path, script: str) -> Path:
    """A shell script in the place of a program."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def engine_that(folder: Path, script: str) -> Engine:
    """An engine whose client is `script`; it notes its calls in the file `calls` of `folder`."""
    found = program(folder / "bin" / "podman", f'echo "$@" >>{folder}/calls\n{script}')
    return Engine("podman", str(found), "4.3.1", {})


@pytest.fixture
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSERVE_CONFORMANCE_CACHE", str(tmp_path / "cache"))


def record(name: str, **changes: object) -> gc.Record:
    """A record of this process."""
    of_this = gc.Record(name, os.getpid(), gc.started(os.getpid()), False, "recipe", "assembled", "a test")
    return dataclasses.replace(of_this, **changes)  # type: ignore[arg-type]


@pytest.mark.usefixtures("_own_cache")
def test_only_what_killed_runs_left_is_removed(tmp_path: Path) -> None:
    """Neither kept clusters nor those of living runs; the rest goes with container, volumes, network and folder."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    for one in (record("lives"), record("kept", pid=dead.pid, kept=True), record("left", pid=dead.pid)):
        one.write()
    assert gc.collect(engine_that(tmp_path, '[ "$1 $2" != "volume ls" ] || echo its-volume')) == ["left"]
    assert sorted(folder.name for folder in (cache_root() / "clusters").iterdir()) == ["kept", "lives"]
    assert (tmp_path / "calls").read_text().splitlines() == [
        "rm --force --time 0 --volumes left-control-plane",
        "volume ls --quiet --filter label=left-control-plane",
        "volume rm --force its-volume",
        "network rm left",
    ]


def test_a_process_number_that_was_given_again_is_no_owner() -> None:
    assert not record("any").abandoned
    assert record("any", started="1").abandoned


@pytest.mark.usefixtures("_own_cache")
def test_a_killed_run_has_its_cluster_removed(tmp_path: Path) -> None:
    """Nobody but the cleanup watchdog is left then."""
    engine = engine_that(tmp_path, "")
    record("mine").write()
    script = f"""
import time
from clusters import gc
from clusters.engine import Engine
gc.CleanupWatchdog({engine!r}, "mine")
print("up", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=PAUSE.parents[2]) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"up\n"
        killed.send_signal(signal.SIGKILL)
    wait_until(lambda: not gc.folder_of("mine").exists(), "the cleanup watchdog", ENDED_WITHIN_S)
    assert "rm --force --time 0 --volumes mine-control-plane" in (tmp_path / "calls").read_text()


@pytest.mark.usefixtures("_own_cache")
def test_a_dismissed_watchdog_leaves_the_cluster_alone(tmp_path: Path) -> None:
    record("kept").write()
    gc.CleanupWatchdog(engine_that(tmp_path, ""), "kept").dismiss()
    assert gc.record_of("kept") == record("kept")


@pytest.mark.usefixtures("_own_cache")
def test_a_foreign_cluster_of_the_name_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_that(tmp_path, "")
    monkeypatch.setattr(kind, "find_engine", lambda: engine)
    with pytest.raises(
        NoCluster, match=r"another program created kind cluster theirs; .*`kind delete cluster --name theirs`"
    ):
        Kind("theirs", keep=True).start()
    assert (tmp_path / "calls").read_text() == "container inspect theirs-control-plane\n"


@pytest.mark.usefixtures("_own_cache")
def test_a_cluster_of_a_running_process_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_that(tmp_path, "")
    monkeypatch.setattr(kind, "find_engine", lambda: engine)
    record("shared").write()
    with pytest.raises(NoCluster, match=f"belongs to the run of process {os.getpid()}"):
        Kind("shared", keep=True).start()
    record("shared", kept=True).write()
    with pytest.raises(NoCluster, match="shared was kept; keep it for this run too, or choose another name"):
        Kind("shared").start()


def test_an_engine_that_is_too_old_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = dataclasses.replace(engine_that(tmp_path, ""), version="3.4.4")
    monkeypatch.setattr(kind, "find_engine", lambda: old)
    with pytest.raises(NoCluster, match=r"podman 3\.4\.4 is too old for kind; install 4\.0 or newer"):
        kind.usable_engine()


def test_no_engine_is_said_with_what_was_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(kind, "find_engine", find_engine.__wrapped__)
    with pytest.raises(NoCluster, match="docker is not on PATH; podman is not on PATH"):
        Kind().start()


@pytest.mark.usefixtures("_own_cache")
@pytest.mark.parametrize(("limit", "said"), [("DISK_BYTES", "are free at"), ("MEMORY_BYTES", "of memory are free")])
def test_too_little_room_is_said_before_anything_is_made(
    limit: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_that(tmp_path, '[ "$1" = image ] || exit 1')
    cache_root().mkdir()
    monkeypatch.setattr(kind, "find_engine", lambda: engine)
    monkeypatch.setattr(kind, limit, 1 << 60)
    with pytest.raises(NoCluster, match=rf"{said}.*, but a cluster needs 1073741824\.0 GiB"):
        Kind("small", images="assembled").start()
    assert not gc.folder_of("small").exists()


@pytest.mark.usefixtures("_own_cache")
def test_what_kind_says_is_passed_on_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(
        tmp_path / "bin" / "kind", '[ "$1" = version ] && echo kind v0.33.0 && exit\necho "ERROR: no joy" >&2; exit 1'
    )
    engine = engine_that(tmp_path, '[ "$1 $2" != "container inspect" ]')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(kind, "find_engine", lambda: engine)
    with pytest.raises(NoCluster, match=r"kind cannot create failing with podman: ERROR: no joy \(full output: "):
        Kind("failing", images="assembled").start()
    assert not gc.folder_of("failing").exists()
    assert "network rm failing" in (tmp_path / "calls").read_text()


def test_a_node_that_does_not_get_ready_is_said_with_what_is_lacking(tmp_path: Path) -> None:
    engine = engine_that(tmp_path, "echo I1121 fine; echo E1121 no network plugin")
    nobody = KubeConfig.from_one(cluster=KubeCluster(server="http://127.0.0.1:9"), user=User())
    client = Client(nobody, trust_env=False)
    said = r"small is not ready after 0 s: its API server: .*refused.*; its kubelet said: E1121 no network plugin"
    with pytest.raises(NoCluster, match=said):
        Node(engine, "small").wait_until_ready(client, 0)


@pytest.mark.parametrize(
    ("pull", "expected"),
    [
        pytest.param("echo 'Error: pinging: no such host' >&2; exit 125", ("assembled", "no such host"), id="none"),
        pytest.param("echo 'Getting image source signatures' >&2", ("published", "a registry has"), id="answers"),
        pytest.param("exec sleep 30", ("assembled", "no answer in time"), id="silent"),
    ],
)
def test_the_source_of_images_is_what_a_registry_allows(
    pull: str, expected: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_source, "ANSWER_WITHIN_S", 0.5)
    source, why = node_source.choose(engine_that(tmp_path, f'[ "$1" = pull ] || exit 1\n{pull}'), "auto")
    assert source == expected[0]
    assert expected[1] in why


def test_published_images_that_cannot_be_pulled_are_said(tmp_path: Path) -> None:
    with pytest.raises(NoCluster, match=r"kindest/node@sha256:.* cannot be pulled: Error: denied; "):
        node_source.choose(engine_that(tmp_path, "echo 'Error: denied' >&2; exit 125"), "published")


def small_image(folder: Path, reference: str, marker: str) -> Image:
    """An image that pauses, with `marker` in it."""
    (folder / "marker").write_text(marker)
    content = {"/pause": go_source(PAUSE, "pause"), "/marker": folder / "marker"}
    archive = folder / f"{marker}.tar"
    write(archive, reference, [layer(folder / "layer", content)], {"Entrypoint": ["/pause"]})
    return Image(reference, archive)


def test_an_archive_of_another_image_is_refused(tmp_path: Path) -> None:
    image = small_image(tmp_path, "suite/pause:1", "one")
    assert config_digest(image).startswith("sha256:")
    with pytest.raises(NoCluster, match=r"one\.tar holds \['suite/pause:1'\], not suite/pause:2"):
        config_digest(dataclasses.replace(image, reference="suite/pause:2"))


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "image.tar").write_text("no tar")
    with pytest.raises(NoCluster, match=r"image\.tar is not an archive of one image as `docker save` writes it"):
        config_digest(Image("any:1", tmp_path / "image.tar"))


def footprint(engine: Engine, name: str) -> list[str]:
    """Everything of a cluster that an engine or this machine can show, but for mounts."""
    node = f"{name}-control-plane"
    return [
        *engine.run("ps", "--all", "--quiet", "--filter", f"name=^{node}$").stdout.split(),
        *engine.run("volume", "ls", "--quiet", "--filter", f"label={node}").stdout.split(),
        *engine.run("network", "ls", "--quiet", "--filter", f"name=^{name}$").stdout.split(),
        *(str(path) for path in (cache_root() / "clusters").glob(name)),
    ]


def mounts(places: list[str]) -> list[str]:
    """What is mounted on this machine, or behind a loop device, below or at `places`."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    loops = [path.read_text().strip() for path in Path("/sys/block").glob("loop*/loop/backing_file")]
    return [path for path in [*mounted, *loops] if any(place in path for place in places)]


@pytest.fixture(scope="module")
def provider() -> Iterator[Kind]:
    """Whatever a test does with it, nothing is left in the end."""
    engine, name = find_engine(), f"kserve-conformance-test-{os.getpid()}"
    started = Kind(name, keep=True)
    yield started
    fields = "{{.Id}} {{.GraphDriver.Data.MergedDir}} {{.NetworkSettings.SandboxKey}}"
    places = engine.run("container", "inspect", "--format", fields, f"{name}-control-plane").stdout.split()
    assert mounts(places)
    gc.remove(engine, name)
    assert footprint(engine, name) == []
    assert mounts(places) == []


@pytest.fixture(scope="module")
def cluster(provider: Kind) -> Cluster:
    return provider.start()


@pytest.mark.cluster
def test_a_cluster_answers_and_says_where_its_images_come_from(cluster: Cluster) -> None:
    assert cluster.version.startswith("v1.34.")
    assert cluster.images == "published" or cluster.version == VERSION
    assert cluster.why
    assert cluster.kubeconfig.stat().st_mode & 0o077 == 0
    own = Path.home() / ".kube" / "config"
    assert not own.exists() or cluster.context not in own.read_text()


@pytest.mark.cluster
def test_a_loaded_image_runs_and_sees_the_shared_folder(provider: Kind, cluster: Cluster, tmp_path: Path) -> None:
    provider.load([small_image(tmp_path, "suite/pause:1", "one")])
    container = Container("main", image="suite/pause:1", imagePullPolicy="Never")
    pod = Pod(metadata=ObjectMeta(name="pause", namespace="default"), spec=PodSpec([container]))
    cluster.client().create(pod)
    for _, seen in cluster.client().watch(Pod, namespace="default", fields={"metadata.name": "pause"}):
        if seen.status and seen.status.phase == "Running":
            break
    cluster.client().delete(Pod, "pause", namespace="default", grace_period=0)
    assert cluster.shared
    (cluster.shared / "seen").touch()
    assert find_engine().run("exec", f"{cluster.name}-control-plane", "ls", str(cluster.shared)).stdout == "seen\n"


@pytest.mark.cluster
def test_only_a_changed_image_is_loaded_again(
    provider: Kind, cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "conformance.setup")
    first, second = (small_image(tmp_path, "suite/changing:1", marker) for marker in ("first", "second"))
    loaded = []
    for image in (first, first, second, first):
        caplog.clear()
        provider.load([image])
        loaded.append(len(caplog.messages))
    assert loaded == [1, 0, 1, 1], cluster.name


@pytest.mark.cluster
def test_an_archive_that_breaks_off_is_said(provider: Kind, cluster: Cluster, tmp_path: Path) -> None:
    image = small_image(tmp_path, "suite/broken:1", "broken")
    assert image.archive
    whole = image.archive.read_bytes()
    image.archive.write_bytes(whole.replace(b"ELF", b"FLE"))
    with pytest.raises(NoCluster, match=f"suite/broken:1 cannot be loaded into {cluster.name}-control-plane"):
        provider.load([image])


@pytest.mark.cluster
def test_a_kept_cluster_is_found_again(provider: Kind, cluster: Cluster) -> None:
    provider.stop()
    begun = time.monotonic()
    assert Kind(provider.name, keep=True).start() == cluster
    assert time.monotonic() - begun < 10


@pytest.mark.cluster
@pytest.mark.parametrize("said", [pytest.param(b"creating", id="creating"), pytest.param(b"ready after", id="ready")])
def test_a_killed_run_leaves_nothing(said: bytes, engine: Engine) -> None:
    """SIGKILL while kind is at work, and when the cluster is up."""
    script = """
import logging, time
from clusters.kind import Kind
logging.basicConfig(level=logging.INFO, format="%(message)s")
Kind().start()
time.sleep(600)
"""
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, cwd=PAUSE.parents[2]) as killed:
        assert killed.stderr is not None
        name = f"{kind.KEPT_NAME}-{killed.pid}"
        while said not in killed.stderr.readline():
            assert killed.poll() is None
        node = f"{name}-control-plane"
        wait_until(lambda: engine.run("container", "inspect", node).returncode == 0, f"{node} to start", ENDED_WITHIN_S)
        killed.send_signal(signal.SIGKILL)
    wait_until(lambda: not footprint(engine, name), "everything to end", ENDED_WITHIN_S)


def test_the_command_says_in_one_line_why_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = dataclasses.replace(engine_that(tmp_path, ""), version="3.4.4")
    monkeypatch.setattr(kind, "find_engine", lambda: old)
    assert main(["gc"]) == 1
    assert capsys.readouterr().err == "podman 3.4.4 is too old for kind; install 4.0 or newer\n"


def test_prepare_refuses_an_unknown_release_before_it_builds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kind, "prepare", lambda: pytest.fail("it builds"))
    assert main(["prepare", "0.20.0", "9.9.9"]) == 1
    assert "no way to install KServe 9.9.9: choose one of" in capsys.readouterr().err
