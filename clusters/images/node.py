"""Assemble a kind node image without a registry, from Debian packages and Go modules.

The entrypoint, the systemd units and containerd's configuration come from kind's own module (`images/base`).
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clusters.images import kubernetes
from clusters.toolchain.cache import StepFailed, digest_of, once, run
from clusters.toolchain.debian import root_file_system
from clusters.toolchain.module_files import module_files

log = logging.getLogger("conformance.setup")

KIND_MODULE = "sigs.k8s.io/kind"
KIND_VERSION = "v0.33.0"
#: kind's default; the CNI configuration assigns addresses from it.
POD_SUBNET = "10.244.0.0/16"
#: The packages of kind's Dockerfile without network storage, plus Debian's containerd, runc and CNI plugins.
PACKAGES = (
    *("systemd", "systemd-sysv", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux", "mount"),
    *("kmod", "libseccomp2", "pigz", "bash", "ca-certificates", "curl", "jq", "procps", "hostname"),
    *("containerd", "runc", "containernetworking-plugins"),
)
#: Changes to the image configuration, in the syntax of `import`; kind's Dockerfile gives the reasons.
CHANGES = (
    'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]',
    "ENV container=docker",
    "STOPSIGNAL SIGRTMIN+3",
)
#: Units that kind's Dockerfile removes, and units that it enables.
_NO_UNITS = (
    "lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
    "lib/systemd/system/multi-user.target.wants/*",
    "etc/systemd/system/*.wants/*",
    "lib/systemd/system/local-fs.target.wants/*",
    "lib/systemd/system/sockets.target.wants/*udev*",
    "lib/systemd/system/sockets.target.wants/*initctl*",
    "lib/systemd/system/basic.target.wants/*",
)
_UNITS = ("kubelet.service", "containerd.service", "undo-mount-hacks.service")
#: Maps each path that kind's units and containerd use to Debian's path.
_LINKS = {
    "usr/local/bin/containerd": "/usr/bin/containerd",
    "usr/local/bin/ctr": "/usr/bin/ctr",
    "usr/local/bin/containerd-shim-runc-v2": "/usr/bin/containerd-shim-runc-v2",
    "usr/local/sbin/runc": "/usr/sbin/runc",
    "opt/cni/bin": "/usr/lib/cni",
    "etc/systemd/system/systemd-binfmt.service": "/dev/null",
}
#: Replaces kindnet, whose daemon is not in kind's module. The network is routed, not bridged: on a bridge, replies of
#: a Service between two pods need the kernel's br_netfilter.
_NETWORK = {
    "cniVersion": "0.4.0",
    "name": "pods",
    "plugins": [
        {
            "type": "ptp",
            "ipMasq": True,
            "ipam": {"type": "host-local", "ranges": [[{"subnet": POD_SUBNET}]], "routes": [{"dst": "0.0.0.0/0"}]},
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}
#: kind applies this manifest; no provisioner creates volumes here.
_STORAGE = """apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: standard
  annotations: {storageclass.kubernetes.io/is-default-class: "true"}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
"""
#: $1 is the root, $2 the folder for its /mnt, $3 the script.
_ENTER = """
mount --bind "$2" "$1/mnt"
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/tmp"
mount -t tmpfs tmpfs "$1/run"
exec chroot "$1" sh -euc "$3"
"""
_PRELOAD = """
containerd >/tmp/log 2>&1 &
timeout 60 sh -c "until ctr version; do sleep 0.1; done" >/dev/null 2>&1 || { cat /tmp/log; exit 1; } >&2
for archive in /mnt/*.tar; do ctr --namespace k8s.io images import "$archive"; done
ctr --namespace k8s.io content prune references >/dev/null  # layers, which are unpacked by now
kill $!
wait $! || true
"""


def digest() -> str:
    """Ten hexadecimal digits that change with everything that the image is made of."""
    return digest_of(_build)


def node_image() -> Path:
    """Its root file system as a tar. Raises ToolFailed."""
    remedy = "see that the disk has room, and that this process is root"
    what = f"kind node image {kubernetes.VERSION}"
    return once(f"node/{kubernetes.VERSION}", _build, what, remedy) / "node.tar"


def _build(folder: Path) -> None:
    # A mirror is waited for while the compiler is at work.
    with ThreadPoolExecutor() as both:
        debian = both.submit(root_file_system, PACKAGES)
        kubernetes.executables()
        packages = debian.result()
    root, images = folder / "root", folder / "images"
    root.mkdir()
    images.mkdir()
    unpack(packages, root)
    _install_kinds_files(root)
    _install_kubernetes(root)
    log.info("kind node image: preloading the control plane")
    kubernetes.write_images(images, root)
    run_inside(root, images, _PRELOAD)
    shutil.rmtree(images)
    options: list[str | Path] = ["--directory", root, "--numeric-owner", "--xattrs", "--exclude=./dev/*"]
    run(["tar", "--create", "--file", folder / "node.tar", *options, "."])
    shutil.rmtree(root)


def unpack(archive: Path, root: Path) -> None:
    """A root file system with all its owners, without device nodes. Raises StepFailed."""
    run(["tar", "--extract", "--file", archive, "--directory", root, "--numeric-owner", "--exclude=./dev/*"])


def run_inside(root: Path, shown: Path, script: str) -> str:
    """The output of a shell script that has the folder `root` as its root, and `shown` as /mnt. Raises StepFailed.

    It runs in a mount namespace of its own, so that nothing stays mounted whatever happens.
    """
    namespaces = ["--mount", "--pid", "--fork", "--kill-child"]
    return run(["unshare", *namespaces, "sh", "-euc", _ENTER, "enter", root, shown, script])


def _install_kinds_files(root: Path) -> None:
    base = "images/base/files/"
    files = module_files(KIND_MODULE, KIND_VERSION, [base]) / base
    for source in (path for path in files.rglob("*") if path.is_file()):
        inside = source.relative_to(files)
        target = root / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755 if inside.parent.name == "bin" else 0o644)
    for pattern in _NO_UNITS:
        for unit in root.glob(pattern):
            unit.unlink()
    with (root / "etc/systemd/journald.conf").open("a") as stream:
        stream.write("ReadKMsg=no\n")
    for path, place in _LINKS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(place)
    run(["chroot", root, "systemctl", "enable", *_UNITS])
    _edit(
        root / "etc/containerd/config.toml",
        r'sandbox_image = ".*"',
        f'sandbox_image = "{kubernetes.references()["pause"]}"',
    )
    # A root without CAP_SYS_RESOURCE cannot lower the score of a sandbox; it then starts with the score it may have.
    _edit(root / "etc/containerd/config.toml", "restrict_oom_score_adj = false", "restrict_oom_score_adj = true")
    specification = json.loads(run(["chroot", root, "ctr", "oci", "spec"]))
    specification["hooks"] = {"createContainer": [{"path": "/kind/bin/mount-product-files.sh"}]}
    del specification["process"]["rlimits"]
    (root / "etc/containerd/cri-base.json").write_text(json.dumps(specification))


def _install_kubernetes(root: Path) -> None:
    for path, program in kubernetes.node_programs().items():
        shutil.copy(program, root / path.lstrip("/"))
    written = {
        "kind/version": kubernetes.VERSION,
        "kind/manifests/default-storage.yaml": _STORAGE,
        "etc/cni/net.d/10-pods.conflist": json.dumps(_NETWORK),
    }
    (root / "etc/kubernetes/manifests").mkdir(parents=True)
    for path, text in written.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def _edit(path: Path, pattern: str, replacement: str) -> None:
    """Raises StepFailed where kind's file has changed."""
    text, times = re.subn(pattern, replacement, path.read_text())
    if times != 1:
        raise StepFailed(f"{path.name} of kind {KIND_VERSION} has no {pattern}", text)
    path.write_text(text)
