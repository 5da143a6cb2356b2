"""The reference clients: `python program.py CLIENT SRC DEST` downloads SRC as a plain script would.

CLIENT is a file next to this one. Its `jobs` list the files. The program downloads four files at a time, as KServe does
by default. For each file it makes the one SDK call that the SDK's documentation shows first, with default arguments.
It is a program of its own so that it runs where initializers run.
"""

from __future__ import annotations

import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

#: The number of files to download at once.
FILES = 4


def main(client: str, source: str, destination: str) -> None:
    """Download everything. Any error ends the program with a traceback."""
    with ThreadPoolExecutor(FILES) as threads:
        running = []
        for name, fetch in runpy.run_path(client)["jobs"](source):
            path = Path(destination, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            running.append(threads.submit(fetch, str(path)))
        for job in running:
            job.result()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: program.py CLIENT SRC DEST")
    main(*sys.argv[1:])
