"""KServe's controller manager as an image: built from the release's own Go module."""

from __future__ import annotations

import json
from pathlib import Path

from clusters.base import Image, Source
from clusters.images.archive import layer, write
from clusters.toolchain.cache import once, run
from clusters.toolchain.go import go

MODULE = "github.com/kserve/kserve"
#: Numeric, because the manager's pod says runAsNonRoot; this is the user of upstream's image.
USER = 1000


def manager_image(release: str, reference: str, source: Source) -> Image:
    """The manager of KServe `release` under the `reference` that its manifests name. Raises ToolFailed."""
    if source == "published":
        return Image(reference)

    def build(folder: Path) -> None:
        content = {"/manager": manager(release), "/etc/ssl/certs/ca-certificates.crt": _authorities()}
        configuration = {"Entrypoint": ["/manager"], "User": f"{USER}:{USER}"}
        one = layer(folder / "layer.tar", {path: file for path, file in content.items() if file.exists()})
        write(folder / "image.tar", reference, [one], configuration)
        one.unlink()

    key = f"images/kserve-controller-{release}"
    return Image(reference, once(key, build, f"image of KServe's manager {release}") / "image.tar")


def manager(release: str) -> Path:
    """The executable `manager` of KServe `release`, static. Raises ToolFailed."""

    def build(folder: Path) -> None:
        # Inside the module itself its own go.mod holds, with the replacements that `go install` refuses.
        described = json.loads(run([go(), "mod", "download", "-json", f"{MODULE}@v{release}"], cwd=folder))
        options = ["-trimpath", "-mod=readonly", "-ldflags", "-s -w", "-o", folder / "manager"]
        run(["nice", "-n", "10", go(), "build", *options, "./cmd/manager"], {"CGO_ENABLED": "0"}, described["Dir"])

    what = f"KServe's manager {release} (some minutes)"
    return once(f"go/kserve-manager-{release}", build, what, "check the network and GOPROXY") / "manager"
