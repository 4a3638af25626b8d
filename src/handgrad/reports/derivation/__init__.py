"""The back-propagation equations of one network, printed and checked; FORMATS are the notations they are written in."""

from collections.abc import Callable

from handgrad.reports.derivation.configured import derive_config, derive_run
from handgrad.reports.derivation.derive import derive
from handgrad.reports.derivation.document import Derivation
from handgrad.reports.derivation.html import STYLE, to_html, to_html_page
from handgrad.reports.derivation.latex import to_latex, to_markdown
from handgrad.reports.derivation.learning import Learning
from handgrad.reports.derivation.text import to_text

FORMATS: dict[str, Callable[[Derivation], str]] = {
    "text": to_text,
    "html": to_html_page,
    "md": to_markdown,
    "tex": to_latex,
}
