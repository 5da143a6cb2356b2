"""`python -m conformance init`: write a first conformance.yaml from options, a report or a few questions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from conformance import claims
from conformance.claims import FAMILIES, ClaimsError, draft
from conformance.claims.default_container import overlapping
from conformance.claims.draft import Draft
from conformance.spec import current
from reports import reader
from scenarios.initializers import known_releases
from scenarios.stores import STORES, plugins

#: Field of a draft -> the option that sets it, and the question on a terminal.
QUESTIONS = {
    "name": ("--name", "Name of the storage container"),
    "version": ("--version", "Version"),
    "image": ("--image", "Image (empty: a command)"),
    "command": ("--command", "Command, called with SRC DEST"),
    "uris": ("--uri", "Stores or PREFIX=STORE, with spaces between them"),
}


class Missing(Exception):
    """A value is missing, and nobody can be asked. The message is one line with the option."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "init",
        help="write a first file of claims for a storage container",
        description="Write a first file of claims, for `pytest conformance/ --claims FILE`. On a terminal, the command"
        " asks for what the options leave out. Paths in values are relative to the file.",
    )
    command.add_argument("--from", dest="report", metavar="REPORT.json", type=Path, help="draft what this report shows")
    command.add_argument("--name", default="", help="the container's name in reports")
    command.add_argument("--version", default="", help="the container's version in reports")
    command.add_argument("--vendor", default="", help="who answers for the claims")
    command.add_argument("--image", metavar="REF", default="", help="the image")
    command.add_argument("--command", metavar="LINE", default="", help="the program, called with SRC DEST")
    command.add_argument(
        "--uri", metavar="PREFIX=STORE", action="append", default=[], type=draft.uri,
        help=f"a prefix of URIs and the store behind it, or a store alone; repeat it. The stores: {', '.join(STORES)}",
    )  # fmt: skip
    command.add_argument(
        "--default-container", metavar="HOW", default="",
        help="where a prefix overlaps those of KServe's own container: disabled or by-name",
    )  # fmt: skip
    command.add_argument("--profile", metavar="NAME", action="append", default=[], help=f"{', '.join(FAMILIES)}")
    command.add_argument(
        "--feature", metavar="NAME", action="append", default=[], help="an optional feature that the container has"
    )
    command.add_argument("--known-failures", metavar="FILE", default="", help="the list of known failures")
    command.add_argument("--plugin", metavar="MODULE", action="append", default=[], help="a module that adds stores")
    command.add_argument(
        "-o", "--output", metavar="FILE", type=Path, default=Path("conformance.yaml"), help="default: %(default)s"
    )
    command.add_argument("--force", action="store_true", help="replace a file that is there")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file. Return 2 if a value or the file cannot be used."""
    path: Path = arguments.output
    if path.exists() and not arguments.force:
        sys.stderr.write(f"{path} is there already; use --force to replace it, or -o with another name\n")
        return 2
    try:
        made = _complete(_given(arguments), input if sys.stdin.isatty() else None)
        plugins.load(str(path.parent / one) if plugins.is_path(one) else one for one in made.plugins)
        text = draft.text(made, path, current())
        claims.check(claims.parse(path, text), current(), known_releases())
        path.write_text(text, encoding="utf-8")
    except (ClaimsError, Missing, plugins.PluginError, reader.UnreadableReport, reader.CorruptReport) as reason:
        sys.stderr.write(f"{reason}\n")
        return 2
    except EOFError:
        sys.stderr.write("\nthe answers ended before the questions; answer all of them, or give the options\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{path} cannot be written: {error.strerror}; use -o with another name\n")
        return 2
    sys.stdout.write(f"{path}\nrun by it: pytest conformance/ --claims {path}\n")
    return 0


def _given(arguments: argparse.Namespace) -> Draft:
    """Return the draft of the report, if one is given, with the values of the options."""
    made = draft.of_report(reader.load(arguments.report)) if arguments.report else Draft()
    if arguments.image or arguments.command:
        made = replace(made, image=arguments.image, command=arguments.command)
    return replace(
        made,
        name=arguments.name or made.name,
        version=arguments.version or made.version,
        vendor=arguments.vendor,
        uris=arguments.uri or made.uris,
        default_container=arguments.default_container,
        profiles=arguments.profile or made.profiles,
        features=arguments.feature or made.features,
        known_failures=arguments.known_failures,
        plugins=arguments.plugin or made.plugins,
    )


def _complete(made: Draft, ask: Callable[[str], str] | None) -> Draft:
    """Return the draft with answers for what it lacks. Raises Missing if `ask` is None."""
    for name, (option, question) in QUESTIONS.items():
        if getattr(made, name) or (name in {"image", "command"} and (made.image or made.command)):
            continue
        if ask is None and name != "image":
            also = "--image or --command" if name == "command" else option
            raise Missing(f"{also} is missing; give it, or run the command on a terminal")
        answer = ask(f"{question}: ").strip() if ask else ""
        made = _with(made, name, answer)
    if ask and not made.default_container and any(overlapping(prefix) for prefix, _ in made.uris):
        question = "KServe's own container takes such URIs too. Is it disabled, or do services select yours by-name? "
        made = replace(made, default_container=ask(question).strip())
    return made


def _with(made: Draft, name: str, answer: str) -> Draft:
    if name == "uris":
        return replace(made, uris=[draft.uri(one) for one in answer.split()])
    return replace(made, **{name: answer})  # type: ignore[arg-type]
