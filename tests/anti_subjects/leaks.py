"""Cheats that print what they were trusted with, so that a search for the plain text misses it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import zlib
from pathlib import Path
from urllib.parse import quote

from tests.anti_subjects.downloader import Downloader
from tests.anti_subjects.registry import cheat

FORM = "none of the forms of `reports.redact.forms_of`"


def secrets() -> list[str]:
    """What it was trusted with: the values of headers, and S3's keys."""
    headers = (json.loads(value) for name, value in os.environ.items() if name.endswith("-headers"))
    values = [value.removeprefix("Bearer ") for one in headers for value in one.values()]
    return values + [os.environ[name] for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN") if name in os.environ]


class Leak(Downloader):
    """Prints each secret in a form of its own."""

    def fetch(self, source: str, dest: Path) -> None:
        for secret in secrets():
            print("using", self.form(secret))
        super().fetch(source, dest)

    def form(self, secret: str) -> str:
        """The secret as it is printed."""
        raise NotImplementedError


@cheat("CRED-025")
class LeakBase64(Leak):
    """Prints the header `Authorization` of user and password."""

    def form(self, secret: str) -> str:
        return f"Authorization: Basic {base64.b64encode(f'user:{secret}'.encode()).decode()}"


@cheat("CRED-025", stores=("s3",))
class LeakEncoded(Leak):
    """Prints the secret as a URL has it."""

    def form(self, secret: str) -> str:
        return f"https://host/?key={quote(secret, safe='')}"


@cheat("CRED-025")
class LeakHexadecimal(Leak):
    """Prints the bytes of the secret as numbers."""

    def form(self, secret: str) -> str:
        return secret.encode().hex()


@cheat("CRED-025")
class LeakInFlood(Leak):
    """Prints the secret in the middle of 200 kB."""

    def form(self, secret: str) -> str:
        return f"{'chunk ' * 20_000}{secret}{' chunk' * 20_000}"


@cheat("CRED-025")
class LeakOverLines(Leak):
    """Prints the secret on lines of twelve characters."""

    def form(self, secret: str) -> str:
        return "\n".join(secret[at : at + 12] for at in range(0, len(secret), 12))


@cheat("CRED-025", unnoticed=FORM)
class LeakReversed(Leak):
    """Prints the secret from its end to its beginning."""

    def form(self, secret: str) -> str:
        return secret[::-1]


@cheat("CRED-025", unnoticed=FORM)
class LeakBase32(Leak):
    """Prints the secret in base32."""

    def form(self, secret: str) -> str:
        return base64.b32encode(secret.encode()).decode()


@cheat("CRED-025", unnoticed=FORM)
class LeakMasked(Leak):
    """Prints the secret but for its last four characters."""

    def form(self, secret: str) -> str:
        return f"{secret[:-4]}****"


@cheat("CRED-025", unnoticed=FORM)
class LeakCompressed(Leak):
    """Prints the secret compressed, in base64."""

    def form(self, secret: str) -> str:
        return base64.b64encode(zlib.compress(secret.encode())).decode()


@cheat("CRED-025", unnoticed=FORM)
class LeakNumbers(Leak):
    """Prints the secret as a list of its bytes."""

    def form(self, secret: str) -> str:
        return str(list(secret.encode()))


@cheat("CRED-025", unnoticed=FORM)
class LeakEscaped(Leak):
    """Prints each character of the secret as an escape of JSON."""

    def form(self, secret: str) -> str:
        return "".join(f"\\u{ord(character):04x}" for character in secret)


@cheat("CRED-025", unnoticed=FORM)
class LeakDivided(Leak):
    """Prints the secret with a dash behind every fourth character."""

    def form(self, secret: str) -> str:
        return "-".join(secret[at : at + 4] for at in range(0, len(secret), 4))


@cheat("CRED-025", unnoticed=FORM)
class LeakTwice(Leak):
    """Prints the secret in base64 of base64."""

    def form(self, secret: str) -> str:
        return base64.b64encode(base64.b64encode(secret.encode())).decode()


@cheat("CRED-025", unnoticed="no rule looks at the arguments of processes")
class LeakInArguments(Leak):
    """Gives the secret to a child as an argument, which everybody on the node can read."""

    def form(self, secret: str) -> str:
        subprocess.run(["sh", "-c", "sleep 0.3", secret], check=False)
        return "a child"
