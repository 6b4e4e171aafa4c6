"""Distances between sets of features."""

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics import distribution
from cyclegan_tf.evaluation.metrics.distribution import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
    realism,
)


def sets(n=40, m=30, d=8, shift=0.5):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) * 1.5 + shift


def column(*values):
    return np.array(values, float)[:, None]


def test_frechet_distance_of_two_lines_by_hand():
    # Means 1 and 8, variances 2 and 32: 7² + (√2 - √32)² = 49 + 18.
    assert frechet_distance(column(0, 2), column(4, 12)) == pytest.approx(67)


@pytest.mark.parametrize(("n", "d"), [(40, 8), (12, 30)])
def test_frechet_distance_equals_its_definition(n, d):
    x, y = sets(n, n - 3, d)
    cov_x, cov_y = np.cov(x.T), np.cov(y.T)
    # Through eigenvalues, with none of the code's factors.
    root = np.sqrt(np.linalg.eigvals(cov_x @ cov_y).real.clip(0)).sum()
    squared = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x + cov_y) - 2 * root
    assert frechet_distance(x, y) == pytest.approx(squared, rel=1e-6)


def test_frechet_distance_of_a_set_to_itself_is_zero_and_to_a_shifted_one_the_shift():
    x, _ = sets()
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + 2) == pytest.approx(4 * x.shape[1])


def test_frechet_distance_is_symmetric():
    x, y = sets()
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x))


def brute_force(x, y):
    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    n, m = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    xy = sum(kernel(a, b) for a in x for b in y) / (n * m)
    return xx + yy - 2 * xy


@pytest.mark.parametrize("block", [3, 1024])
def test_kernel_distance_and_its_jackknife_equal_their_definitions(block, monkeypatch):
    monkeypatch.setattr(distribution, "BLOCK", block)
    x, y = sets(8, 7, 3)
    value, error = kernel_distance(x, y)
    assert value == pytest.approx(brute_force(x, y))
    without_x = [brute_force(np.delete(x, i, 0), y) for i in range(8)]
    without_y = [brute_force(x, np.delete(y, i, 0)) for i in range(7)]
    assert error == pytest.approx(np.sqrt(7 * np.var(without_x) + 6 * np.var(without_y)))


def test_kernel_distance_by_hand():
    # Kernel (xy + 1)³: all ones within x = 0; across too; within y = 1 it is 8.
    value, error = kernel_distance(column(0, 0, 0), column(1, 1, 1))
    assert (value, error) == pytest.approx((1 + 8 - 2, 0))


def test_kernel_distance_within_its_error_of_zero_for_one_distribution():
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(100):
        value, error = kernel_distance(rng.normal(size=(60, 5)), rng.normal(size=(50, 5)))
        inside += abs(value) < 1.96 * error
    assert inside >= 88  # of 100; 95 expected


REAL, FAKE = column(0, 1, 2, 3, 10), column(0.5, 5, 20)


def test_realism_by_hand():
    # Radii to the next real neighbour: 1, 1, 1, 1, 7.
    np.testing.assert_allclose(realism(REAL, FAKE, k=1), [2, 7 / 5, 7 / 10])


def test_precision_and_recall_by_hand():
    # 20 lies outside every real ball; radii of the generated ones, 4.5, 4.5 and 15, hold all.
    assert precision_recall(REAL, FAKE, k=1) == pytest.approx((2 / 3, 1))


def test_density_and_coverage_by_hand():
    # 0.5 lies in two balls, 5 in one, 20 in none; the balls of 2 and 3 are empty.
    assert density_coverage(REAL, FAKE, k=1) == pytest.approx((1, 3 / 5))


def test_equal_sets_are_perfect_and_distant_ones_worthless():
    x, _ = sets()
    assert precision_recall(x, x) == (1, 1)
    assert density_coverage(x, x)[1] == 1
    assert np.isinf(realism(x, x)).all()
    assert precision_recall(x, x + 100) == (0, 0)
    assert density_coverage(x, x + 100) == (0, 0)


def test_a_collapsed_generator_has_precision_without_recall():
    x, _ = sets(60)
    collapsed = x[:1] + np.random.default_rng(2).normal(size=(40, 8)) * 1e-3
    precision, recall = precision_recall(x, collapsed)
    assert precision == 1
    assert recall < 0.05


@pytest.mark.parametrize(
    ("score", "least"),
    [
        (frechet_distance, 2),
        (kernel_distance, 3),
        (realism, 4),
        (precision_recall, 4),
        (density_coverage, 6),
    ],
)
def test_too_few_images_are_told(score, least):
    x, y = sets()
    score(x[:least], y[:least])
    with pytest.raises(InputError, match=f"at least {least}"):
        score(x[: least - 1], y)


@pytest.mark.parametrize("score", [frechet_distance, kernel_distance, precision_recall])
def test_features_that_cannot_be_compared_are_refused(score):
    x, y = sets()
    with pytest.raises(InputError, match="one length d"):
        score(x, y[:, :3])
    with pytest.raises(InputError, match="one length d"):
        score(x, y[0])
    y[2, 1] = np.nan
    with pytest.raises(InputError, match="set (y|fake) hold NaN"):
        score(x, y)


def test_a_set_that_is_too_small_is_called_by_its_name():
    many, few = np.random.default_rng(0).normal(size=(10, 4)), np.eye(3, 4)
    with pytest.raises(InputError, match="Set fake has 3 images"):
        precision_recall(many, few)
    with pytest.raises(InputError, match="Set real has 3 images"):
        precision_recall(few, many)


@pytest.mark.parametrize("k", [0, -1, 2.5, "3"])
def test_a_neighbour_that_there_is_not_is_refused(k):
    x = np.random.default_rng(0).normal(size=(10, 4))
    for score in (precision_recall, density_coverage, realism):
        with pytest.raises(InputError, match="k must be a whole number of at least 1, received"):
            score(x, x, k=k)


@pytest.mark.parametrize("features", ["abc", [[1], [1, 2]], np.zeros((5, 0))])
def test_what_is_no_array_of_features_is_refused(features):
    with pytest.raises(InputError, match="Both sets must be"):
        frechet_distance(features, np.eye(5))
