"""t-SNE: images as points in the plane, near each other where the outputs of a layer for them are."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from handgrad.kernels.compile import fast_kernel

Array = NDArray[Any]
STEPS, EARLY, EXAGGERATION = 1000, 250, 12.0  # in the first EARLY steps, attraction counts EXAGGERATION times
LEAST_RATE, SMALLEST_GAIN, SPREAD = 50.0, 0.01, 1e-4
HALVINGS, ROUNDS, CHUNK = 64, 30, 500
ZERO, ONE = np.float32(0), np.float32(1)


class Affinities(NamedTuple):
    """How much each image belongs to its neighbours: those of image i stand from starts[i] to starts[i + 1].

    Shapes  starts (n + 1,) int; others, shares (m,) int, float; the shares of all pairs add up to 1
    """

    starts: Array
    others: Array
    shares: Array


def tsne(outputs: Array, perplexity: float, seed: int) -> tuple[Array, float]:
    """Points in the plane, and the Kullback-Leibler divergence that is left.

    Outputs are brought to mean 0 and, all together, deviation 1. Attraction is that of 3 perplexity neighbours,
    repulsion that of all pairs. One thread: several would add up in any order.

    Shapes  outputs (n, features) -> (n, 2) float64
    Math    KL(P | Q), P of `affinities`, q[i, j] ~ 1 / (1 + |y_i - y_j|^2)
            dy_i = 4 sum_j (p[i, j] - q[i, j]) (y_i - y_j) / (1 + |y_i - y_j|^2)
    Ref     van der Maaten & Hinton (2008), Journal of Machine Learning Research 9; the rate as in Belkina et al. (2019)
    """
    centred = outputs - outputs.mean(axis=0, dtype=np.float64)
    scaled = centred / (centred.std() or 1.0)
    with threadpool_limits(1):
        pairs, points = affinities(scaled, perplexity), principal(scaled, seed)
    rate = max(len(points) / EXAGGERATION / 4, LEAST_RATE)
    points *= SPREAD / (points[:, 0].std() or 1.0)
    velocity, gains = np.zeros_like(points), np.ones_like(points)
    for step in range(STEPS):
        attraction, repulsion, _ = forces_of(points.astype(np.float32), pairs)
        dpoints = 4 * (attraction * (EXAGGERATION if step < EARLY else 1) - repulsion)
        gains = np.where(velocity * dpoints < 0, gains + 0.2, np.maximum(0.8 * gains, SMALLEST_GAIN))
        velocity = (0.5 if step < EARLY else 0.8) * velocity - rate * gains * dpoints
        points += velocity
    placed = points.astype(np.float32)
    return placed.astype(np.float64), divergence(placed, pairs)


def affinities(outputs: Array, perplexity: float) -> Affinities:
    """p[i, j] = (p[j | i] + p[i | j]) / 2n, where the neighbours of i have a Gaussian of that perplexity.

    Shapes  outputs (n, features)
    """
    images = len(outputs)
    others, squares = _nearest(outputs, min(images - 1, int(3 * perplexity + 1)))
    rows = np.repeat(np.arange(images), others.shape[1])
    both = np.concatenate([rows * images + others.ravel(), others.ravel() * images + rows])
    pairs, place = np.unique(both, return_inverse=True)
    shares = np.bincount(place, np.tile(_conditional(squares, perplexity).ravel(), 2)) / (2 * images)
    return Affinities(np.searchsorted(pairs, images * np.arange(images + 1)), pairs % images, shares)


def _nearest(outputs: Array, count: int) -> tuple[Array, Array]:
    """The other images of least distance to each, and its square.  Shapes  (n, features) -> (n, count) int, float64"""
    others, squares, lengths = [], [], np.square(outputs).sum(axis=1)
    for start in range(0, len(outputs), CHUNK):
        part = outputs[start : start + CHUNK]
        found = lengths[start : start + CHUNK, None] + lengths - 2 * part @ outputs.T
        np.fill_diagonal(found[:, start:], np.inf)
        others.append(np.argpartition(found, count - 1)[:, :count])
        squares.append(np.take_along_axis(found, others[-1], axis=1))
    return np.concatenate(others), np.maximum(np.concatenate(squares), 0)


def _conditional(squares: Array, perplexity: float) -> Array:
    """p[j | i] ~ exp(-beta_i d_ij^2), with the beta_i whose entropy is log(perplexity).  Shapes  (n, count) -> same"""
    squares = squares - squares.min(axis=1, keepdims=True)
    beta, low, high = (np.full((len(squares), 1), value) for value in (1.0, 0.0, np.inf))
    for _ in range(HALVINGS):
        weights = np.exp(-beta * squares)
        total = weights.sum(axis=1, keepdims=True)
        entropy = np.log(total) + beta * (weights * squares).sum(axis=1, keepdims=True) / total
        flat = entropy > np.log(perplexity)
        low, high = np.where(flat, beta, low), np.where(flat, high, beta)
        beta = np.where(np.isinf(high), 2 * beta, (low + high) / 2)
    return weights / total


def principal(outputs: Array, seed: int) -> Array:
    """The first two principal components, by subspace iteration.  Shapes  (n, features) -> (n, 2) float64"""
    axes = np.random.default_rng(seed).normal(size=(outputs.shape[1], min(2, outputs.shape[1])))
    for _ in range(ROUNDS):
        axes, _ = np.linalg.qr(outputs.T @ (outputs @ axes))
    points = np.zeros((len(outputs), 2))
    points[:, : axes.shape[1]] = outputs @ axes
    return points


def forces_of(points: Array, pairs: Affinities) -> tuple[Array, Array, float]:
    """What pulls each point, what pushes it, and the sum over pairs of 1 / (1 + |y_i - y_j|^2).  Shapes  (n, 2) each"""
    attraction, repulsion = np.empty_like(points), np.empty_like(points)
    shares = pairs.shares.astype(points.dtype)
    total = forces(np.ascontiguousarray(points.T), pairs.starts, pairs.others, shares, attraction, repulsion)
    return attraction, repulsion / total, total


def divergence(points: Array, pairs: Affinities) -> float:
    """KL(P | Q).  Shapes  points (n, 2)"""
    rows = np.repeat(np.arange(len(points)), np.diff(pairs.starts))
    near = 1 / (1 + np.square(points[rows] - points[pairs.others]).sum(axis=1))
    total, shares = forces_of(points, pairs)[2], np.maximum(pairs.shares, np.finfo(float).tiny)
    return float((shares * np.log(shares / (near / total))).sum())


@fast_kernel
def forces(points: Array, starts: Array, others: Array, shares: Array, attraction: Array, repulsion: Array) -> float:
    """The two sums of the gradient, the second before it is divided by the returned sum over pairs.

    Shapes  points (2, n); starts (n + 1,); others, shares (m,); attraction, repulsion (n, 2)
    Math    near = 1 / (1 + |y_i - y_j|^2)
            attraction[i] = sum_j p[i, j] near (y_i - y_j);  repulsion[i] = sum_j near^2 (y_i - y_j)
    """
    count, total = points.shape[1], 0.0
    for i in range(count):
        x, y = points[0, i], points[1, i]
        across, up, sum_near = ZERO, ZERO, ZERO
        for j in range(count):
            dx, dy = x - points[0, j], y - points[1, j]
            near = ONE / (ONE + dx * dx + dy * dy)
            sum_near += near
            across += near * near * dx
            up += near * near * dy
        repulsion[i, 0], repulsion[i, 1] = across, up
        total += float(sum_near - ONE)  # near is 1 of an image and itself
        across, up = ZERO, ZERO
        for k in range(starts[i], starts[i + 1]):
            dx, dy = x - points[0, others[k]], y - points[1, others[k]]
            pull = shares[k] / (ONE + dx * dx + dy * dy)
            across += pull * dx
            up += pull * dy
        attraction[i, 0], attraction[i, 1] = across, up
    return total
