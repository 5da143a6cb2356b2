"""Mutants that break the calling contract."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.mutants.registry import mutant, part, wrap


@mutant("CONTRACT-001")
def wrong_arguments_accepted() -> None:
    """Takes the pairs that it can make of any arguments."""
    wrap(part("program"), "main", lambda former, given: former(given[: len(given) // 2 * 2]) if len(given) > 1 else 0)


@mutant("CONTRACT-001")
def no_usage() -> None:
    """Refuses wrong arguments without a word on the right ones."""
    part("program").USAGE = "Wrong number of arguments."


@mutant("CONTRACT-002", "CONTRACT-003", stores=("local", "http"))
def second_pair_ignored() -> None:
    """Delivers the first pair, and no other."""
    wrap(part("program"), "main", lambda former, given: former(given[:2]))


@mutant("CONTRACT-002")
def one_destination_for_all() -> None:
    """Delivers every source into the first destination."""
    wrap(part("placing").Staging, "__init__", _first_destination())


def _first_destination() -> Callable[..., None]:
    seen: list[str] = []

    def init(former: Callable[..., None], self: object, destination: str) -> None:
        seen.append(destination)
        former(self, seen[0])

    return init


@mutant("CONTRACT-003")
def later_failures_forgiven() -> None:
    """Calls it a success when the first pair was one."""
    failure = part("failure").Failure
    delivered: list[str] = []

    def deliver(former: Callable[..., None], uri: str, *given: object) -> None:
        try:
            former(uri, *given)
            delivered.append(uri)
        except failure:
            if not delivered:
                raise

    wrap(part("program"), "deliver", deliver)


@mutant("CONTRACT-004")
def parents_not_made() -> None:
    """Makes the destination in a folder that exists, and nowhere else."""

    def opened(former: Callable[..., None], self: Any) -> None:  # noqa: ANN401
        self.destination.mkdir(exist_ok=True)
        former(self)

    wrap(part("placing").Staging, "open", opened)


@mutant("CONTRACT-005")
def destination_emptied() -> None:
    """Removes what lies in the destination before it begins."""

    def opened(former: Callable[..., None], self: Any) -> None:  # noqa: ANN401
        for found in self.destination.iterdir() if self.destination.exists() else []:
            shutil.rmtree(found) if found.is_dir() else found.unlink()
        former(self)

    wrap(part("placing").Staging, "open", opened)


@mutant("CONTRACT-006")
def trailing_slash_means_inside() -> None:
    """Puts the model into a folder `model` of a destination that ends with a slash."""
    wrap(
        part("placing").Staging,
        "__init__",
        lambda former, self, path: former(self, f"{path}model" if path.endswith("/") else path),
    )


@mutant("CONTRACT-007", stores=("local", "http"))
def not_idempotent() -> None:
    """Refuses to deliver a file that is there already."""
    failure = part("failure").Failure

    def publish(former: Callable[..., None], self: Any) -> None:  # noqa: ANN401
        for path in self.tree.rglob("*"):
            if (taken := self.destination / path.relative_to(self.tree)).is_file():
                raise failure(str(taken), "exists already", "Remove it.")
        former(self)

    wrap(part("placing").Staging, "publish", publish)


@mutant("CONTRACT-008")
def mode_0600() -> None:
    """Makes files that its own user alone can read."""
    part("placing").FILE_MODE = 0o600


@mutant("CONTRACT-008")
def closed_folders() -> None:
    """Makes folders that its own user alone can enter."""
    part("placing").FOLDER_MODE = 0o700


@mutant("CONTRACT-009", stores=("local", "http"))
def written_outside() -> None:
    """Keeps a cache in its home."""

    def deliver(former: Callable[..., None], *given: object) -> None:
        cache = Path.home() / ".cache" / "models"
        cache.mkdir(parents=True)
        (cache / "last").write_text(str(given[0]))
        former(*given)

    wrap(part("program"), "deliver", deliver)


@mutant("CONTRACT-010", stores=("http",))
def ignores_sigterm() -> None:
    """Goes on when it is told to end."""
    part("program").terminated = lambda *_given: None


@mutant("CONTRACT-010", stores=("http",))
def sigterm_is_success() -> None:
    """Ends with exit 0 when it is told to end."""
    part("program").terminated = lambda *_given: os._exit(0)


@mutant("CONTRACT-011", "ERR-001")
def mute() -> None:
    """Fails without a word."""
    part("program").report = lambda _failure: 1


@mutant("CONTRACT-011")
def last_words_buried() -> None:
    """Prints a screenful of its settings after the message."""

    def report(former: Callable[..., int], failure: object) -> int:
        code = former(failure)
        part("transfer").say("\n".join(f"setting {number}: default" for number in range(200)))
        return code

    wrap(part("program"), "report", report)


@mutant("CONTRACT-013")
def outlives_the_call() -> None:
    """Leaves a helper process behind."""

    def deliver(former: Callable[..., None], *given: object) -> None:
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        former(*given)

    wrap(part("program"), "deliver", deliver)


@mutant("CONTRACT-014", stores=("local",))
def asks_for_a_newer_release() -> None:
    """Looks for a newer release of itself first, and fails where nobody answers."""

    def deliver(former: Callable[..., None], *given: object) -> None:
        try:
            socket.create_connection(("127.0.0.1", urlsplit(os.environ["HTTP_PROXY"]).port), timeout=5).close()
        except OSError as error:
            raise part("failure").Failure("the newest release", "nobody answers", "Try again.") from error
        former(*given)

    wrap(part("program"), "deliver", deliver)


@mutant("CONTRACT-016", stores=("local",))
def knows_its_user() -> None:
    """Looks up who it is, and does not go on as somebody whom the image does not know."""

    def deliver(former: Callable[..., None], *given: object) -> None:
        try:
            pwd.getpwuid(os.getuid())
        except KeyError as error:
            raise part("failure").Failure("the user", "is not in /etc/passwd", "Add it.") from error
        former(*given)

    wrap(part("program"), "deliver", deliver)


def _left_beside(leave: Callable[[Path, Path], object]) -> None:
    """Leave something of the client's own in the destination. `leave` gets the folder and the model's tree."""

    def publish(former: Callable[..., None], self: Any) -> None:  # noqa: ANN401
        own = self.destination / ".cache"
        own.mkdir(exist_ok=True)
        leave(own, self.tree)
        former(self)

    wrap(part("placing").Staging, "publish", publish)


@mutant("CONTRACT-020", stores=("hf",))
def locks_left() -> None:
    """Leaves a lock for each file in a hidden folder."""
    _left_beside(lambda own, _tree: (own / "config.json.lock").touch())


@mutant("CONTRACT-021", stores=("hf",))
def copy_kept() -> None:
    """Keeps a copy of the model in a hidden folder, for the next download."""
    _left_beside(lambda own, tree: shutil.copytree(tree, own / "blobs"))


@mutant("CONTRACT-022", stores=("hf",))
def hidden_folder_left() -> None:
    """Leaves a hidden folder with the version that was downloaded."""
    _left_beside(lambda own, _tree: (own / "version").write_text("main"))
