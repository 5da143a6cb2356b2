"""Generate the pages in docs/ that derive from code and data.

They list every rule with its tests, the coverage of every field report, the known failures of each release, every
option, every decision, and the differences between servers and services.

`python -m tools.pages` writes spec/, coverage.md, known-failures-kserve.md, options.md, published.md, stand-ins.md
and decisions/index.md in docs/, and conformance/manifest.json. With `--check` it only prints the names of those that
are out of date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from conformance.known_failures import OF_KSERVE
from conformance.spec import FOLDER, Spec, SpecError, current
from tools import decisions_page, manifest, options_page, published_page, stand_ins_page
from tools.coverage_page import Coverage
from tools.field_reports import FieldReports, PagesError
from tools.known_failures_page import KnownFailuresPage
from tools.spec_pages import SpecPages, read_tests

TESTS = Path(__file__).parents[1] / "conformance"
DOCS = TESTS.parent / "docs"
MADE = "<!-- Made by `python -m tools.pages`; do not edit. -->"


@dataclass(frozen=True)
class Pages:
    """The pages, and their data.

    tests     maps each rule id to its tests, as `test_file.py::test_name`.
    known     KServe's list of known failures.
    meanings  maps each group of stores to its meaning.
    """

    spec: Spec
    tests: Mapping[str, Sequence[str]]
    reports: FieldReports
    known: Path = OF_KSERVE
    meanings: Mapping[str, str] = field(default_factory=dict)

    def files(self) -> dict[str, str]:
        """Map each file name to its text. Raises PagesError if the data is inconsistent."""
        if unknown := self.tests.keys() - self.spec.rules.keys():
            raise PagesError(f"a test checks a rule that the spec does not have: {', '.join(sorted(unknown))}")
        issues = {report.id: report.issue for report in self.reports}
        lines: dict[str, Iterable[str]] = {
            "coverage.md": Coverage(self.spec, self.reports).page(),
            **SpecPages(self.spec, self.tests, issues, self.meanings).files(),
            "known-failures-kserve.md": KnownFailuresPage(self.known, self.spec, issues).lines(),
            "options.md": options_page.page(),
            "published.md": published_page.page(),
            "decisions/index.md": decisions_page.page(),
            "stand-ins.md": stand_ins_page.page(),
        }
        return {name: "\n".join(_marked(page)) for name, page in lines.items()}


def _marked(page: Iterable[str]) -> Iterator[str]:
    """Insert the mark below the title, because MkDocs reads a title only from the first line."""
    title, *rest = page
    yield from (title, "", MADE, *rest)


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check the pages. Return 0 if they are up to date, 1 if they are not, 2 if they cannot be generated."""
    parser = argparse.ArgumentParser(prog="python -m tools.pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is out of date")
    parser.add_argument("--out", type=Path, default=DOCS, metavar="DIR", help="where the pages lie; default: docs/")
    options = parser.parse_args(argv)
    try:
        meanings = yaml.load((FOLDER / "spec.yaml").read_text(), yaml.CSafeLoader)["groups"]
        files = Pages(current(), read_tests(TESTS), FieldReports.load(), meanings=meanings).files()
    except (PagesError, SpecError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.out == DOCS:
        files["../conformance/manifest.json"] = manifest.text(current())
    stale = [name for name, text in files.items() if not _is(options.out / name, text)]
    # The page of an area that the spec no longer has.
    extra = [path for path in (options.out / "spec").glob("*.md") if f"spec/{path.name}" not in files]
    if options.check:
        names = [*stale, *(f"spec/{path.name}" for path in extra)]
        sys.stdout.writelines(f"{name} is out of date: run `python -m tools.pages`\n" for name in names)
        return 1 if names else 0
    for name in stale:
        path = options.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name])
        sys.stdout.write(f"{path}\n")
    for path in extra:
        path.unlink()
    return 0


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
