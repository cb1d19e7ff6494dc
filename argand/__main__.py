"""`python -m argand` is the command `argand`."""

import sys

from argand.cli import main

if __name__ == "__main__":
    sys.exit(main())
