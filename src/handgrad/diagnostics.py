"""What is found wrong, or worth knowing, before something runs: in a sweep, in data, in a set of flags."""

from typing import NamedTuple

ERROR, WARNING, NOTE = "error", "warning", "note"


class Diagnostic(NamedTuple):
    """One line to the user: `what` was found and the `fix`.

    `severity` is "error" (what runs would answer another question than was asked), "warning" or "note".
    """

    severity: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.what}. {self.fix}" if self.fix else self.what
