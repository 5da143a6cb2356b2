"""Run the reference initializer with one mutant applied; the name `-` applies none.

`python tests/mutants reference NAME SRC DEST [SRC DEST ...]`
"""

import sys
import traceback
from pathlib import Path

if __name__ == "__main__":
    _, reference, name, *arguments = sys.argv
    sys.path[0:1] = [str(Path(__file__).parents[2]), reference]

    from tests.mutants import registry  # importable only after the change of sys.path

    program = registry.part("program")
    program.unexpected = registry.stumbled
    try:
        if name != "-":
            registry.load().mutants[name].breaks()
        code = program.main(arguments)
    except Exception:
        sys.exit(f"{traceback.format_exc()}\n{registry.CRASHED}")
    sys.exit(code)
