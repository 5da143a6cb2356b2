"""A real kind cluster: what it offers, and that nothing is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from clusters import gc, kind
from clusters.base import Cluster, NoCluster
from clusters.engine import Engine, find_engine
from clusters.images.kubernetes import VERSION
from clusters.kind import Kind
from clusters.toolchain.cache import cache_root
from tests.clusters.stub_engine import ENDED_WITHIN_S, PAUSE, small_image
from tests.processes import wait_until


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
