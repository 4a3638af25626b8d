"""What the reader or the doctor has to say about a sweep."""

from typing import NamedTuple

ERROR, WARNING, NOTE = "error", "warning", "note"


class Finding(NamedTuple):
    """`severity` is "error" (the sweep would answer another question than was asked), "warning" or "note"."""

    severity: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.what}. {self.fix}" if self.fix else self.what
