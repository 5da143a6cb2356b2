"""Run the reference initializer with one mutant applied; the name `-` applies none.

`python tests/mutants reference [--scheme PREFIX FILE] NAME SRC DEST [SRC DEST ...]`

FILE is a module of the reference for URIs with this prefix, as plugins have one for their own scheme.
"""

import sys
import traceback
from pathlib import Path

if __name__ == "__main__":
    _, reference, *rest = sys.argv
    added = []
    while rest[0] == "--scheme":
        _, prefix, file, *rest = rest
        added.append((prefix, file))
    name, *arguments = rest
    sys.path[0:1] = [str(Path(__file__).parents[2]), reference]

    from tests.mutants import registry  # importable only after the change of sys.path

    program = registry.part("program")
    program.unexpected = registry.stumbled
    for prefix, file in added:
        registry.add_scheme(prefix, Path(file))
    try:
        if name != "-":
            registry.load().mutants[name].breaks()
        code = program.main(arguments)
    except Exception:
        sys.exit(f"{traceback.format_exc()}\n{registry.CRASHED}")
    sys.exit(code)
