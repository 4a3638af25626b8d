"""Writing the report of runs, with a line for each step."""

import logging
from collections.abc import Sequence
from pathlib import Path
from signal import SIGINT

from handgrad.cli.console import Screen, say
from handgrad.errors import HandgradError
from handgrad.reports.comparison import build_report
from handgrad.reports.render import writer_of
from handgrad.runs import InterruptedRunError, Run

log = logging.getLogger("handgrad")
BRIEF_TSNE = 500  # test images in the t-SNE of a report that nobody asked for: two seconds in place of half a minute


def write_report(runs: Sequence[Run]) -> None:
    """The report at the end of a training, or of several seeds; what was trained is not lost where it fails."""
    path = runs[0].path / ("report.html" if len(runs) == 1 else "seeds.html")
    try:
        write(runs, path, BRIEF_TSNE)
    except HandgradError as error:
        log.warning("no report: %s", error)
    except KeyboardInterrupt:
        again = " ".join(str(run.path) for run in runs)
        raise InterruptedRunError(
            f"no report; all else is saved. Write it with: handgrad report {again}", SIGINT
        ) from None


def write(runs: Sequence[Run], path: Path, tsne_images: int) -> None:
    """Build and write a report, as the ending of `path` says.

    Raises  UsageError for another ending, or runs that cannot be reported; FileSystemError, CorruptDataError.
    """
    writer, screen = writer_of(path), Screen()
    say("writing the report …")
    with screen.working("report: reading the run") as tell:
        report = build_report(runs, tsne_images, lambda message: tell(f"report: {message}"))
        tell("report: writing")
        written = writer(report, path)
    beside = f", {len(written) - 1} figures beside it" if len(written) > 1 else ""
    say(f"report: {written[0]} ({sum(file.stat().st_size for file in written) / 1e6:.1f} MB{beside})")
