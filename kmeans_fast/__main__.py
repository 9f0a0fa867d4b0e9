"""``python -m kmeans_fast`` is the command ``kmeans-fast``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
