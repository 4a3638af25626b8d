"""Rich's console, which goes on when its reader has gone."""

import os
import sys

from rich.console import Console


class Screen(Console):
    """Standard output; once its reader, such as `head`, has seen enough, what is printed goes nowhere.

    Rich would end the process: a training whose lines nobody reads is still wanted in its folder.
    """

    def on_broken_pipe(self) -> None:
        """Stay quiet from now on."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
