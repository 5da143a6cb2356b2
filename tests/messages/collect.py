"""Runs real programs in broken conditions and writes down what they print, as tests/messages/*.yaml.

`python -m tests.messages.collect FAMILY`; README.md has what each family needs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tests.messages.conditions import Case, World
from tests.messages.families import COMPILED, families

HERE = Path(__file__).parent
#: What the kubelet keeps of output, in bytes.
KEPT = 2048
#: Mounts an empty read-only file system over a folder, then runs the rest.
READ_ONLY = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o ro none "$0" && exec "$@"')
FRAMES = re.compile(
    r'^ *File ".*", line \d+.*(?:\n {4,}\S.*)*\n|^\s+(?:at .*|\.\.\. \d+ more)\n|^\s+\^+\n', re.MULTILINE
)


def printed(world: World, case: Case) -> tuple[int, str]:
    """Exit status and the last words, without stack frames; ports and the temporary folder by other names."""
    words = [*READ_ONLY, case.where, *case.words] if case.where else list(case.words)
    keys = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "word",
        "AWS_REGION": "us-east-1",
        "LC_ALL": "C.UTF-8",
        "NODE_NO_WARNINGS": "1",
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(world.folder / "home"), **keys, **case.setting}
    try:
        done = subprocess.run(
            words,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=90,
        )
    except subprocess.TimeoutExpired:
        return 0, ""
    text = FRAMES.sub("", done.stdout.decode(errors="replace").replace("\0", ""))
    text = text.replace(str(world.folder), "/mnt/models")
    text = re.sub(r"(127\.0\.0\.1|localhost):\d+|(port[ =']+|port=)\d{4,5}", r"\1\2:PORT", text).replace(
        "port=:PORT", "port=PORT"
    )
    text = re.sub(r"on [\d.]+:53\b", "on 10.0.0.2:53", text)
    return done.returncode, "\n".join(line.rstrip() for line in text[-KEPT:].strip().splitlines())


class _Dumper(yaml.SafeDumper):
    """Texts as blocks."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def main() -> None:
    """Write tests/messages/FAMILY.yaml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=["python", "tools", *COMPILED])
    parser.add_argument(
        "program", nargs="?", default="", help="only programs with this in their names; other entries stay"
    )
    options = parser.parse_args()
    file = HERE / f"{options.family}.yaml"
    found = (
        [entry for entry in yaml.safe_load(file.read_text()) if options.program not in entry["program"]]
        if options.program
        else []
    )
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        world = World(Path(folder), stack)
        for program, case in families(world, options.family):
            if options.program not in program:
                continue
            status, text = printed(world, case)
            sys.stderr.write(f"{program}: {case.when}: exit {status}: {text.splitlines()[-1] if text else ''}\n")
            if status and text:
                found.append({"program": program, "got": "run", "when": case.when, "cause": case.cause, "text": text})
    file.write_text(yaml.dump(found, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True))


if __name__ == "__main__":
    main()
