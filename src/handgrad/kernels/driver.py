"""The compiled training loop: forward, loss, backward and update for any network, through tables of addresses.

Nothing here knows a layer or an optimizer by name, so no architecture ever compiles anything but its own kernels.
"""

import math

import numpy as np

from handgrad.kernels.augment import augment
from handgrad.kernels.compile import inline_kernel, strict_kernel
from handgrad.kernels.losses import count_correct
from handgrad.kernels.processor import CACHE_LINE_BYTES, flush_denormals, prefetch, restore
from handgrad.kernels.program import call_backward, call_forward, call_loss, call_prepare, call_update
from handgrad.kernels.random import subkey

BLOCK = 2048  # elements updated at a time: a block of weights, gradients and two states stays in the first-level cache


@strict_kernel
def forward(program, rows, key, training):
    """Run every operation on the first `rows` rows of the input; `key` seeds this step's random numbers."""
    arena = program.activations
    for i in range(program.table.size):
        op = program.table[i]
        call_forward(
            op.forward,
            arena,
            arena[op.x_start : op.x_start + rows * op.x_size],
            arena[op.y_start : op.y_start + rows * op.y_size],
            program.parameters[op.parameter_start : op.parameter_start + op.parameter_size],
            program.buffers[op.buffer_start : op.buffer_start + op.buffer_size],
            program.saved[op.saved_start : op.saved_start + op.saved_size],
            program.shapes[op.shape_start : op.shape_start + op.shape_size],
            program.settings[op.setting_start : op.setting_start + op.setting_size],
            subkey(key, op.stream),
            training,
        )


@strict_kernel
def backward(program, rows):
    """Run the operations backwards from the gradient of the last output down to the first layer with parameters."""
    arena, darena = program.activations, program.dactivations
    for i in range(program.table.size - 1, program.first - 1, -1):
        op = program.table[i]
        call_backward(
            op.backward,
            arena,
            darena[op.dy_start : op.dy_start + rows * op.y_size],
            darena[op.dx_start : op.dx_start + rows * op.dx_size],
            arena[op.x_start : op.x_start + rows * op.x_size],
            arena[op.y_start : op.y_start + rows * op.y_size],
            program.parameters[op.parameter_start : op.parameter_start + op.parameter_size],
            program.gradients[op.parameter_start : op.parameter_start + op.parameter_size],
            program.saved[op.saved_start : op.saved_start + op.saved_size],
            program.shapes[op.shape_start : op.shape_start + op.shape_size],
            program.settings[op.setting_start : op.setting_start + op.setting_size],
        )


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


@inline_kernel
def gradient_norm(gradients):
    """Euclidean norm, summed in float64 by blocks."""
    total = 0.0
    for start in range(0, gradients.size, BLOCK):
        part = gradients.dtype.type(0)
        for g in gradients[start : start + BLOCK]:
            part += g * g
        total += float(part)
    return math.sqrt(total)


@inline_kernel
def penalise(w, dw, scale, l1, l2, keep):
    """The transforms between gradient and optimizer: dw = scale dw + l1 sign(w) + l2 w, then w = keep w.

    Math    clipping multiplies by scale = min(1, clip_norm / norm); l1 and l2 are the gradients of the penalties
            l1 sum |w| + l2/2 sum w^2; keep = 1 - learning_rate * decay is AdamW's decoupled weight decay
    """
    if l1 != 0:
        for i in range(w.size):
            dw[i] = scale * dw[i] + l1 * np.sign(w[i]) + l2 * w[i]
    elif scale != 1 or l2 != 0:
        for i in range(w.size):
            dw[i] = scale * dw[i] + l2 * w[i]
    if keep != 1:
        for i in range(w.size):
            w[i] *= keep


@strict_kernel
def update(program, optimization, scale, learning_rate):
    """Apply transforms and optimizer block by block, so that each element is fetched from memory once."""
    real = program.parameters.dtype.type
    _, l1, l2, decay = optimization.transforms
    size, states = program.parameters.size, optimization.states
    second = size if optimization.vectors > 1 else 0
    third = 2 * size if optimization.vectors > 2 else 0
    for s in range(optimization.segments.shape[0]):
        first, last, penalised = optimization.segments[s]
        keep = 1 - learning_rate * decay * penalised
        for a in range(first, last, BLOCK):
            b = min(a + BLOCK, last)
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
        row = rows[n]
        labels[n] = batches.labels[row]
        for c in range(batches.scale.size):
            scale, shift = batches.scale[c], batches.shift[c]
            for j in range(c * plane, (c + 1) * plane):
                x[n * width + j] = scale * batches.images[row, j] + shift


@strict_kernel
def prefetch_rows(batches, rows):
    """Ask for the images of the next batch: they are scattered over all of memory, and the step gives it time."""
    width = batches.images.shape[1]
    line = CACHE_LINE_BYTES // batches.images.itemsize
    for row in rows:
        for j in range(0, width, line):
            prefetch(batches.images, row * width + j)


@strict_kernel
def train_steps(program, optimization, batches, start, step, rates, log_every, records):
    """Train from the `start`-th image of the epoch on, one step for each of `rates`, or until a loss is not finite.

    Shapes  rates (S,) float64: the learning rates; step: the number of steps made before, so the first one here is
            step + 1; records (S, 3) float64: loss, right answers, and gradient norm (NaN unless due) of each step
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
        if batches.augmentation.size:
            augment(x, rows.size, batches, key)
        weights = batches.weights[rows] if batches.weights.size else batches.weights
        loss, correct = loss_and_gradients(program, labels, weights, key, True)
        done = s + 1
        records[s, 0], records[s, 1], records[s, 2] = loss, correct, np.nan
        if not math.isfinite(loss):
            break
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
            logits = program.activations[last.y_start : last.y_start + rows.size * last.y_size]
            probabilities[start : start + rows.size] = logits.reshape((rows.size, last.y_size))
    restore(word)
    return total / batches.order.size, right / batches.order.size
