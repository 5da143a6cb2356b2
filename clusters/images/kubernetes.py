"""Build Kubernetes from its modules: the programs of a node, and the images that kubeadm requires."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from clusters.images.archive import layer, write
from clusters.toolchain.cache import run
from clusters.toolchain.go import go_binary, go_programs, go_source

#: The last minor release whose kubelet accepts cgroup v1 by default.
VERSION = "v1.34.4"
_STAGING = VERSION.replace("v1", "v0", 1)
_IN_IMAGES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
_ON_THE_NODE = ("kubeadm", "kubelet", "kubectl")
_PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PAUSE = Path(__file__).parent / "pause"
_TABLES = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")
#: The node selects a variant of iptables at start, and its kubelet creates chains that reveal the choice.
_KUBE_PROXY = """#!/bin/sh
case $(xtables-nft-multi iptables-save -t mangle 2>/dev/null) in
*KUBE-IPTABLES-HINT* | *KUBE-KUBELET-CANARY*) variant=nft ;;
*) variant=legacy ;;
esac
PATH=/iptables/$variant:$PATH exec /kube-proxy "$@"
"""


def programs() -> Path:
    """The folder with all programs of Kubernetes, from one build: they share most of their packages."""
    packages = [f"cmd/{name}" for name in (*_IN_IMAGES, *_ON_THE_NODE)]
    version = {"k8s.io/component-base/version.gitVersion": VERSION}
    return go_programs("k8s.io/kubernetes", VERSION, packages, beside=_STAGING, variables=version)


def node_programs() -> Mapping[str, Path]:
    """Path on a node -> program."""
    return {f"/usr/bin/{name}": programs() / name for name in _ON_THE_NODE}


def references() -> Mapping[str, str]:
    """Name (`etcd`) -> reference of each image that kubeadm wants; it knows the versions that fit."""
    listed = run([programs() / "kubeadm", "config", "images", "list", "--kubernetes-version", VERSION]).split()
    return {reference.rpartition("/")[2].partition(":")[0]: reference for reference in listed}


def executables() -> Mapping[str, Path]:
    """Name of an image -> its program."""
    found: dict[str, Path] = {}
    for name, reference in references().items():
        tag = reference.rpartition(":")[2]
        match name:
            case "pause":
                found[name] = go_source(_PAUSE, name)
            case "etcd":
                version = f"v{tag.partition('-')[0]}"
                found[name] = go_programs("go.etcd.io/etcd/server/v3", version, [""], beside=version) / "server"
            case "coredns":
                found[name] = go_binary("github.com/coredns/coredns", tag, name)
            case _:
                found[name] = programs() / name
    return found


def write_images(folder: Path, root: Path) -> None:
    """Write the images that kubeadm wants into `folder`; `root` is a Debian that has iptables, for kube-proxy's."""
    named = references()
    for name, program in executables().items():
        content: Mapping[str, Path] = {f"/usr/local/bin/{name}": program}
        if name == "kube-proxy":
            content = _kube_proxy(folder / "kube-proxy", program, root)
        one = layer(folder / "layer", content)
        configuration = {"Entrypoint": [f"/usr/local/bin/{name}"], "Env": [f"PATH={_PATH}"]}
        write(folder / f"{name}.tar", named[name], [one], configuration)
        one.unlink()
    shutil.rmtree(folder / "kube-proxy")


def _kube_proxy(folder: Path, program: Path, root: Path) -> Mapping[str, Path]:
    """Its image's content: both variants of iptables with their extensions, which are libraries opened at run time."""
    for variant in ("nft", "legacy"):
        (folder / variant).mkdir(parents=True)
        for table in _TABLES:
            (folder / variant / table).symlink_to(f"/usr/sbin/xtables-{variant}-multi")
    start = folder / "start"
    start.write_text(_KUBE_PROXY)
    start.chmod(0o755)
    extensions = next(root.glob("usr/lib/*/xtables"))
    wanted = ["/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-legacy-multi", "/usr/bin/dash"]
    opened = [f"/{path.relative_to(root)}" for path in extensions.glob("*.so")]
    return {
        "/kube-proxy": program,
        "/usr/local/bin/kube-proxy": start,
        "/bin/sh": root / "usr/bin/dash",
        "/iptables/nft": folder / "nft",
        "/iptables/legacy": folder / "legacy",
        f"/{extensions.relative_to(root)}": extensions,
        **{path: (root / path.lstrip("/")).resolve() for path in {*wanted, *_libraries(root, [*wanted, *opened])}},
    }


def _libraries(root: Path, files: list[str]) -> Iterator[str]:
    """The shared libraries that `files` of `root` need, the dynamic loader among them."""
    for line in run(["chroot", root, "ldd", *files]).splitlines():
        words = line.replace(" =>", "").split()
        if line.startswith("\t") and (path := next((word for word in words if word.startswith("/")), "")):
            yield path
