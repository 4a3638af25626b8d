"""t-SNE against scikit-learn's, its gradient against finite differences, and on data whose map is known."""

import numpy as np
import pytest
import scipy
from scipy.spatial.distance import cdist
from sklearn.manifold import TSNE, trustworthiness
from threadpoolctl import threadpool_limits

from handgrad.data import load
from handgrad.evaluation.tsne import affinities, divergence, forces_of, principal, tsne

GENERATOR = np.random.default_rng(1)
GROUPS = np.concatenate([GENERATOR.normal(place, 1, (20, 5)) for place in (0, 8, 16)])


def test_the_neighbours_of_each_image_have_the_perplexity_that_was_asked_for():
    """Against a Gaussian of each image whose width is the best of many."""
    perplexity, count = 12.0, len(GROUPS)
    pairs = affinities(GROUPS, perplexity)
    assert pairs.shares.sum() == pytest.approx(1)
    dense = np.zeros((count, count))
    for i in range(count):
        here = slice(pairs.starts[i], pairs.starts[i + 1])
        dense[i, pairs.others[here]] = pairs.shares[here]
    np.testing.assert_allclose(dense, dense.T)
    squares = cdist(GROUPS, GROUPS, "sqeuclidean")
    betas, conditional = np.geomspace(1e-3, 10, 5_000)[:, None], np.zeros((count, count))
    for i in range(count):
        near = np.argsort(squares[i])[1 : 3 * int(perplexity) + 2]
        weights = np.exp(-betas * (squares[i, near] - squares[i, near].min()))
        shares = weights / weights.sum(axis=1, keepdims=True)
        entropies = scipy.special.entr(shares).sum(axis=1)
        conditional[i, near] = shares[np.abs(entropies - np.log(perplexity)).argmin()]
    np.testing.assert_allclose(dense, (conditional + conditional.T) / (2 * count), atol=1e-5)


def test_the_gradient_is_that_of_the_divergence():
    pairs, points = affinities(GROUPS, 5.0), np.random.default_rng(2).normal(size=(len(GROUPS), 2))
    attraction, repulsion, _ = forces_of(points, pairs)
    for place in [(0, 0), (7, 1), (59, 0)]:
        step = np.zeros_like(points)
        step[place] = 1e-5
        numeric = (divergence(points + step, pairs) - divergence(points - step, pairs)) / 2e-5
        assert 4 * (attraction - repulsion)[place] == pytest.approx(numeric, rel=1e-5)


@pytest.mark.slow
def test_as_good_a_map_as_scikit_learn_s():
    """Both begin with principal components and take 1,000 steps; neither finds the least divergence there is."""
    images = load("digits").x_test[:120].reshape(120, -1).astype(np.float32)
    points, left = tsne(images, 30.0, 0)
    with threadpool_limits(1):
        other = TSNE(perplexity=30.0, init="pca", random_state=0, n_jobs=1).fit(images / images.std())
    assert left < 1.1 * other.kl_divergence_
    assert trustworthiness(images, points) > trustworthiness(images, other.embedding_) - 0.02


def test_groups_that_lie_apart_do_so_in_the_map():
    points, _ = tsne(GROUPS.astype(np.float32), 10.0, 0)
    middles = points.reshape(3, 20, 2).mean(axis=1)
    assert cdist(points, middles).argmin(axis=1).tolist() == np.repeat([0, 1, 2], 20).tolist()
    again, _ = tsne(GROUPS.astype(np.float32), 10.0, 0)
    np.testing.assert_array_equal(points, again)


def test_principal_components():
    found = principal(GROUPS - GROUPS.mean(axis=0), 0)
    left, sizes, _ = np.linalg.svd(GROUPS - GROUPS.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(found[:, 0]), np.abs(left[:, 0] * sizes[0]), rtol=1e-6)


def test_outputs_of_a_single_unit_lie_on_a_line():
    points, left = tsne(np.arange(30.0)[:, None] ** 1.5, 5.0, 0)
    assert np.isfinite(points).all()
    assert np.isfinite(left)
    assert not points[:, 1].any()
