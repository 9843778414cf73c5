"""`python -m blendfuse.extract` is `blendfuse extract`."""

import sys

from .command import main

if __name__ == "__main__":
    sys.exit(main())
