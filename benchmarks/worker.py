"""One measurement, alone in this process: `python -m benchmarks.worker NAME '{"argument": value}'`.

Its numbers are printed as one line of JSON.
"""

import importlib
import json
import sys
from collections.abc import Sequence

MODULES = {
    "train": "contenders",
    "race": "contenders",
    "between_steps": "with_handgrad",
    "sweep": "sweepers",
}  # all others are in probes


def main(arguments: Sequence[str] | None = None) -> int:
    """Import what measures, so that a process pays for its own imports only, and run it."""
    name, options = arguments or sys.argv[1:]
    module = importlib.import_module(f"benchmarks.{MODULES.get(name, 'probes')}")
    print(json.dumps(getattr(module, name)(**json.loads(options))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
