"""A team of threads that share the work of one training: each task is cut into parts, which whoever is free takes.

One thread leads. It publishes a task, takes parts like everyone else, and goes on when all are done: nobody waits for
a thread that the system has put to sleep before it took a part. The others look for parts all the time, as a task
lasts some 20 microseconds, in which no system wakes a thread; where there are none for longer, they offer their core to
others. Between two compiled calls they are in Python.

Which thread takes a part changes no bit: parts write to places of their own, and none sums what another one has.

`words` of int64, each on a cache line of its own:
    CLAIM   the task's number, its parts, and how many are taken, 32, 16 and 16 bits: one exchange takes a part of the
            task that was looked at, and fails when that is over
    DONE    parts that are done
    STOP    whether the team is to go home
    TASK    the task: what, operation, rows, key, and whether in training; read after a part is taken
"""

import os
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from handgrad.kernels.blocks import I32, I64
from handgrad.kernels.compile import inline_kernel
from handgrad.kernels.processor import MACHINE
from handgrad.kernels.program import CACHE_LINE_BYTES, aligned_zeros

APART = CACHE_LINE_BYTES // 8
CLAIM, DONE, STOP, TASK = (n * APART for n in range(4))
BITS = 16
MANY = (1 << BITS) - 1  # parts of a task at most
FORWARD, BACKWARD, UPDATE = range(3)
PARTS = 2  # for each thread: what one is late with, another one takes
NONE_LEFT, TOO_LATE = -1, -2
LONG = 500  # turns of some 20 to 50 ns


class Team(NamedTuple):
    """What the threads of a training have in common; one thread alone never looks into it."""

    threads: int
    words: Any  # int64
    numbers: Any  # float64 (2,): of an update, the gradient's scale and the learning rate


def team_of(threads: int) -> Team:
    """A team in which no thread is at work yet."""
    return Team(threads, aligned_zeros(4 * APART + APART, np.int64), np.zeros(2))


def _word(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    data = context.make_array(signature.args[0])(context, builder, values[0]).data
    return builder.gep(data, [values[1]])


@intrinsic
def load_word(typing_context: Any, words: Any, index: Any) -> Any:
    """The word, and all that was written before it was stored."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(_word(context, builder, signature, values), "acquire", 8)

    return types.int64(words, types.int64), generate


@intrinsic
def store_word(typing_context: Any, words: Any, index: Any, value: Any) -> Any:
    """Set the word, after all that was written before."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store_atomic(values[2], _word(context, builder, signature, values), "release", 8)
        return context.get_dummy_value()

    return types.void(words, types.int64, types.int64), generate


@intrinsic
def exchange(typing_context: Any, words: Any, index: Any, expected: Any, value: Any) -> Any:
    """Set the word to `value` if it is `expected`; whether it was."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _word(context, builder, signature, values)
        return builder.extract_value(builder.cmpxchg(place, values[2], values[3], "acq_rel", "acquire"), 1)

    return types.boolean(words, types.int64, types.int64, types.int64), generate


@intrinsic
def add_one(typing_context: Any, words: Any, index: Any) -> Any:
    """Count the word up by one."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.atomic_rmw("add", _word(context, builder, signature, values), ir.Constant(I64, 1), "acq_rel")
        return context.get_dummy_value()

    return types.void(words, types.int64), generate


@intrinsic
def pause(typing_context: Any) -> Any:
    """Tell the processor that this thread waits in a loop."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if MACHINE in ("x86_64", "amd64"):
            name, arguments = "llvm.x86.sse2.pause", []
        elif MACHINE in ("aarch64", "arm64"):
            name, arguments = "llvm.aarch64.hint", [ir.Constant(I32, 1)]
        else:
            return context.get_dummy_value()
        function_type = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
        builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), arguments)
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def let_others_run(typing_context: Any) -> Any:
    """Offer this thread's core to whoever waits for one; does nothing where the system is not POSIX."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if os.name == "posix":
            builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(I32, []), "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate


@inline_kernel
def linger(turns):
    """Wait a moment; from the LONG-th turn in vain on let others have the core. Returns the number of turns."""
    if turns < LONG:
        pause()
    else:
        let_others_run()
    return turns + 1


@inline_kernel
def publish(team, parts, what, operation, rows, key, training):
    """Begin a task of so many parts."""
    words = team.words
    words[TASK], words[TASK + 1], words[TASK + 2] = what, operation, rows
    words[TASK + 3], words[TASK + 4] = np.int64(key), np.int64(training)
    store_word(words, DONE, 0)
    number = (load_word(words, CLAIM) >> (2 * BITS)) + 1
    store_word(words, CLAIM, (number << (2 * BITS)) | (parts << BITS))


@inline_kernel
def take(team):
    """(part, parts) of the task under way, to do now; NONE_LEFT, or TOO_LATE where another thread was faster."""
    claim = load_word(team.words, CLAIM)
    part, parts = claim & MANY, (claim >> BITS) & MANY
    if part < parts and exchange(team.words, CLAIM, claim, claim + 1):
        return part, parts
    return NONE_LEFT if part >= parts else TOO_LATE, parts


@inline_kernel
def done_and_take(team, part):
    """The next part, after this one, if it was one, is done."""
    if part >= 0:
        add_one(team.words, DONE)
    part, _ = take(team)
    return part


@inline_kernel
def wait_for(team, parts):
    """Go on when all parts of a task are done."""
    turns = 0
    while load_word(team.words, DONE) < parts:
        turns = linger(turns)
