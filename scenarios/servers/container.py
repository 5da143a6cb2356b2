"""Servers from published images, behind the same interface as those that are programs of this machine.

`python -m scenarios.servers.container --image IMAGE --publish PORT:INNER [--env NAME ...] [-- ARGUMENT ...]` is a
foreground program: it starts one container through testcontainers, prints its log and ends when it ends. The container
is removed when the program is gone, whatever ended it. It keeps a socket in the folder it is started in.
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
    """An image that plays a server.

    name       of the server.
    default    the image as a client resolves it by default, pinned by tag. A tag can be moved; a digest would tie the
               suite to one registry's copy, and none could be looked up when this was written.
    port       where the server listens in the container.
    arguments  for the image's entrypoint.
    """

    name: str
    default: str
    port: int
    arguments: Sequence[str] = ()

    @property
    def variable(self) -> str:
        """The environment variable that names another image."""
        return f"KSERVE_CONFORMANCE_IMAGE_{self.name.upper().replace('-', '_')}"

    @property
    def reference(self) -> str:
        """The image that is run."""
        return os.environ.get(self.variable, self.default)

    def prepare(self) -> None:
        """Have the image on this machine. Raises Unavailable."""
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
            raise Unavailable(f"{self.reference} cannot be pulled; ${self.variable} may name another image ({why})")

    def command(self, port: int | str, environment: Collection[str] = ()) -> Sequence[str]:
        """The foreground program that serves on 127.0.0.1:`port`; it hands on its variables named in `environment`."""
        argv = [sys.executable, "-m", __spec__.name, "--image", self.reference, "--publish", f"{port}:{self.port}"]
        for name in environment:
            argv += ["--env", name]
        return [*argv, "--", *self.arguments]


class FromImage(Server):
    """Goes before the class of a server, to run it from `image`: `class MinIOImage(FromImage, MinIO)`."""

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
    """Run one container; its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", required=True)
    parser.add_argument("--publish", required=True, metavar="PORT:INNER")
    parser.add_argument("--env", action="append", default=[], metavar="NAME")
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    # Its own reaper is a container too, which would have to be pulled and needs the engine's socket.
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"
    engine = find_engine()
    name = f"kserve-conformance-{secrets.token_hex(6)}"
    with engine.api(Path.cwd()) as url, engine.cleanup_watchdog(name):
        os.environ["DOCKER_HOST"] = url
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 -- reads the environment at import

        # No time limit of the client's own: a server may say nothing for hours.
        container = DockerContainer(options.image, docker_client_kw={"timeout": None})
        container.with_name(name).with_command(options.arguments)
        port, _, inner = options.publish.partition(":")
        # with_bind_ports knows no address, and a server of a run is nobody else's.
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
