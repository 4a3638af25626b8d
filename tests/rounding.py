"""How far two correct computations may part by rounding alone: tolerances from error analysis, not from a machine."""

import numpy as np


def gamma(terms, dtype="float64"):
    """The relative error of a sum of `terms` products, in any order, with or without fused multiply-adds.

    Math    fl(sum_i x_i y_i) = sum_i x_i y_i (1 + d_i), |d_i| <= gamma = n u / (1 - n u), u the unit roundoff; so the
            error of the sum is at most gamma sum_i |x_i y_i|, and that of two such sums from each other twice that
    Ref     Higham, Accuracy and Stability of Numerical Algorithms (2002), sec. 3.1
    """
    rounding = terms * np.finfo(dtype).eps / 2
    return rounding / (1 - rounding)


def random_walk(steps, size, dtype="float64"):
    """How far numbers up to `size` may get in `steps` additions to them: 8 sqrt(steps) u size.

    The worst case, steps u size, needs all errors on one side. Of independent errors the sum exceeds this bound with a
    probability below 2 exp(-8^2 / 2), 3e-14 for each number.
    Ref     Higham & Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci. Comput. 41 (2019)
    """
    return 8 * np.sqrt(steps) * np.finfo(dtype).eps / 2 * size


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
