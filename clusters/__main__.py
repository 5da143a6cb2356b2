"""`python -m clusters gc` removes what killed runs left behind; `prepare` builds what `--cluster kind` needs."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from clusters import gc, kind
from clusters.base import NoCluster
from clusters.images.own import own_image
from clusters.images.servers import servers_image
from clusters.kserve.install import prepare_images
from clusters.kserve.releases import NoKServe, find, newest_installable
from clusters.toolchain.cache import ToolFailed


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Return 1, with one line on stderr, if it fails."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asked = _parser().parse_args(argv)
    try:
        if asked.what == "gc":
            removed = gc.collect(kind.usable_engine())
            logging.getLogger("conformance.setup").info("removed: %s", ", ".join(removed) or "nothing was left")
        else:
            _prepare(asked.kserve or [newest_installable()])
    except (NoCluster, NoKServe, ToolFailed) as reason:
        print(reason, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m clusters", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    commands.add_parser("gc", help="remove clusters, networks and files that killed runs left behind")
    prepare = commands.add_parser(
        "prepare", help="build or pull what the first run on a cluster would otherwise wait for"
    )
    prepare.add_argument(
        "kserve", nargs="*", metavar="RELEASE", help="prepare these releases of KServe (default: the newest)"
    )
    return parser


def _prepare(releases: Sequence[str]) -> None:
    """Build or pull kind, the node's image, KServe's controllers, and the images of the stores and of the suite."""
    for release in releases:
        find(release)  # refuse an unknown release before the first build
    source = kind.prepare()
    for release in releases:
        prepare_images(release, source)
    servers_image(source)
    for name in ("inspector", "greeter"):
        own_image(name)


if __name__ == "__main__":
    sys.exit(main())
