"""Ctrl-C while the program is still being loaded: one line and exit code 130, with nothing to save or to tidy up."""

import os
import signal
import threading


def leave_on_interrupt() -> None:
    """Until `interrupt_as_usual`: an exception within somebody's import would be lost, or printed as a traceback."""
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def interrupt_as_usual() -> None:
    """KeyboardInterrupt, which the command that runs can make use of."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(number: int, frame: object) -> None:
    os.write(2, b"handgrad: interrupted\n")
    os._exit(128 + number)
