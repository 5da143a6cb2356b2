"""The storage initializer of the Kubeflow model registry: a program of another vendor to run the suite on.

`python -m tests.hub_initializer` builds it into the cache (three minutes the first time) and prints its path.
"""

from __future__ import annotations

from pathlib import Path

from clusters.toolchain.go import go_programs

MODULE = "github.com/kubeflow/model-registry"
#: The newest release in the checksum database; its cmd/csi and internal/csi equal those of v0.3.0.
VERSION = "v0.2.22"
#: The only release of the module's own API package, which its go.mod replaces by a local folder.
OPENAPI = "v0.3.2"


def program() -> Path:
    """The executable. Raises ToolFailed."""
    return go_programs(MODULE, VERSION, ["cmd/csi"], beside=OPENAPI) / "csi"


if __name__ == "__main__":
    print(program())  # noqa: T201 -- this is the command's answer
