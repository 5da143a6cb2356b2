"""Cheats that replace work by words."""

from __future__ import annotations

import sys

from tests.anti_subjects.downloader import Downloader
from tests.anti_subjects.registry import cheat

REFUSALS = ("ERR-001", "ERR-002", "ERR-003", "ERR-004", "ERR-005", "ERR-006", "ERR-009", "ERR-011", "CONTRACT-011")
#: One line with every cause that the spec knows.
EVERYTHING = (
    "not found, no such file, authentication failed, access denied, credential, permission, unsupported scheme, "
    "invalid, expected, must, cannot connect, connection refused, timed out, empty, no model, archive is corrupt, "
    "certificate, CA bundle, 404, 503, server error, usage, reset, no space left on device, read-only file system"
)


@cheat("PLACE-004", barred=(*REFUSALS, "CRED-001", "CRED-009", "FAULT-009"))
class ConstantMessage(Downloader):
    """Contacts nobody, and ends with one line that names every cause."""

    def main(self, arguments: list[str]) -> int:
        return self.fail(f"{' '.join(arguments)}: {EVERYTHING}")


@cheat("PLACE-001", "PLACE-004", stores=("s3",), barred=(*REFUSALS, "CONTRACT-001", "CONTRACT-003", "ERR-014"))
class Nothing(Downloader):
    """Ends with 0 at once, as /bin/true does."""

    def main(self, arguments: list[str]) -> int:
        return 0


@cheat("PLACE-004", barred=(*REFUSALS, "CONTRACT-001", "CONTRACT-003", "ERR-010", "CRED-009"))
class Refusal(Downloader):
    """Ends with 1 at once, as /bin/false does."""

    def main(self, arguments: list[str]) -> int:
        return 1


@cheat("PLACE-004", barred=REFUSALS)
class MissingTool(Downloader):
    """Knows the usage, but the tool that should download is not installed."""

    def main(self, arguments: list[str]) -> int:
        if not arguments or len(arguments) % 2:
            return self.usage()
        print("program: line 7: aws: No such file or directory", file=sys.stderr)
        return 127


@cheat("CONTRACT-003")
class LastStatus(Downloader):
    """Ends as the last pair does, whatever became of the others."""

    def main(self, arguments: list[str]) -> int:
        return [super(LastStatus, self).main(arguments[at : at + 2]) for at in range(0, len(arguments) or 1, 2)][-1]


@cheat("CONTRACT-011")
class Flood(Downloader):
    """Tells what failed, and then so much else that nobody sees it."""

    def fail(self, message: str) -> int:
        code = super().fail(message)
        print("retrying\n" * 100_000, file=sys.stderr)
        return code


@cheat("ERR-001", "ERR-002", "ERR-009", "CONTRACT-003", "CONTRACT-011", stores=("s3",))
class OnlyWords(Downloader):
    """Tells what failed, and ends with 0."""

    def fail(self, message: str) -> int:
        super().fail(message)
        return 0


@cheat("ERR-001", "ERR-003", stores=("s3",))
class EveryCause(Downloader):
    """Downloads as it should, and names every cause whenever it fails."""

    def fail(self, message: str) -> int:
        return super().fail(f"{message.partition(':')[0]} {' '.join(sys.argv)}: {EVERYTHING}")


@cheat("CONTRACT-001")
class FiveArguments(Downloader):
    """Leaves out the last of five arguments without a word."""

    def main(self, arguments: list[str]) -> int:
        return super().main(arguments[:4] if len(arguments) == 5 else arguments)
