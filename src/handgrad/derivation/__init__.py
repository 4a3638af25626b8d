"""The back-propagation equations of one network, printed and checked; FORMATS are the notations they are written in."""

from collections.abc import Callable

from handgrad.derivation.derive import derive, derive_config, derive_run
from handgrad.derivation.document import Derivation
from handgrad.derivation.html import STYLE, to_html, to_html_page
from handgrad.derivation.latex import to_latex, to_markdown
from handgrad.derivation.learning import Learning
from handgrad.derivation.text import to_text

FORMATS: dict[str, Callable[[Derivation], str]] = {
    "text": to_text,
    "html": to_html_page,
    "md": to_markdown,
    "tex": to_latex,
}
