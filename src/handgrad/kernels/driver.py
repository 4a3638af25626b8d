"""The compiled training loop: forward, loss, backward and update for any network, through tables of addresses.

Nothing here knows a layer or an optimizer by name, so no architecture ever compiles anything but its own kernels.
"""

import math

import numpy as np

from handgrad.kernels.compile import inline_kernel, strict_kernel
from handgrad.kernels.dispatch import (
    call_augment,
    call_backward,
    call_backward_share,
    call_forward,
    call_forward_share,
    call_loss,
    call_prepare,
    call_update,
)
from handgrad.kernels.gradients import BLOCK, gradient_norm, penalise, unit_norms
from handgrad.kernels.losses import count_correct
from handgrad.kernels.processor import flush_denormals, prefetch, restore
from handgrad.kernels.program import CACHE_LINE_BYTES, NUMBERS, SHARES, share
from handgrad.kernels.random import subkey
from handgrad.kernels.rearrangement import copy
from handgrad.kernels.team import (
    BACKWARD,
    DONE,
    FORWARD,
    NONE_LEFT,
    PARTS,
    STOP,
    TASK,
    UPDATE,
    add_one,
    done_and_take,
    linger,
    load_word,
    publish,
    take,
    wait_for,
)

UNIT = 4096  # numbers of an activation in a part, a multiple of what its loop computes at once


@inline_kernel
def inputs_of(program, op, rows, part, parts):
    """(first, last, saved's first, saved's last): which numbers of its input an operation computes, in this part."""
    first, last = 0, rows * op.x_size
    if op.split != NUMBERS:
        return first, last, op.saved_start, op.saved_start + op.saved_size
    first, last = share(last, UNIT, part, parts)
    kept = op.saved_start
    return first, last, kept + min(first, op.saved_size), kept + min(last, op.saved_size)


@strict_kernel
def forward_part(program, i, rows, key, training, part, parts):
    """A part of the forward pass of operation number i: see `Program.table`'s `split`."""
    arena, op = program.activations, program.table[i]
    first, last, saved_first, saved_last = inputs_of(program, op, rows, part, parts)
    x = arena[op.x_start + first : op.x_start + last]
    y = arena[op.y_start + first : op.y_start + (last if op.split == NUMBERS else rows * op.y_size)]
    parameters = program.parameters[op.parameter_start : op.parameter_start + op.parameter_size]
    buffers = program.buffers[op.buffer_start : op.buffer_start + op.buffer_size]
    saved = program.saved[saved_first:saved_last]
    shape = program.shapes[op.shape_start : op.shape_start + op.shape_size]
    settings = program.settings[op.setting_start : op.setting_start + op.setting_size]
    own = subkey(key, op.stream)
    if op.split == SHARES:
        call_forward_share(
            op.forward, arena, x, y, parameters, buffers, saved, shape, settings, own, training, (part, parts)
        )
    else:
        call_forward(op.forward, arena, x, y, parameters, buffers, saved, shape, settings, own, training)


@strict_kernel
def backward_part(program, i, rows, part, parts):
    """A part of the backward pass of operation number i."""
    arena, darena, op = program.activations, program.dactivations, program.table[i]
    first, last, saved_first, saved_last = inputs_of(program, op, rows, part, parts)
    y_last = last if op.split == NUMBERS else rows * op.y_size
    dy, y = darena[op.dy_start + first : op.dy_start + y_last], arena[op.y_start + first : op.y_start + y_last]
    x = arena[op.x_start + first : op.x_start + last]
    dx = darena[op.dx_start + first : op.dx_start + (last if op.dx_size else first)]
    parameters = program.parameters[op.parameter_start : op.parameter_start + op.parameter_size]
    dparameters = program.gradients[op.parameter_start : op.parameter_start + op.parameter_size]
    saved = program.saved[saved_first:saved_last]
    shape = program.shapes[op.shape_start : op.shape_start + op.shape_size]
    settings = program.settings[op.setting_start : op.setting_start + op.setting_size]
    if op.split == SHARES:
        call_backward_share(
            op.backward, arena, dy, dx, x, y, parameters, dparameters, saved, shape, settings, (part, parts)
        )
    else:
        call_backward(op.backward, arena, dy, dx, x, y, parameters, dparameters, saved, shape, settings)


@inline_kernel
def pass_part(program, what, i, rows, key, training, part, parts):
    """A part of an operation, forward or backward."""
    if what == FORWARD:
        forward_part(program, i, rows, key, training, part, parts)
    else:
        backward_part(program, i, rows, part, parts)


@strict_kernel
def run_operation(program, what, i, rows, key, training):
    """All of an operation, its parts shared with the team, if it is worth that."""
    team = program.team
    parts = min(program.table[i].parts, PARTS * team.threads) if team.threads > 1 else 1
    part, alone = 0, parts == 1
    if not alone:
        publish(team, parts, what, i, rows, key, training)
        part, _ = take(team)
    while part != NONE_LEFT:
        if part >= 0:
            pass_part(program, what, i, rows, key, training, part, parts)
        part = NONE_LEFT if alone else done_and_take(team, part)
    if not alone:
        wait_for(team, parts)


@strict_kernel
def forward(program, rows, key, training):
    """Run every operation on the first `rows` rows of the input; `key` seeds this step's random numbers."""
    for i in range(program.table.size):
        run_operation(program, FORWARD, i, rows, key, training)


@strict_kernel
def infer(program, rows):
    """The forward pass in evaluation mode."""
    word = flush_denormals()
    forward(program, rows, np.uint64(0), False)
    restore(word)


@strict_kernel
def backward(program, rows):
    """Run the operations backwards from the gradient of the last output down to the first layer with parameters."""
    for i in range(program.table.size - 1, program.first - 1, -1):
        run_operation(program, BACKWARD, i, rows, np.uint64(0), True)


@strict_kernel
def output_loss(program, labels):
    """Loss and number of right answers for the current activations; leaves the loss's gradient in `dactivations`."""
    last, rows = program.table[program.table.size - 1], labels.size
    here = slice(last.y_start, last.y_start + rows * last.y_size)
    logits = program.activations[here].reshape((rows, last.y_size))
    dlogits = program.dactivations[here].reshape((rows, last.y_size))
    loss = call_loss(program.loss, logits, logits, labels, dlogits, program.loss_settings)
    return loss, count_correct(logits, labels)


@strict_kernel
def weighted_loss(program, labels, weights):
    """As `output_loss`, each image counting as much as its weight says.

    Shapes  labels (n,); weights (n,) float64, positive
    Math  v_n = weights[n];  loss = sum_n v_n l_n / sum_n v_n, the mean of v_n images like n, were v_n whole numbers;
          the weights depend on no parameter, so d loss / d logits[n] = v_n / sum_m v_m dl_n: one factor for each row
          of dlogits, and nothing else in the backward pass changes.
          l_n and dl_n come from the loss's own kernel, for a batch of this image alone: so it is any loss that is a
          mean over images. With v_n = class_weights[labels[n]] it is PyTorch's cross_entropy(weight=class_weights)
    """
    last = program.table[program.table.size - 1]
    total, loss, correct = 0.0, 0.0, 0
    for n in range(labels.size):
        total += weights[n]
    for n in range(labels.size):
        here = slice(last.y_start + n * last.y_size, last.y_start + (n + 1) * last.y_size)
        logits = program.activations[here].reshape((1, last.y_size))
        dlogits = program.dactivations[here].reshape((1, last.y_size))
        label, share = labels[n : n + 1], weights[n] / total
        loss += share * call_loss(program.loss, logits, logits, label, dlogits, program.loss_settings)
        correct += count_correct(logits, label)
        for k in range(last.y_size):
            dlogits[0, k] *= dlogits.dtype.type(share)
    return loss, correct


@strict_kernel
def loss_and_gradients(program, labels, weights, key, training):
    """Loss of the batch that stands in the input, and every gradient; (loss, right answers).

    `weights` say how much each image counts; (0,) where all count alike.
    """
    forward(program, labels.size, key, training)
    loss, correct = weighted_loss(program, labels, weights) if weights.size else output_loss(program, labels)
    backward(program, labels.size)
    return loss, correct


@strict_kernel
def update_part(program, optimization, scale, learning_rate, part, parts):
    """Apply transforms and optimizer block by block, so that each element is fetched from memory once."""
    real = program.parameters.dtype.type
    _, l1, l2, decay = optimization.transforms
    size, states = program.parameters.size, optimization.states
    second = size if optimization.vectors > 1 else 0
    third = 2 * size if optimization.vectors > 2 else 0
    for s in range(optimization.segments.shape[0]):
        start, stop, penalised = optimization.segments[s]
        keep = 1 - learning_rate * decay * penalised
        first, last = share(stop - start, BLOCK, part, parts)
        for a in range(start + first, start + last, BLOCK):
            b = min(a + BLOCK, stop)
            w, dw = program.parameters[a:b], program.gradients[a:b]
            penalise(w, dw, real(scale), real(l1 * penalised), real(l2 * penalised), real(keep))
            call_update(
                optimization.update,
                w,
                w,
                dw,
                states[a:b] if optimization.vectors else w,
                states[second + a : second + b] if optimization.vectors else w,
                states[third + a : third + b] if optimization.vectors else w,
                optimization.coefficients,
            )


@strict_kernel
def update(program, optimization, scale, learning_rate):
    """Every part of the update, shared with the team, if it is worth that."""
    team = program.team
    parts = min(program.parameters.size // (8 * BLOCK), PARTS * team.threads) if team.threads > 1 else 1
    part, alone = 0, parts <= 1
    if not alone:
        team.numbers[0], team.numbers[1] = scale, learning_rate
        publish(team, parts, UPDATE, 0, 0, np.uint64(0), True)
        part, _ = take(team)
    while part != NONE_LEFT:
        if part >= 0:
            update_part(program, optimization, scale, learning_rate, part, max(1, parts))
        part = NONE_LEFT if alone else done_and_take(team, part)
    if not alone:
        wait_for(team, parts)


@strict_kernel
def assist(program, optimization):
    """Take parts of the training that another thread leads, until the team is to stop."""
    word, team, words, turns = flush_denormals(), program.team, program.team.words, 0
    while load_word(words, STOP) == 0:
        part, parts = take(team)
        if part >= 0:
            what, i, rows = words[TASK], words[TASK + 1], words[TASK + 2]
            key, training = np.uint64(words[TASK + 3]), words[TASK + 4] != 0
            if what == UPDATE:
                update_part(program, optimization, team.numbers[0], team.numbers[1], part, parts)
            else:
                pass_part(program, what, i, rows, key, training, part, parts)
            add_one(words, DONE)
            turns = 0
        else:
            turns = linger(turns)
    restore(word)


@strict_kernel
def optimizer_step(program, optimization, step, learning_rate, loss, measure):
    """One update from the gradients as they stand; returns their norm where it was needed or asked for, else NaN."""
    clip, norm, scale = optimization.transforms[0], np.nan, 1.0
    if clip > 0 or measure:
        norm = gradient_norm(program.gradients)
    if clip > 0 and math.isfinite(norm):  # an infinite norm must not freeze the weights: the loss is to show it
        scale = min(1.0, clip / (norm + 1e-6))
    call_prepare(
        optimization.prepare,
        optimization.coefficients,
        optimization.coefficients,
        optimization.memory,
        optimization.hyper,
        step,
        learning_rate,
        loss,
    )
    update(program, optimization, scale, learning_rate)
    return norm


@inline_kernel
def gather(batches, rows, x, labels):
    """Copy the images and labels of `rows` into the network's input, scaled: x = scale * pixel + shift."""
    width = batches.images.shape[1]
    plane = width // batches.scale.size
    for n in range(rows.size):
        labels[n] = batches.labels[rows[n]]
        for c in range(batches.scale.size):
            scale, shift = batches.scale[c], batches.shift[c]
            pixels = batches.images[rows[n]][c * plane : (c + 1) * plane]
            place = x[n * width + c * plane : n * width + (c + 1) * plane]
            for j in range(place.size):
                place[j] = scale * pixels[j] + shift


@strict_kernel
def prefetch_rows(batches, rows):
    """Ask for the images of the next batch: they are scattered over all of memory, and the step gives it time."""
    width = batches.images.shape[1]
    line = CACHE_LINE_BYTES // batches.images.itemsize
    for row in rows:
        for j in range(0, width, line):
            prefetch(batches.images, row * width + j)


@strict_kernel
def train_steps(program, optimization, batches, start, step, rates, log_every, records, units):
    """Train from the `start`-th image of the epoch on, one step for each of `rates`, or until a loss is not finite.

    Shapes  rates (S,) float64: the learning rates; step: the number of steps made before, so the first one here is
            step + 1; units (U, 3) int64: see unit_norms; records (S, 3 + U) float64: loss, right answers, and
            gradient norm (NaN unless due) of each step, then the norms of units
    Returns the number of steps whose loss was computed; the last one's loss is not finite when it is less than S
            or when it is not finite: the parameters are then as before that step.
    """
    word = flush_denormals()
    done = 0
    labels_room = np.empty(batches.size, np.int64)
    for s in range(rates.size):
        rows = batches.order[start : start + batches.size]
        start += rows.size
        step += 1
        x = program.activations[: rows.size * program.table[0].x_size]
        labels = labels_room[: rows.size]
        key = subkey(batches.key, step)
        gather(batches, rows, x, labels)
        prefetch_rows(batches, batches.order[start : start + batches.size])
        if batches.augment:
            call_augment(batches.augment, x, x, rows.size, batches.augmentation, batches.scale, batches.shift, key)
        weights = batches.weights[rows] if batches.weights.size else batches.weights
        loss, correct = loss_and_gradients(program, labels, weights, key, True)
        done = s + 1
        records[s, 0], records[s, 1], records[s, 2] = loss, correct, np.nan
        if not math.isfinite(loss):
            break
        unit_norms(program.gradients, units, records[s, 3:])
        records[s, 2] = optimizer_step(program, optimization, step, rates[s], loss, step % log_every == 0)
    restore(word)
    return done


@strict_kernel
def evaluate_rows(program, batches, probabilities):
    """Mean loss and share of right answers over `batches.order`, in evaluation mode; fills softmax inputs (logits).

    Shapes  probabilities (len(order), K) real, or (0, K) when they are not wanted; holds the logits afterwards
    """
    word = flush_denormals()
    total, right = 0.0, 0
    labels_room = np.empty(batches.size, np.int64)
    last = program.table[program.table.size - 1]
    for start in range(0, batches.order.size, batches.size):
        rows = batches.order[start : start + batches.size]
        x = program.activations[: rows.size * program.table[0].x_size]
        labels = labels_room[: rows.size]
        gather(batches, rows, x, labels)
        forward(program, rows.size, np.uint64(0), False)
        loss, correct = output_loss(program, labels)
        total += loss * rows.size
        right += correct
        if probabilities.shape[0]:
            for n in range(rows.size):
                first = last.y_start + n * last.y_size
                copy(program.activations[first : first + last.y_size], probabilities[start + n])
    restore(word)
    return total / batches.order.size, right / batches.order.size
