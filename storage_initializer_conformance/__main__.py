"""`storage-initializer-conformance [OPTION ...]` runs the suite with pytest.

With `reports ...` or `clusters ...` it runs `python -m reports` or `python -m clusters`, with `lint ...` the command of
that name of `python -m conformance`. A wheel keeps the packages of
the suite in a folder of its own, so that site-packages gets no package `reports`.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

#: The folder of conformance/, scenarios/, clusters/ and reports/: `suite` in a wheel, the root of a checkout.
SUITE = next(
    path for path in (Path(__file__).parent / "suite", Path(__file__).parents[1]) if (path / "reports").is_dir()
)


def main() -> int:
    """Run what the command line names; returns pytest's exit status."""
    sys.path.insert(0, str(SUITE))
    if sys.argv[1:2] in (["reports"], ["clusters"]):
        command = sys.argv.pop(1)
        runpy.run_module(command, run_name="__main__", alter_sys=True)
        return 0
    if sys.argv[1:2] == ["lint"]:
        runpy.run_module("conformance", run_name="__main__", alter_sys=True)
        return 0
    import pytest  # noqa: PLC0415 -- the commands above start without it

    without = ("pytest-kind", "hypothesispytest", "cacheprovider")
    settings = ["--import-mode=importlib", "--strict-markers", *(f"-pno:{plugin}" for plugin in without)]
    return int(
        pytest.main([*settings, f"--rootdir={SUITE}", "-c", os.devnull, str(SUITE / "conformance"), *sys.argv[1:]])
    )


if __name__ == "__main__":
    sys.exit(main())
