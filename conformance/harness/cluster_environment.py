"""The environment of a run on a cluster: the cluster, KServe, the stores and the initializer's image."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lightkube.types import PatchType

from clusters.base import Cluster, Image, NoCluster, Provider
from clusters.engine import NoEngine, find_engine
from clusters.existing import Existing
from clusters.images.modelcar import modelcar
from clusters.images.own import own_image
from clusters.kind import Kind
from clusters.kserve.install import install
from clusters.kserve.installation import Installation, installed
from clusters.kserve.releases import NoKServe
from clusters.pytest_kind import PytestKind
from clusters.sweep import sweep
from clusters.toolchain.cache import cache_root, once
from conformance.harness.run_options import Options
from scenarios.cluster.kubernetes import STORAGE_CONTAINER
from scenarios.content.models import MODEL
from scenarios.initializers.base import Initializer
from scenarios.initializers.injected import Injected, PodSettings
from scenarios.initializers.release_image import initializer_image
from scenarios.locks import SharedLock
from scenarios.servers import in_cluster
from scenarios.servers.base import Server
from scenarios.servers.fleet import Fleet


@dataclass(frozen=True)
class ClusterEnvironment:
    """A started environment, ready for pods. Only the process that called `start` may call `stop`."""

    provider: Provider
    cluster: Cluster
    installation: Installation
    initializer: Initializer
    fleet: Fleet

    @classmethod
    def start(
        cls,
        options: Options,
        servers: Collection[type[Server]],
        folder: Path,
        run_id: str,
        *,
        pods: bool,
        controllers: Collection[str],
    ) -> ClusterEnvironment:
        """Start everything, in parallel where the parts are independent.

        servers      the servers of the stores that pods will use.
        run_id       the value of RUN_LABEL on every object that the run creates.
        pods         whether any pod will run. If not, the suite builds no image of an initializer or a store.
        controllers  names of KServe's optional controllers that the selected rules need.
        Raises NoCluster, NoKServe, NoInitializer, ToolFailed or Unavailable. Each message is one line with the remedy.
        """
        provider = _provider(options)
        with contextlib.ExitStack() as undo, ThreadPoolExecutor(3) as threads:
            undo.callback(provider.stop)
            stores = threads.submit(in_cluster.prepare, servers) if pods else None
            cluster = provider.start()
            if options.cluster == "kind":
                sweep(cluster)  # remove what killed runs left in a kept cluster
            undo.callback(sweep, cluster, run_id)
            images = threads.submit(_images, options.initializer, cluster) if pods else None
            installing = threads.submit(_installation, options, provider, cluster, controllers)
            fleet, initializer = Fleet.without_servers(folder), options.initializer
            if stores and images:
                home = folder
                if cluster.shared:
                    folder.rmdir()
                    home = cluster.shared / f"run-{run_id}"
                fleet = in_cluster.start(cluster, provider, stores.result(), home, run_id)
                undo.callback(fleet.stop)
                subject, inspector, greeter, *cars = images.result()
                provider.load([subject, inspector, greeter, *cars])
                place = PodSettings(
                    cluster=cluster,
                    release=options.kserve,
                    inspector=inspector.reference,
                    greeter=greeter.reference,
                    modelcar=cars[0].reference if cars else "",
                    run_id=run_id,
                    lock=lock_of(cluster),
                )
                initializer = Injected(initializer, subject.reference, place)
            installation = installing.result()
            if pods:
                disable_storage_containers(cluster)
            undo.pop_all()
        return cls(provider, cluster, installation, initializer, fleet)

    def stop(self, run_id: str, *, keep: bool) -> None:
        """Stop everything, except a cluster that the options keep and, with `keep`, the objects of failed cases."""
        self.fleet.stop()
        if not keep:
            sweep(self.cluster, run_id)
        self.provider.stop()


def disable_storage_containers(cluster: Cluster) -> None:
    """Disable the cluster's storage containers: which of several that match a URI KServe uses is undefined (S5.11)."""
    for one in cluster.client().list(STORAGE_CONTAINER):
        name = str(one["metadata"]["name"])
        cluster.client().patch(STORAGE_CONTAINER, name, {"disabled": True}, patch_type=PatchType.MERGE)


def lock_of(cluster: Cluster) -> SharedLock:
    """Return this machine's lock for a cluster. Tests share it, except those that change KServe's settings."""
    which = hashlib.sha256(f"{cluster.kubeconfig} {cluster.context}".encode()).hexdigest()[:16]
    return SharedLock(cache_root() / "locks" / f"cluster-{which}")


def _provider(options: Options) -> Provider:
    if options.cluster == "existing":
        return Existing(options.kubeconfig, options.context)
    provider = PytestKind if options.driver == "pytest-kind" else Kind
    return provider(keep=options.keep_cluster, images=options.images)


def _installation(
    options: Options, provider: Provider, cluster: Cluster, controllers: Collection[str] = ()
) -> Installation:
    """Install KServe as the options ask. On an existing cluster, use what is there. Raises NoKServe."""
    if options.cluster != "existing":
        return install(cluster, provider, options.kserve, options.install, controllers=controllers)
    found = installed(cluster)
    if found is None:
        raise NoKServe(f"{cluster.name} has no KServe: install it there, or run with --cluster kind")
    if found.release != options.kserve:
        raise NoKServe(f"{cluster.name} has KServe {found.release or 'of unknown release'}, not {options.kserve}: "
                       f"give --kserve {found.release}")  # fmt: skip
    return found


def _images(subject: Initializer, cluster: Cluster) -> tuple[Image, ...]:
    """Return the images of the initializer, the inspector and the greeter, and of a model if it can be built."""
    subject.prepare()
    if subject.name == "kserve":
        image = initializer_image(subject.version, cluster.images)
    else:
        image = _saved(subject.spec.removeprefix("image:"), subject.digest)
    cars = [modelcar(MODEL)] if cluster.images == "assembled" else []
    return (image, *map(own_image, ("inspector", "greeter")), *cars)


def _saved(reference: str, digest: str) -> Image:
    """Save an image of this machine's container engine as an archive."""
    try:
        engine = find_engine()
    except NoEngine as reason:
        raise NoCluster(f"image {reference}: {reason}") from reason

    def save(folder: Path) -> None:
        formatted = ["--format", "docker-archive"] if engine.name == "podman" else []
        saved = engine.run("save", *formatted, "--output", str(folder / "image.tar"), reference, timeout_s=600)
        if saved.returncode:
            raise OSError(saved.stderr.strip().splitlines()[-1:] or ["no reason given"])

    folder = once(f"images/saved-{digest.removeprefix('sha256:')[:16]}", save, f"archive of {reference}")
    return Image(reference, folder / "image.tar")
