"""Initializers that break one thing each: `python broken.py NAME SRC DEST ...`, NAME a class below in lower case."""

from __future__ import annotations

import os
import sys
import tarfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from honest import Initializer


class Flatten(Initializer):
    """Nested files land at the top."""

    def name(self, relative: Path) -> Path:
        return Path(relative.name)


class Packed(Initializer):
    """Archives stay packed."""

    def unpack(self, path: Path, dest: Path) -> None:
        pass


class Unsafe(Initializer):
    """Members of archives go where they say."""

    def member(self, member: tarfile.TarInfo, dest: str) -> tarfile.TarInfo:
        return member


class Silent(Initializer):
    """Failures exit with 0."""

    def fail(self, message: str) -> int:
        super().fail(message)
        return 0


class Mute(Initializer):
    """Failures say nothing."""

    def fail(self, message: str) -> int:
        return 1


class Private(Initializer):
    """Files are readable by their owner alone."""

    def place(self, source: Path, target: Path) -> Path:
        super().place(source, target).chmod(0o600)
        return target


class Talkative(Initializer):
    """The environment is printed, credentials included."""

    def fetch(self, source: str, dest: Path) -> None:
        print(dict(os.environ))
        super().fetch(source, dest)


class Litter(Initializer):
    """A file is left outside the destination."""

    def fetch(self, source: str, dest: Path) -> None:
        Path("/mnt/litter").write_text("left")
        super().fetch(source, dest)


class Tilde(Initializer):
    """Files with a tilde in their name are taken for an editor's copies, and left out. No case has such a name."""

    def wanted(self, path: str) -> bool:
        return "~" not in path and super().wanted(path)


class Hang(Initializer):
    """It never ends."""

    def fetch(self, source: str, dest: Path) -> None:
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    kinds = {kind.__name__.lower(): kind for kind in Initializer.__subclasses__()}
    sys.exit(kinds[sys.argv[1]]().main(sys.argv[2:]))
