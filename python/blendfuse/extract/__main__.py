"""`python -m blendfuse.extract` is `blendfuse extract`."""

import sys
import warnings

from .command import main

if __name__ == "__main__":
    if not sys.warnoptions:
        # Those of libraries to their developers, such as of calls that will go away.
        warnings.simplefilter("ignore")
    sys.exit(main())
