"""Sound documents with one fault, and what is said of it."""

import copy

import pytest

from handgrad import strict_yaml
from handgrad.errors import HandgradError

DROP = "(left out)"


def changed(sound, place, value):
    """The text of `sound` with another value in one place, or with nothing there."""
    document = copy.deepcopy(sound)
    at = document
    for step in place[:-1]:
        at = at[step]
    if value is DROP:
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return strict_yaml.dump(document)


def refusal(act):
    """The one line that `act` is refused with."""
    with pytest.raises(HandgradError) as caught:
        act()
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)
