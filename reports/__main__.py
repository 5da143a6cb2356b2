"""`python -m reports`: work with conformance reports."""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from reports import compare, matrix, reader, writer
from reports.draft import draft
from reports.summary import summary

TROUBLE = (reader.UnreadableReport, reader.CorruptReport, writer.ReportUnwritable)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status.

    0  the command succeeded and the report holds no bad news
    1  the report holds bad news
    2  a file or an argument cannot be used
    """
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except TROUBLE as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 1 if isinstance(trouble, reader.CorruptReport) else 2
    return status


def _summary(arguments: argparse.Namespace) -> int:
    report = reader.load(arguments.report)
    lines = summary(report, path=arguments.report.parent / writer.PAGE, colour=False, width=arguments.width)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    old, new = reader.load(arguments.old), reader.load(arguments.new)
    differences = compare.compare(old, new)
    sys.stdout.writelines(f"{line}\n" for line in compare.render(old, new, differences))
    broke = any(difference.change is compare.Change.BROKE for difference in differences)
    return 1 if broke or not new.footer.complete else 0


def _render(arguments: argparse.Namespace) -> int:
    home = arguments.report.parent
    target = arguments.output or home
    root = "" if target.resolve() == home.resolve() else os.path.relpath(home, target) + "/"
    writer.render(reader.load(arguments.report), target, root, option="-o")
    sys.stdout.write(f"{target / writer.PAGE}\n{target / writer.JUNIT}\n")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    report = reader.check(arguments.report)
    sys.stdout.writelines(f"{profile.name}: {profile.verdict}\n" for profile in report.profiles)
    sys.stdout.write(f"{arguments.report} is whole: {len(report.results)} results, {report.footer.digest}\n")
    return 0


def _recover(arguments: argparse.Namespace) -> int:
    report = writer.write(writer.recover(arguments.directory), arguments.directory)
    sys.stdout.write(
        f"{arguments.directory / writer.REPORT}: {len(report.results)} results of a run that was cut off\n"
    )
    return 0


def _matrix(arguments: argparse.Namespace) -> int:
    with ProcessPoolExecutor() as processes:
        reports = list(processes.map(reader.load, arguments.reports))
    pages = [path.parent / writer.PAGE for path in arguments.reports]
    links = [os.path.relpath(page, arguments.output) if page.exists() else "" for page in pages]
    columns = [matrix.Column(report, link) for report, link in zip(reports, links, strict=True)]
    table = matrix.matrix(columns)
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name, text in (("html", matrix.page(table)), ("md", matrix.markdown(table)), ("json", matrix.data(table))):
        file = arguments.output / f"matrix.{name}"
        file.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{file}\n")
    return 0


def _known_failures(arguments: argparse.Namespace) -> int:
    sys.stdout.write(draft(reader.load(arguments.report), datetime.now(UTC).date()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reports",
        description="Work with the reports that `pytest conformance/` leaves.",
        epilog="Exit status: 0 good, 1 a report is corrupt or cut off, or something broke,"
        " 2 a file or argument cannot be used.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = commands.add_parser(
        "summary",
        help="print the closing lines of the run again",
        description="Print the lines with which the run of REPORT.json closed.",
    )
    command.add_argument("report", metavar="REPORT.json", type=Path)
    command.add_argument("--width", metavar="COLUMNS", type=int, default=100, help="default: 100")
    command.set_defaults(run=_summary)

    command = commands.add_parser(
        "compare",
        help="show what changed between two reports: broken, fixed, new and missing cases",
        description="Show, rule by rule, what changed from OLD to NEW."
        " Exit status 1 when something broke or NEW was cut off.",
    )
    command.add_argument("old", metavar="OLD", type=Path, help="report.json of the earlier run")
    command.add_argument("new", metavar="NEW", type=Path, help="report.json of the later run")
    command.set_defaults(run=_compare)

    command = commands.add_parser(
        "render",
        help="make report.html and junit.xml from a report.json",
        description="Make report.html and junit.xml from REPORT.json; nothing else is needed.",
    )
    command.add_argument("report", metavar="REPORT.json", type=Path)
    command.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="write to this folder; default: the folder of the report"
    )
    command.set_defaults(run=_render)

    command = commands.add_parser(
        "check",
        help="check that a report is complete, unedited, and has the right verdicts",
        description="Check REPORT.json by its schema, its footer, and the verdicts that follow from its results.",
    )
    command.add_argument("report", metavar="REPORT.json", type=Path)
    command.set_defaults(run=_check)

    command = commands.add_parser(
        "recover",
        help="make a report from the journal of a killed run",
        description="Make a report, marked as cut off, from the journal that a killed run left in DIR.",
    )
    command.add_argument("directory", metavar="DIR", type=Path, help="the --report-dir of that run")
    command.set_defaults(run=_recover)

    command = commands.add_parser(
        "matrix",
        help="put several reports into one table of rules by releases",
        description="Write matrix.html, matrix.md and matrix.json: a row for each rule, a column for each REPORT.json,"
        " in the order given. A cell links to the page beside its report.",
    )
    command.add_argument("reports", metavar="REPORT.json", type=Path, nargs="+")
    command.add_argument("-o", "--output", metavar="DIR", type=Path, default=Path(), help="default: the current folder")
    command.set_defaults(run=_matrix)

    command = commands.add_parser(
        "known-failures",
        help="draft a list of known failures from the failed cases",
        description="Print a list for --known-failures: an entry for each rule and cause that failed in REPORT.json."
        " Fill in every reason and reference; the suite refuses the list until then.",
    )
    command.add_argument("report", metavar="REPORT.json", type=Path)
    command.set_defaults(run=_known_failures)
    return parser


if __name__ == "__main__":
    sys.exit(main())
