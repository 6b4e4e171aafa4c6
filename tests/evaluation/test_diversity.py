import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics import diversity, lpips, mae


def flat(*values):
    """One input's outputs, each of one value throughout."""
    return np.array(values, np.float64)[:, None, None, None] * np.ones((1, 4, 6, 3))


def test_mean_over_all_pairs_of_each_input():
    # |0 - 3|, |0 - 6| and |3 - 6| have the mean 4; three equal outputs have none.
    outputs = np.stack([flat(0, 3, 6), flat(5, 5, 5)])
    np.testing.assert_array_equal(diversity(outputs, mae), [4.0, 0.0])


def test_the_distance_is_between_outputs_of_one_input():
    outputs = np.stack([flat(0, 0), flat(9, 9)])
    np.testing.assert_array_equal(diversity(outputs, mae), [0.0, 0.0])


def test_lpips_is_the_default():
    try:
        outputs = np.random.default_rng(0).integers(0, 256, (1, 2, 33, 33, 3)).astype(np.uint8)
        expected = lpips(outputs[:, 0], outputs[:, 1])
    except InputError as error:
        pytest.skip(str(error))
    np.testing.assert_array_equal(diversity(outputs), expected)
    assert expected > 0.01


@pytest.mark.parametrize("shape", [(3, 8, 8, 3), (2, 1, 8, 8, 3), (0, 2, 8, 8, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InputError, match="at least 2 samples, received shape"):
        diversity(np.zeros(shape), mae)
