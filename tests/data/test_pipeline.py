import dataclasses

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import pipeline
from support.datasets import make_dataset


def numbered(count_a, count_b, paired=False, size=8):
    """Images whose every value is their number; normalized, number = (x + 1) * 127.5."""

    def images(count):
        numbers = np.arange(count, dtype="uint8")[:, None, None, None]
        return np.broadcast_to(numbers, (count, size, size, 1)).copy()

    return dataclasses.replace(
        make_dataset(),
        train_a=images(count_a),
        train_b=images(count_b),
        test_a=images(0),
        test_b=images(0),
        paired={"train": paired, "test": True},
        hash="",
    )


def walk(dataset, **options):
    """The numbers of the images of A and B in the order in which they come."""
    batches = list(pipeline.batches(dataset, **{"augment": False} | options))
    return [
        [round((float(x) + 1) * 127.5) for batch in batches for x in batch[side][:, 0, 0, 0]]
        for side in (0, 1)
    ]


def test_an_epoch_shows_the_larger_domain_once_and_the_smaller_again_and_again():
    data = numbered(12, 5)
    assert pipeline.steps_per_epoch(data) == 12
    a, b = walk(data, steps=12)
    assert sorted(a) == list(range(12)) and a != list(range(12))
    assert sorted(b[:5]) == sorted(b[5:10]) == list(range(5)) and b[:5] != b[5:10]


def test_every_epoch_has_an_order_of_its_own_and_domains_are_independent():
    a, b = walk(numbered(40, 40), steps=80)
    assert a[:40] != a[40:] and sorted(a[40:]) == list(range(40))
    assert a != b


def test_order_depends_on_the_seed_alone():
    data = numbered(20, 20)
    assert walk(data, steps=20, seed=3) == walk(data, steps=20, seed=3)
    assert walk(data, steps=20, seed=3) != walk(data, steps=20, seed=4)


def test_resuming_at_a_step_neither_replays_nor_skips():
    data = make_dataset(9, 7)
    whole = list(pipeline.batches(data, 2, steps=10, seed=5))
    rest = list(pipeline.batches(data, 2, steps=6, start=4, seed=5))
    for expected, got in zip(whole[4:], rest, strict=True):
        np.testing.assert_array_equal(expected[0], got[0])
        np.testing.assert_array_equal(expected[1], got[1])


def test_augmentation_is_drawn_anew_at_every_visit():
    data = make_dataset(1, 1)
    a = [batch[0].numpy() for batch in pipeline.batches(data, steps=16)]
    assert len({x.tobytes() for x in a}) > 8
    assert all(x.shape == (1, 16, 16, 1) and x.min() >= -1 and x.max() <= 1 for x in a)


def test_augmentation_mirrors_half_of_the_time():
    ramp = np.tile(np.arange(0, 256, 16, dtype="uint8")[None, :, None], (16, 1, 1))[None]
    data = dataclasses.replace(make_dataset(), train_a=ramp, hash="")
    a = [batch[0].numpy()[0, 8, :, 0] for batch in pipeline.batches(data, steps=200)]
    mirrored = sum(row[0] > row[-1] for row in a)
    assert 70 < mirrored < 130


def test_images_may_be_mirrored_alone():
    data = make_dataset(1, 1)
    (plain,) = pipeline.batches(data, steps=1, augment=False)
    stored = plain[0].numpy()
    shown = [b[0].numpy() for b in pipeline.batches(data, steps=60, augment="mirror")]
    mirrored = [np.array_equal(x, stored[:, :, ::-1]) for x in shown]
    assert all(m or np.array_equal(x, stored) for m, x in zip(mirrored, shown, strict=True))
    assert 15 < sum(mirrored) < 45


def test_crops_reach_every_corner_of_the_enlarged_image():
    # 16 pixels enlarged to 18: three offsets each way; a ramp's first value tells which.
    ramp = np.tile(np.linspace(0, 255, 16).astype("uint8")[None, :, None], (16, 1, 1))[None]
    data = dataclasses.replace(make_dataset(), train_a=ramp, hash="")
    firsts = {
        round(float(min(row[0], row[-1])), 4)
        for batch in pipeline.batches(data, steps=60)
        for row in [batch[0].numpy()[0, 8, :, 0]]
    }
    assert len(firsts) == 3


def test_paired_data_stay_paired_through_order_crop_and_mirror():
    data = make_dataset(6, 6, channels=(3, 3), paired=True)
    data = dataclasses.replace(data, train_b=data.train_a, hash="")
    for a, b in pipeline.batches(data, 2, steps=9):
        np.testing.assert_array_equal(a, b)


def test_values_reach_minus_one_and_one():
    for dtype, high in (("uint8", 255), ("uint16", 65535)):
        data = make_dataset(2, 2, dtype=dtype)
        data.train_a[:] = [[[[0]]], [[[high]]]]
        a = np.concatenate([batch[0] for batch in pipeline.batches(data, steps=2, augment=False)])
        assert sorted(a[:, 0, 0, 0]) == [-1.0, 1.0]


class Lazy:
    """Images that are read on access, as a folder's are."""

    def __init__(self, images):
        self.images, self.shape, self.dtype = images, images.shape, images.dtype
        self.read = []

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        self.read += list(index)
        return self.images[index]


def test_images_read_on_access_give_the_same_batches():
    data = make_dataset(5, 4)
    lazy = dataclasses.replace(data, train_a=Lazy(data.train_a), train_b=Lazy(data.train_b))
    pairs = zip(pipeline.batches(data, steps=6), pipeline.batches(lazy, steps=6), strict=True)
    for (a, b), (lazy_a, lazy_b) in pairs:
        np.testing.assert_array_equal(a, lazy_a)
        np.testing.assert_array_equal(b, lazy_b)
    assert set(lazy.train_a.read) == set(range(5))


def test_bad_input():
    with pytest.raises(InputError, match="batch_size must be at least 1, received 0"):
        pipeline.batches(make_dataset(), 0, steps=1)


def test_fixed_images_come_from_the_test_split():
    data = make_dataset()
    a, b = pipeline.fixed_images(data, 2)
    np.testing.assert_allclose((a + 1) * 127.5, data.test_a[:2], atol=1e-4)
    assert b.shape == (2, 16, 16, 3)
    empty = dataclasses.replace(
        data, test_a=data.test_a[:0], paired={"train": False, "test": False}, hash=""
    )
    a, b = pipeline.fixed_images(empty, 99)
    np.testing.assert_allclose((a + 1) * 127.5, data.train_a[:3], atol=1e-4)
