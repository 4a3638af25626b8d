"""argparse with handgrad's errors: one line, exit code 2, no usage dump."""

import argparse
from typing import Any, NoReturn

from handgrad.errors import UsageError


class Parser(argparse.ArgumentParser):
    """A parser of `handgrad COMMAND`, whose help keeps the line breaks of its examples."""

    def __init__(self, command: str, description: str, examples: str = "") -> None:
        super().__init__(
            f"handgrad {command}",
            description=description,
            epilog=f"examples:\n{examples}" if examples else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise UsageError(f"{message}. `{self.prog} --help` shows the usage")

    def arguments(self, tokens: list[str]) -> Any:
        """Parse; --help prints and leaves with 0 as usual."""
        return self.parse_args(tokens)
