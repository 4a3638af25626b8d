"""One measurement besides the workloads, alone in this process: prints its numbers as one line of JSON.

`python -m handgrad.bench.probe NAME '{"option": value}'`; a probe is a module of handgrad.bench.probes with `run`.
"""

import importlib
import json
import sys

NAMES = ("architectures", "between_steps", "first_step", "limits", "peak")


def main() -> int:
    """Import the probe named, so that one process pays for its own imports only, and run it."""
    name, options = sys.argv[1], json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    print(json.dumps(importlib.import_module(f"handgrad.bench.probes.{name}").run(**options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
