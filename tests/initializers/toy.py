"""The small initializer with one more scheme, that of the toy store: `python toy.py SRC DEST [SRC DEST ...]`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parent))

from honest import Initializer, Refused


class Toy(Initializer):
    """Lists what the URI names, and downloads each file."""

    def fetch(self, source: str, dest: Path) -> None:
        if not source.startswith("toy://"):
            super().fetch(source, dest)
            return
        case, _, path = source.removeprefix("toy://").partition("/")
        corner = f"{os.environ['TOY_ENDPOINT']}/{case}"
        with tempfile.TemporaryDirectory() as folder:
            listing = json.loads(self.download(f"{corner}/{quote(path.rstrip('/'))}?list", Path(folder)).read_text())
        if not listing:
            raise Refused(f"no model found in {source}")
        for name, place in listing.items():
            self.download(f"{corner}/{quote(place)}", (dest / name).parent)


if __name__ == "__main__":
    sys.exit(Toy().main(sys.argv[1:]))
