"""Servers from published images, with the same interface as servers that are local programs.

`python -m scenarios.servers.container --image IMAGE --publish PORT:INNER [--env NAME ...] [-- ARGUMENT ...]` runs in
the foreground: it starts one container through testcontainers, prints its log and ends with it. The container is
removed when the program ends, whatever the cause. The program keeps a socket in its working directory.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import secrets
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from clusters.engine import NoEngine, find_engine
from scenarios.servers.base import Server, Unavailable

PULL_WITHIN_S = 600


@dataclass(frozen=True)
class ServerImage:
    """An image of a server.

    name       the server's name.
    default    the image name as a client resolves it by default, pinned by tag. A tag can move, but a digest would
               require one registry's copy, and none could be looked up at the time of writing.
    port       the server's port in the container.
    arguments  arguments for the image's entrypoint.
    """

    name: str
    default: str
    port: int
    arguments: Sequence[str] = ()

    @property
    def variable(self) -> str:
        """The environment variable that selects another image."""
        return f"KSERVE_CONFORMANCE_IMAGE_{self.name.upper().replace('-', '_')}"

    @property
    def reference(self) -> str:
        """The image to run."""
        return os.environ.get(self.variable, self.default)

    def prepare(self) -> None:
        """Pull the image if it is missing. Raises Unavailable."""
        if not importlib.util.find_spec("testcontainers"):
            raise Unavailable("testcontainers is missing; install the extra `container`")
        try:
            engine = find_engine()
        except NoEngine as reason:
            raise Unavailable(str(reason)) from reason
        if engine.run("image", "inspect", self.reference).returncode == 0:
            return
        pulled = engine.run("pull", "--quiet", self.reference, timeout_s=PULL_WITHIN_S)
        if pulled.returncode:
            why = (pulled.stderr.strip() or "no reason given").splitlines()[-1]
            raise Unavailable(f"{self.reference} cannot be pulled ({why}); set ${self.variable} to another image")

    def command(self, port: int | str, environment: Collection[str] = ()) -> Sequence[str]:
        """The foreground program that serves on 127.0.0.1:`port`. It passes on the variables named in `environment`."""
        argv = [sys.executable, "-m", __spec__.name, "--image", self.reference, "--publish", f"{port}:{self.port}"]
        for name in environment:
            argv += ["--env", name]
        return [*argv, "--", *self.arguments]


class FromImage(Server):
    """A mixin that runs a server from `image`. List it before the server: `class MinIOImage(FromImage, MinIO)`."""

    image: ClassVar[ServerImage]

    def prepare(self) -> None:
        self.image.prepare()

    def version(self) -> str:
        return self.image.reference

    def command(self, port: int, state: Path) -> Sequence[str]:
        return self.image.command(port, super().environment(state))

    def environment(self, state: Path) -> Mapping[str, str]:
        return {**super().environment(state), **find_engine().environment}


def main() -> int:
    """Run one container. Returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", required=True)
    parser.add_argument("--publish", required=True, metavar="PORT:INNER")
    parser.add_argument("--env", action="append", default=[], metavar="NAME")
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    # Ryuk, testcontainers' cleanup, is itself a container: it needs a pull and the engine's socket.
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
    engine = find_engine()
    name = f"kserve-conformance-{secrets.token_hex(6)}"
    with engine.api(Path.cwd()) as url, engine.cleanup_watchdog(name):
        os.environ["DOCKER_HOST"] = url
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 -- reads the environment at import

        # Disable the client's timeout, because a server may print nothing for hours.
        container = DockerContainer(options.image, docker_client_kw={"timeout": None})
        container.with_name(name).with_command(options.arguments)
        port, _, inner = options.publish.partition(":")
        # with_bind_ports accepts no address, and only this machine may reach a run's server.
        container.ports[inner] = ("127.0.0.1", int(port))  # type: ignore[assignment]
        for variable in options.env:
            container.with_env(variable, os.environ[variable])
        running = container.start().get_wrapped_container()
        for chunk in running.logs(stream=True, follow=True):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        return int(running.wait()["StatusCode"])


if __name__ == "__main__":
    sys.exit(main())
