"""Before the program is loaded: systems that it does not run on, and Ctrl-C, are answered in one line."""

import os
import signal
import sys
import threading


def refuse_windows() -> None:
    """Exit with code 2 where the locks, signals and forks that runs and sweeps are safe by are missing."""
    if sys.platform == "win32":
        print(
            "error: handgrad runs on Linux and macOS; on Windows, install it inside WSL (wsl --install)",
            file=sys.stderr,
        )
        sys.exit(2)


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
