"""The right spelling of a word that is none, where it is likely that it was meant.

Likely means: the words begin alike, and differ by a slip of the fingers that is small beside their length. A word that
means something else elsewhere, such as the data set kmnist or the optimizer adamax, is no slip of the fingers.
"""

from collections.abc import Iterable

SLIPS = ((3, 1), (7, 2), (12, 3))  # from so many letters on, so many slips
SHORT = 3  # letters, of which none may be another one
ABBREVIATION = 5  # letters with which a name must begin, and no other one
LONG_ENOUGH = 6  # for a word that lacks its first letter


def squashed(name: str) -> str:
    """What two spellings of one name share: letters and digits in lower case."""
    return "".join(character for character in name.lower() if character.isalnum())


def nearest(word: str, names: Iterable[str], foreign: Iterable[str] = ()) -> str | None:
    """The one of `names` that was likely meant, or None; None too for a right word elsewhere."""
    written, names = squashed(word), list(names)
    allowed = max((slips for letters, slips in SLIPS if len(written) >= letters), default=0)
    if not allowed or written in map(squashed, foreign):
        return None
    begun = [name for name in names if squashed(name).startswith(written)]
    if len(begun) == 1 and len(written) >= ABBREVIATION:
        return begun[0]
    close = [(slips(written, squashed(name)), place, name) for place, name in enumerate(names)]
    close = [entry for entry in close if entry[0] <= allowed and _alike(written, squashed(entry[2]))]
    return min(close)[2] if close else None


def suggestion(word: str, names: Iterable[str], foreign: Iterable[str] = ()) -> str:
    """ ": did you mean X?" for the one of `names` that was likely meant, or a full stop when there is none."""
    near = nearest(word, names, foreign)
    return f": did you mean {near}?" if near else "."


def slips(a: str, b: str) -> int:
    """How many letters must be added, left out, replaced or swapped with their neighbour to make `b` of `a`."""
    before, last = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        row = [i]
        for j, other in enumerate(b, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def _alike(written: str, name: str) -> bool:
    swapped = written[:2] == name[1::-1]
    if len(written) == len(name) == SHORT and sorted(written) != sorted(name):
        return False
    return written[:1] == name[:1] or swapped or (written == name[1:] and len(written) >= LONG_ENOUGH)
