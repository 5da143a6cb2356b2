"""`python -m clusters gc` removes what killed runs left behind; `prepare` builds what `--cluster kind` needs."""

from __future__ import annotations

import argparse
import logging
import sys

from clusters import gc, kind
from clusters.base import NoCluster


def main(argv: list[str] | None = None) -> int:
    """Run one command. Return 1, with one line on stderr, if it fails."""
    parser = argparse.ArgumentParser(prog="python -m clusters", description=__doc__)
    parser.add_argument("what", choices=("gc", "prepare"))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if parser.parse_args(argv).what == "gc":
            removed = gc.collect(kind.usable_engine())
            logging.getLogger("conformance.setup").info("removed: %s", ", ".join(removed) or "nothing was left")
        else:
            kind.prepare()
    except NoCluster as reason:
        print(reason, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
