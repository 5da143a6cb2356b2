"""Create Debian root file systems with mmdebstrap."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from clusters.toolchain.cache import StepFailed, once, run

SUITE = "bookworm"
#: Files that no container reads.
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
_REMEDY = "check the network and the Debian mirror"


def root_file_system(packages: Sequence[str], *, alone: bool = False) -> Path:
    """A tar of a minimal Debian with `packages`, owned as in an installed system; with `alone` nothing beside them.

    Raises ToolFailed.
    """
    variant = "extract" if alone else "minbase"
    chosen = sorted(packages)

    def build(folder: Path) -> None:
        program = shutil.which("mmdebstrap")
        if not program:
            raise StepFailed("mmdebstrap is not on PATH (install the package `mmdebstrap`)", "")
        if os.geteuid() != 0:
            raise StepFailed("only root can make a Debian root file system with all its owners", "")
        excludes = [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
        # dpkg waits for the disk after every package; a build that a power cut ends is made anew anyway.
        excludes.append("--dpkgopt=force-unsafe-io")
        options = [
            f"--variant={variant}",
            *([f"--include={','.join(chosen)}"] if chosen else []),
            "--skip=output/dev",
            *excludes,
        ]
        run([program, *options, SUITE, folder / "root.tar"], {"TMPDIR": str(folder)})
        # Without device nodes, which not everybody may make, mmdebstrap leaves out the folder that they are mounted on.
        with tarfile.open(folder / "root.tar", "a") as tar:
            devices = tarfile.TarInfo("./dev")
            devices.type, devices.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(devices)

    what = f"Debian {SUITE} with {len(packages)} packages"
    return once(f"debian/{SUITE}", build, what, _REMEDY) / "root.tar"
