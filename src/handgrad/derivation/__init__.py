"""The back-propagation equations of one network, printed and checked; FORMATS are the notations they are written in."""

from collections.abc import Callable

from handgrad.derivation.derive import derive, derive_config, derive_run
from handgrad.derivation.document import Derivation, to_html, to_html_page, to_latex, to_markdown, to_text
from handgrad.derivation.learning import Learning

FORMATS: dict[str, Callable[[Derivation], str]] = {
    "text": to_text,
    "html": to_html_page,
    "md": to_markdown,
    "tex": to_latex,
}
