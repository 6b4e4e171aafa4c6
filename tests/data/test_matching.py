import numpy as np
import pytest

from cyclegan_tf.data import matching, npz, pipeline


def flat(values, channels=3):
    """Images of one colour each, uint8."""
    values = np.asarray(values, np.uint8)
    return np.broadcast_to(values[:, None, None, None], (len(values), 8, 8, channels)).copy()


def flat_dataset(of_a, of_b, channels=(3, 3)):
    return npz.Dataset(flat(of_a, channels[0]), flat(of_b, channels[1]))


def test_palettes_are_means_of_parts_with_shared_pixels_by_their_share():
    image = np.arange(64, dtype=float).reshape(8, 8, 1)
    assert matching.palette(image)[:4].tolist() == [4.5, 6.5, 8.5, 10.5]
    row = np.repeat(np.arange(6.0)[None, :, None], 4, axis=0)  # parts of 1.5 pixels
    np.testing.assert_allclose(matching.palette(row)[:4], [1 / 3, 5 / 3, 10 / 3, 14 / 3])


@pytest.mark.parametrize("channels", [(3, 3), (1, 3)])
def test_the_darkest_gets_the_darkest_whatever_the_scale(channels):
    # In one dimension optimal transport sorts.
    of_a, of_b = [50, 10, 30, 40, 20], [100, 250, 150, 200, 50]
    found = matching.partners(flat_dataset(of_a, of_b, channels))
    assert np.asarray(of_b)[found].tolist() == [250, 50, 150, 200, 100]


def test_all_of_b_serve_equally_often():
    draw = np.random.default_rng(0)
    many = flat_dataset(draw.integers(0, 255, 23), draw.integers(0, 255, 5))
    assert sorted(np.bincount(matching.partners(many), minlength=5)) == [4, 4, 5, 5, 5]
    few = flat_dataset(draw.integers(0, 255, 5), draw.integers(0, 255, 23))
    assert len(set(matching.partners(few).tolist())) == 5


def test_parts_are_drawn_from_the_seed(monkeypatch):
    monkeypatch.setattr(matching, "BLOCK", 4)
    dataset = flat_dataset(range(0, 240, 20), range(5, 245, 20))
    found = matching.partners(dataset, 1)
    assert sorted(found) == list(range(12))
    assert found.tolist() == matching.partners(dataset, 1).tolist()
    assert found.tolist() != matching.partners(dataset, 2).tolist()


def test_corners_that_are_all_white_have_no_say():
    draw = np.random.default_rng(0)
    of_a, of_b = (flat(np.linspace(0, 200, 10).astype(int)[draw.permutation(10)]) for _ in "ab")
    of_b[:, :2, :2] = 255 - draw.integers(0, 2, (10, 1, 1, 1), np.uint8)
    found = matching.partners(npz.Dataset(of_a, of_b))
    assert (of_b[found][:, 7, 7] == of_a[:, 7, 7]).all()


def test_batches_bring_partners_in_one_order_one_crop_and_one_flip():
    draw = np.random.default_rng(0)
    of_b = draw.integers(0, 255, (3, 8, 8, 3), np.uint8)
    partners = np.array([2, 0, 1, 1, 0])
    dataset = npz.Dataset(255 - of_b[partners], of_b)
    for augment in (True, "mirror", False):
        batches = list(pipeline.batches(dataset, steps=12, partners=partners, augment=augment))
        for a, b in batches:
            np.testing.assert_allclose(a, -b, atol=1e-6 if augment is not True else 0.05)
        assert len({a.numpy().tobytes() for a, _ in batches}) >= 3
    apart = [np.abs(a + b).max() for a, b in pipeline.batches(dataset, steps=12)]
    assert max(apart) > 0.5
