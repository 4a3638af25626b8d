"""How far two correct computations may part by rounding alone: tolerances from error analysis, not from a machine."""

from math import prod

import numpy as np

ELEMENTARY = 32  # roundings on the way of one number through a layer: a sigmoid to 8 units in the last place is 16
SUMS = 3  # one after another in a layer: mean, variance and dgamma of batch normalisation
MOVE = 2.0**-20  # relative: far above float64's rounding, and so small that only the first derivative counts
DRAWS = 8


def gamma(terms, dtype="float64"):
    """The relative error of a sum of `terms` products, in any order, with or without fused multiply-adds.

    Math    fl(sum_i x_i y_i) = sum_i x_i y_i (1 + d_i), |d_i| <= gamma = n u / (1 - n u), u the unit roundoff; so the
            error of the sum is at most gamma sum_i |x_i y_i|, and that of two such sums from each other twice that
    Ref     Higham, Accuracy and Stability of Numerical Algorithms (2002), sec. 3.1
    """
    rounding = terms * float(np.finfo(dtype).eps) / 2
    return rounding / (1 - rounding)


def terms_of(plan, shape, rows):
    """Roundings of one number on its way through a layer, there or back, with inputs of `shape` and `rows` of them.

    Sums run over a window (a weight's fan in, or out on the way back), or over the batch and the places of an image.
    """
    fans = [fan for part in plan.parameters for fan in (part.fan_in, part.fan_out)]
    places = [rows * prod(sides[1:] if len(sides) == 3 else ()) for sides in (shape, plan.output)]
    return ELEMENTARY + SUMS * max(*fans, *places)


def terms_of_network(network, rows):
    """Those of a whole network and its loss, there and back."""
    shapes = [network.input_shape, *(plan.output for plan in network.plans)]
    layers = sum(terms_of(plan, shape, rows) for plan, shape in zip(network.plans, shapes, strict=False))
    return 2 * layers + ELEMENTARY + SUMS * network.classes + rows


def deviations(compute, inputs, terms, dtype="float64"):
    """How far the largest number of each array in the dictionary `compute(*inputs)` may be off in `dtype`.

    To compute with `terms` roundings is to compute exactly with inputs moved by up to gamma(terms), relatively, and to
    round the results. What a move does is measured, in float64: so the condition of this computation is in the bound,
    such as that of a mean near zero, or of a division by sqrt(v) + epsilon. The moves' signs are drawn, as roundings
    have no preferred one either.
    Math    2 gamma(terms) (max |y| + max |y(x (1 + move)) - y(x)| / |move|), for two computations or one
    Ref     Higham (2002), sec. 1.5 and 1.6: mixed forward-backward error, condition
    """
    random, still = np.random.default_rng(0), compute(*inputs)
    moved = dict.fromkeys(still, 0.0)
    for _ in range(DRAWS):
        drawn = compute(*(x * (1 + MOVE * random.choice([-1, 1], np.shape(x))) for x in inputs))
        moved = {name: max(far, largest(drawn[name] - still[name])) for name, far in moved.items()}
    return {name: 2 * gamma(terms, dtype) * (largest(still[name]) + far / MOVE) for name, far in moved.items()}


def largest(array):
    """The largest absolute value; 0 of an empty array."""
    return float(np.abs(array).max(initial=0))


def assert_close(actual, expected, allowed, name):
    """Fails where a number is farther from the expected one than `allowed`, and says of which array, and where."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{name} has shape {actual.shape}, must have {expected.shape}"
    apart = np.abs(actual.astype(float) - expected)
    wrong = ~(apart <= allowed)  # also where it is NaN
    if wrong.any():
        place = np.unravel_index(np.argmax(np.where(wrong, apart, -1)), apart.shape)
        where = f"[{', '.join(map(str, place))}]" if place else ""
        raise AssertionError(
            f"{name}{where} is {actual[place]:.9g}, must be {expected[place]:.9g}: {apart[place]:.3g} apart, where "
            f"rounding makes {np.broadcast_to(allowed, apart.shape)[place]:.3g} at most "
            f"({wrong.sum()} of {wrong.size} numbers are wrong)"
        )


def random_walk(steps, size, dtype="float64"):
    """How far numbers up to `size` may get in `steps` additions to them: 8 sqrt(steps) u size.

    The worst case, steps u size, needs all errors on one side. Of independent errors the sum exceeds this bound with a
    probability below 2 exp(-8^2 / 2), 3e-14 for each number.
    Ref     Higham & Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci. Comput. 41 (2019)
    """
    return 8 * np.sqrt(steps) * float(np.finfo(dtype).eps) / 2 * size


def parting(train, terms, steps, dtype="float64"):
    """How far two trainings may part that differ in the order of their sums, of at most `terms` products each.

    To compute a step with other roundings is to compute it exactly with weights moved by up to gamma(terms), relatively
    (see `gamma`). What a move before the first step does in the end is measured: `train(move)` calls `move(parameters)`
    at the start and returns the numbers that are compared; the bound has their shape. So the condition of this very
    training is in it. It is bad where an optimizer divides by the root of a sum near zero: the gradient of a bias
    before batch normalisation is zero but for rounding, and Adagrad's first step for it noise / epsilon, 1e-17 / 1e-10.
    Later moves have fewer steps to grow in: all together make at most `steps` times the first one's difference.
    """
    random, still = np.random.default_rng(0), train(lambda weights: None)
    apart = np.zeros_like(still)
    for _ in range(2):

        def move(weights):
            weights *= 1 + gamma(terms, dtype) * random.choice([-1, 1], weights.size)

        apart = np.maximum(apart, np.abs(train(move) - still))
    return steps * apart
