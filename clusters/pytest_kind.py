"""A kind cluster that pytest-kind creates: its `KindCluster` calls kind, and the suite does everything else."""

from __future__ import annotations

import contextlib
import importlib
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from clusters.base import Cluster, NoCluster
from clusters.kind import Kind
from clusters.toolchain.cache import StepFailed, telling_line


class PytestKind(Kind):
    """Like Kind, which also removes the cluster, because a killed run would not call pytest-kind's `delete`."""

    driver = "pytest-kind"

    def start(self) -> Cluster:
        """Start the cluster and return it when pods can run. Raises NoCluster."""
        try:
            importlib.import_module("pytest_kind")
        except ImportError as error:
            remedy = "install the suite with its extra pytest-kind, or remove --kind-driver"
            raise NoCluster(f"--kind-driver pytest-kind: {error}; {remedy}") from error
        return super().start()

    def _drive(self, kind: Sequence[str], environment: Mapping[str, str], file: Path, kubeconfig: Path) -> None:
        """Give pytest-kind a script that sets `environment` and calls `kind`.

        pytest-kind itself passes no environment to kind, and without a program it would download one.
        """
        log = file.with_name("kind.log")
        program = file.with_name("kind")
        settings = [f"{name}={value}" for name, value in environment.items()]
        program.write_text(f'#!/bin/sh\nexec {shlex.join(["env", *settings, *kind])} "$@" 2>>{shlex.quote(str(log))}\n')
        program.chmod(0o755)
        # pytest-kind always creates this folder for downloads, although it downloads nothing here.
        its_own = Path(".pytest-kind", self.name)
        try:
            cluster = importlib.import_module("pytest_kind").KindCluster(self.name, kubeconfig, kind_path=program)
            cluster.create(file)
        except (subprocess.CalledProcessError, OSError) as error:
            output = log.read_text(errors="replace") if log.exists() else ""
            raise StepFailed(telling_line(output) or str(error), output) from error
        finally:
            for folder in (its_own, its_own.parent):
                with contextlib.suppress(OSError):  # missing, or the user keeps files there
                    folder.rmdir()
