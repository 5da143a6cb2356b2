"""One cheat, or the honest program for the name `-`.

`python tests/anti_subjects/program.py tests/mutants tests/initializers NAME SRC DEST [SRC DEST ...]`; the folders are
arguments because a sandbox shows what those name.
"""

import sys
import traceback
from pathlib import Path

if __name__ == "__main__":
    _, _, _, name, *arguments = sys.argv
    sys.path[0] = str(Path(__file__).parents[2])

    from tests.anti_subjects.downloader import Downloader  # where it lies is known only now
    from tests.anti_subjects.registry import load
    from tests.mutants.registry import CRASHED

    program = Downloader() if name == "-" else load().mutants[name].breaks()
    assert isinstance(program, Downloader), "what `cheat` decorates"
    try:
        code = program.main(arguments)
    except Exception:
        sys.exit(f"{traceback.format_exc()}\n{CRASHED}")
    sys.exit(code)
