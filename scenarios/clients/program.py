"""The reference clients: `python program.py CLIENT SRC DEST` downloads SRC as a plain script would.

CLIENT is a file beside this one. Its `jobs` list what there is, and four files at a time are fetched (as many as KServe
fetches by default), each by the one call of the store's SDK that its documentation shows first, with that call's own
defaults. A program of its own: it runs where initializers run.
"""

from __future__ import annotations

import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

#: Files at a time.
FILES = 4


def main(client: str, source: str, destination: str) -> None:
    """Fetch everything; any error ends the program with its traceback."""
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
