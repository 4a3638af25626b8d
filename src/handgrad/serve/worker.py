"""A process beside the server that does what needs the compiler: it reads a task a line, and writes its answer.

`python -m handgrad.serve.worker` ends when nobody writes to it any more.
"""

import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from handgrad.errors import HandgradError
from handgrad.reports.comparison import pair_lines, results_table
from handgrad.runs import open_run
from handgrad.runs.comparison import Comparison, compare

Result = dict[str, Any]


def compared(task: dict[str, Any]) -> Result:
    """What `handgrad compare` prints, in parts."""
    comparison = compare([open_run(path) for path in task["runs"]])
    results = results_table(comparison.configurations)
    members = [(each.letter, str(one.run.path)) for each in comparison.configurations for one in each.members]
    missing = {one.command for pair in comparison.pairs for one in pair.missing}
    return {
        "members": members,
        "results": {"columns": results.columns, "rows": results.rows},
        "settings": _settings(comparison),
        "pairs": [
            {
                "title": f"{pair.first.letter} against {pair.second.letter}",
                "verdict": pair.verdict,
                "controlled": pair.controlled,
                "lines": list(pair_lines(pair)),
            }
            for pair in comparison.pairs
        ],
        "missing": sorted(missing),
    }


def _settings(comparison: Comparison) -> Result:
    columns = ("setting", *(each.letter for each in comparison.configurations))
    return {"columns": columns, "rows": [(name, *map(str, row)) for name, row in comparison.settings.items()]}


TASKS: dict[str, Callable[[dict[str, Any]], Result]] = {"compare": compared}


class _Notes(logging.Handler):
    """Keeps what a task warns of, which its answer passes on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def main() -> None:
    """Result until the input ends; what a task prints goes to standard error."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    notes = _Notes()
    logging.getLogger("handgrad").addHandler(notes)
    for line in sys.stdin:
        task = json.loads(line)
        notes.lines = []
        try:
            result = TASKS[task["task"]](task)
        except HandgradError as error:
            result = {"error": str(error)}
        except Exception as error:  # the server must learn of it, and the next task may do better
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({**result, "notes": notes.lines}), file=output, flush=True)


if __name__ == "__main__":
    main()
