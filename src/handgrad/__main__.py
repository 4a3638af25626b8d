"""`python -m handgrad` is `handgrad`."""

import sys

from handgrad.cli.main import main

sys.exit(main())
