"""`python reference SRC DEST [SRC DEST ...]`: deliver each source into its destination."""

import sys

from initializer import program

sys.exit(program.main(sys.argv[1:]))
