"""The `handgrad` command: finds the sub-command, and turns errors into one line and an exit code."""

import gc
import io
import logging
import os
import resource
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from handgrad.cli.commands import COMMANDS, kept_help, module_of, short_help_for
from handgrad.cli.starting import interrupt_as_usual, leave_on_interrupt
from handgrad.errors import FileSystemError, HandgradError, UsageError
from handgrad.text import suggestion, visible_name

LEAST_BYTES = 1 << 30  # of address space, to load all libraries
YOUNG = 50_000  # objects until the next search for garbage: with Python's 700, a tenth of a report's time goes into it

EXAMPLES = """examples:
  handgrad train --dataset digits                    seconds, needs no download
  handgrad train -a tanh -nhl 3 -sz 128 -o nadam     on Fashion-MNIST
  handgrad report runs/NAME
  handgrad predict runs/NAME shoe.png"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name); returns the exit code."""
    leave_on_interrupt()
    gc.set_threshold(YOUNG)
    HandgradError.names_flags = True
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in tokens
    tokens = [token for token in tokens if token != "--debug"]
    _log_to_stderr()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            errors="backslashreplace"
        )  # a terminal of another encoding, names of files in another one
    try:
        code = _dispatch(tokens)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except SystemExit as end:  # --help was printed
        if end.code:
            raise
        return 0
    except HandgradError as error:
        return _failed(error, debug)
    except KeyboardInterrupt:
        print("handgrad: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _settle_stdout()
        return 0
    except OSError as error:
        _settle_stdout()
        said = " ".join(str(error).split())
        if isinstance(error, FileExistsError | NotADirectoryError):  # of making a folder, or of looking into one
            said = f"no folder can be made of {error.filename}: a file is in its way. Choose another folder"
        return _failed(FileSystemError(said), debug)
    except MemoryError:
        return _failed(UsageError("out of memory: choose a smaller --hidden_size, --num_layers or --batch_size"), debug)
    finally:
        interrupt_as_usual()


def _dispatch(tokens: list[str]) -> int:
    if not tokens or tokens[0] in ("-h", "--help", "help"):
        rows = [f"  {name:<11}{summary}" for name, (_, summary) in COMMANDS.items()]
        lines = [
            "usage: handgrad COMMAND …",
            "",
            "Train image classifiers, compare them, search hyper-parameters, write reports.",
            "",
            "commands:",
        ]
        more = "`handgrad COMMAND --help` lists its options. --debug shows tracebacks of errors."
        print("\n".join([*lines, *rows, "", EXAMPLES, "", more]))
        return 0
    if tokens[0] in ("-V", "--version"):
        print(f"handgrad {version('handgrad')}")
        return 0
    name, *rest = tokens
    if name == "train.py":  # the course's front door
        return _run("train", rest, "python train.py", True)
    if name not in COMMANDS:
        raise UsageError(f"unknown command {name!r}{suggestion(name, COMMANDS)} `handgrad --help` lists the commands")
    return _run(name, rest)


def _run(name: str, *arguments: Any) -> int:
    # With far too little memory, some libraries wait without end for more while they are loaded.
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY and allowed < LEAST_BYTES:
        raise UsageError(
            f"memory must be at least {LEAST_BYTES >> 20} MB, got {allowed >> 20} MB (ulimit -v). "
            "Allow more: ulimit -v unlimited"
        )
    tokens, program = arguments[0], arguments[1] if arguments[1:] else f"handgrad {name}"
    if not arguments[1:] and (text := short_help_for(name, tokens, program)):  # the course asks for all of its flags
        print(text, end="")
        return 0

    def run() -> int:
        module = module_of(name)
        interrupt_as_usual()
        return int(getattr(module, f"run_{name}")(*arguments))

    if text := kept_help(program, tokens, run):
        print(text, end="")
        return 0
    return run()


def _failed(error: HandgradError, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"handgrad: {error.opening}{visible_name(str(error))}", file=sys.stderr)
    if error.at_once:
        _settle_stdout()
        sys.stderr.flush()
        os._exit(error.exit_code)
    return error.exit_code


def _settle_stdout() -> None:
    """Where nothing can be written any more, what is still in the buffer goes nowhere."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _log_to_stderr() -> None:
    logger = logging.getLogger("handgrad")
    for handler in [handler for handler in logger.handlers if isinstance(handler.formatter, _Formatter)]:
        logger.removeHandler(handler)  # it writes to what was stderr when main was called before
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter())
    handler.addFilter(_Once())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


class _Once(logging.Filter):
    """Lets each warning through once: a data set that a command reads again has nothing new to say."""

    def __init__(self) -> None:
        super().__init__()
        self.said = set[str]()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        new = record.levelno < logging.WARNING or text not in self.said
        self.said.add(text)
        return new


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return f"handgrad: {level}{visible_name(record.getMessage())}"


if __name__ == "__main__":
    sys.exit(main())
