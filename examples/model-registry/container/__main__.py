"""`python container SRC DEST [SRC DEST ...]`: deliver each registered model into its destination."""

import sys
from pathlib import Path

# In the image, the reference initializer's package is beside this file.
sys.path.append(str(Path(__file__).resolve().parents[3] / "reference"))

from delivery import deliver
from initializer import program

sys.exit(program.main(sys.argv[1:], deliver))
