"""`python -m handgrad` is `handgrad`."""

import importlib
import sys

from handgrad.cli.starting import leave_on_interrupt, refuse_windows


def main() -> int:
    """The command line of this process, from its first moment on."""
    refuse_windows()
    leave_on_interrupt()
    try:
        return int(importlib.import_module("handgrad.cli.main").main())
    finally:
        leave_on_interrupt()


if __name__ == "__main__":
    sys.exit(main())
