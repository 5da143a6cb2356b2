"""A cluster of kind's that pytest-kind makes: its `KindCluster` calls kind, everything else is the suite's own."""

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
    """As Kind, which is what removes it, too: pytest-kind's own `delete` is not called by a run that was killed."""

    driver = "pytest-kind"

    def start(self) -> Cluster:
        """The cluster, ready for pods. Raises NoCluster."""
        try:
            importlib.import_module("pytest_kind")
        except ImportError as error:
            remedy = "install the suite with its extra pytest-kind, or leave --kind-driver out"
            raise NoCluster(f"--kind-driver pytest-kind: {error}; {remedy}") from error
        return super().start()

    def _drive(self, kind: Sequence[str], environment: Mapping[str, str], file: Path, kubeconfig: Path) -> None:
        """It passes no environment on, and would download a kind of its own were it not given one."""
        log = file.with_name("kind.log")
        program = file.with_name("kind")
        settings = [f"{name}={value}" for name, value in environment.items()]
        program.write_text(f'#!/bin/sh\nexec {shlex.join(["env", *settings, *kind])} "$@" 2>>{shlex.quote(str(log))}\n')
        program.chmod(0o755)
        # It makes this folder wherever a program is, for the binaries that it has no need to download here.
        its_own = Path(".pytest-kind", self.name)
        try:
            cluster = importlib.import_module("pytest_kind").KindCluster(self.name, kubeconfig, kind_path=program)
            cluster.create(file)
        except (subprocess.CalledProcessError, OSError) as error:
            output = log.read_text(errors="replace") if log.exists() else ""
            raise StepFailed(telling_line(output) or str(error), output) from error
        finally:
            for folder in (its_own, its_own.parent):
                with contextlib.suppress(OSError):  # not there, or something of the user's in it
                    folder.rmdir()
