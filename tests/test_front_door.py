"""What `import handgrad` gives: its public names, its rooms when they are first used, and help that shows them."""

import pydoc

from tests.commands import python

import handgrad


def test_names():
    assert dir(handgrad) == sorted(handgrad.__all__)
    assert all(getattr(handgrad, name) is not None for name in handgrad.__all__)


def test_rooms_are_imported_when_they_are_used():
    code = "import sys, handgrad; print('handgrad.nn' in sys.modules, handgrad.nn.Dense.__name__)"
    assert python(code).out == "False Dense\n"


def test_help_shows_every_function():
    text = pydoc.plain(pydoc.render_doc(handgrad))
    _, functions = text.split("\nFUNCTIONS\n")
    for name in ("confusion_matrix", "execute", "fit", "gradcheck", "load", "measure", "resume", "sweep", "train"):
        assert f"\n    {name}(" in f"\n{functions}", name


def test_what_is_not_there():
    code = "import handgrad; handgrad.trane"
    assert "AttributeError: module 'handgrad' has no attribute 'trane'" in python(code).err
