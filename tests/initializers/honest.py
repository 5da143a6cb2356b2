"""A small initializer for `local`, `pvc` and `http` that keeps the rules; the broken ones beside it change one thing.

Run as `python honest.py SRC DEST [SRC DEST ...]`. It needs the standard library alone.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import sys
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from fnmatch import fnmatch
from pathlib import Path

TARS = (".tar", ".tgz", ".tar.gz")
ARCHIVES = (*TARS, ".zip")


class Refused(Exception):
    """What cannot be fetched: the message names the resource and the cause."""


def patterns(name: str) -> list[str]:
    """The patterns in a variable: a JSON list, or separated by commas."""
    text = os.environ.get(name, "")
    return json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]


class Initializer:
    """Fetches pairs of source and destination; each step is a method that a broken initializer overrides."""

    def main(self, arguments: list[str]) -> int:
        if not arguments or len(arguments) % 2:
            return self.usage()
        began = time.monotonic()
        signal.signal(signal.SIGTERM, self.terminated)
        try:
            for source, dest in zip(arguments[::2], arguments[1::2], strict=True):
                self.fetch(source, Path(dest))
        except (Refused, OSError) as error:
            return self.fail(str(error))
        print(f"Model downloaded in {time.monotonic() - began:.2f} seconds.")
        return 0

    def terminated(self, *_: object) -> None:
        sys.exit(143)

    def usage(self) -> int:
        print("Usage: honest.py SRC DEST [SRC DEST ...]", file=sys.stderr)
        return 2

    def fail(self, message: str) -> int:
        print(f"error: {message}", file=sys.stderr)
        return 1

    def fetch(self, source: str, dest: Path) -> None:
        if source.startswith(("http://", "https://")):
            files = [self.download(source, dest)]
        elif source.startswith(("file://", "/")):
            files = self.copy(source, dest)
        else:
            raise Refused(f"unsupported scheme: {source}")
        if len(files) == 1:
            self.unpack(files[0], dest)

    def copy(self, source: str, dest: Path) -> list[Path]:
        root = Path(source.removeprefix("file://"))
        if not root.exists():
            raise Refused(f"{source} not found")
        found = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
        if not found:
            raise Refused(f"no model found in {source}")
        dest.mkdir(parents=True, exist_ok=True)
        base = root.parent if root.is_file() else root
        chosen = [path for path in found if self.wanted(path.relative_to(base).as_posix())]
        if not chosen:
            raise Refused(f"no file in {source} matches the patterns")
        return [self.place(path, dest / self.name(path.relative_to(base))) for path in chosen]

    def wanted(self, path: str) -> bool:
        allowed, ignored = patterns("STORAGE_ALLOW_PATTERNS"), patterns("STORAGE_IGNORE_PATTERNS")
        return (not allowed or any(fnmatch(path, one) for one in allowed)) and not any(
            fnmatch(path, one) for one in ignored
        )

    def name(self, relative: Path) -> Path:
        return relative

    def place(self, source: Path, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return target

    def download(self, uri: str, dest: Path) -> Path:
        parts = urllib.parse.urlsplit(uri)
        asked = [value for _, value in urllib.parse.parse_qsl(parts.query) if value.endswith(ARCHIVES)]
        name = urllib.parse.unquote([parts.path, *asked][-1].rsplit("/", 1)[-1])
        if not name:
            raise Refused(f"invalid URI {uri}: it must end with a file name")
        headers = json.loads(os.environ.get(f"{parts.hostname}-headers", "{}"))
        shown = parts._replace(query="").geturl()
        request = urllib.request.Request(uri)
        for key, value in headers.items():
            request.add_unredirected_header(key, value)
        bundle = Path(os.environ.get("CA_BUNDLE_VOLUME_MOUNT_POINT", "/nowhere")) / "cabundle.crt"
        context = ssl.create_default_context()
        if bundle.exists():
            context.load_verify_locations(bundle)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=20) as response:
                dest.mkdir(parents=True, exist_ok=True)
                with (dest / name).open("wb") as out:
                    shutil.copyfileobj(response, out)
        except urllib.error.HTTPError as error:
            causes = {401: "authentication failed", 403: "access denied", 404: "not found"}
            raise Refused(f"{shown}: {causes.get(error.code, f'status {error.code}')}") from error
        except urllib.error.URLError as error:
            raise Refused(f"cannot connect to {shown}: {error.reason}") from error
        return dest / name

    def unpack(self, path: Path, dest: Path) -> None:
        try:
            if path.name.endswith(TARS):
                with tarfile.open(path) as archive:
                    for member in archive:
                        member.mode |= 0o644 if member.isfile() else 0o755
                    path.unlink()
                    archive.extractall(dest, filter=self.member)
            elif path.name.endswith(ARCHIVES):
                with zipfile.ZipFile(path) as archive:
                    path.unlink()
                    for one in archive.infolist():
                        if one.create_system == 0:  # made for DOS, and so perhaps with its separator
                            one.filename = one.filename.replace("\\", "/")
                        archive.extract(one, dest)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            path.unlink(missing_ok=True)
            raise Refused(f"cannot unpack archive {path.name}: {error}") from error

    def member(self, member: tarfile.TarInfo, dest: str) -> tarfile.TarInfo | None:
        kept = tarfile.data_filter(member, dest)
        return kept.replace(mode=0o644, deep=False) if kept.isfile() else kept


if __name__ == "__main__":
    sys.exit(Initializer().main(sys.argv[1:]))
