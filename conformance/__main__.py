"""Commands beside `pytest conformance/`, which runs the suite: `init` writes claims, and `lint` checks manifests."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from clusters.kserve.releases import NoKServe, installable, newest_installable
from clusters.toolchain.cache import ToolFailed
from conformance.claims import ClaimsError, init, read
from conformance.lint.documents import UnreadableManifest
from conformance.lint.manifests import lint
from conformance.lint.upstream import Upstream


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status.

    0  no errors, though there may be warnings
    1  KServe would refuse an object, or it cannot work
    2  a file or an argument cannot be used
    """
    arguments = _parser().parse_args(argv)
    status: int = arguments.run(arguments)
    return status


def _lint(arguments: argparse.Namespace) -> int:
    try:
        claims = read(arguments.claims) if arguments.claims else None
        findings = list(lint(arguments.files, Upstream.load(arguments.kserve), claims))
    except (UnreadableManifest, ClaimsError, NoKServe, ToolFailed) as reason:
        sys.stderr.write(f"{reason}\n")
        return 2
    sys.stdout.writelines(f"{finding}\n" for finding in findings)
    errors = sum(finding.problem.severe for finding in findings)
    sys.stdout.write(f"KServe {arguments.kserve}: {errors} errors, {len(findings) - errors} warnings\n")
    return 1 if errors else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    command = commands.add_parser(
        "lint",
        help="check manifests of ClusterStorageContainers and InferenceServices",
        description="Check FILEs against the resource definitions of a KServe release, and against the rules of the"
        " spec on storage containers. Other objects are left out. Exit status: 0 no error, 1 errors, 2 unusable input.",
    )
    command.add_argument("files", metavar="FILE", type=Path, nargs="+", help="a YAML file with any number of objects")
    command.add_argument(
        "--kserve",
        metavar="VERSION",
        default=newest_installable(),
        help=f"the release: {', '.join(installable())}; default: %(default)s",
    )
    command.add_argument(
        "--claims",
        metavar="CLAIMS",
        type=Path,
        help="also compare the storage containers with this file of claims: image, prefixes, several pairs",
    )
    command.set_defaults(run=_lint)
    init.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
