"""Volumes become slices, divided by patient."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz
from cyclegan_tf.data.slice_metadata import SPLITS, Slices
from cyclegan_tf.volumes import intensity, slicing
from cyclegan_tf.volumes.phantom import dataset as heads
from cyclegan_tf.volumes.slicing import Cut, Scan

pytest.importorskip("nibabel")


def volume(seed, filled=(4, 12), shape=(16, 16, 16), shift=0.0):
    """Air, and from slice to slice the same block of tissue."""
    voxels = np.full(shape, -1000, np.int16)
    rng = np.random.default_rng(seed)
    low, high = filled
    voxels[4:12, 3:13, low:high] = rng.integers(0, 1500, (8, 10, high - low))
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = shift
    return SimpleNamespace(voxels=voxels, affine=affine, modality="CT")


def scans(*patients, **options):
    return [Scan(n, lambda n=n: volume(n, **options), name=f"volume {n}") for n in patients]


def make(train_a, train_b, test_a=(), test_b=(), paired=(False, False), cut=None, **options):
    options = {"modalities": ("CT", "CT")} | options
    lists = dict(zip(SPLITS, map(list, (train_a, train_b, test_a, test_b)), strict=True))
    cut = cut or Cut(size=(16, 16))
    return slicing.dataset(
        lists,
        [intensity.Percentiles(0, 100), intensity.Window()],
        [cut, cut],
        paired=dict(zip(("train", "test"), paired, strict=True)),
        names=("one", "other"),
        progress=False,
        **options,
    )


def test_slices_are_what_the_volume_holds():
    dataset = make(scans(0), scans(1), scans(2), scans(2), paired=(False, True))
    assert dataset.train_b.shape == (8, 16, 16, 1)  # the empty ones are left out
    expected = np.moveaxis(volume(1).voxels[::-1, ::-1, 4:12], (2, 1, 0), (0, 1, 2))
    np.testing.assert_array_equal(dataset.train_b[..., 0], expected)
    voxels = volume(0).voxels.astype(np.float64)
    scaled = (voxels - voxels.min()) / (voxels.max() - voxels.min())
    expected = np.moveaxis(scaled[::-1, ::-1, 4:12], (2, 1, 0), (0, 1, 2))
    np.testing.assert_allclose(dataset.train_a[..., 0], expected, atol=1e-6)
    assert dataset.ranges == ((0, 1), (-1000, 2000))
    body = dataset.slices.masks["test_b"]
    assert body.shape == dataset.test_b.shape and body.sum() == 8 * 8 * 10
    learned = intensity.from_json(dataset.slices.intensities[0])
    assert learned.typical_values == (voxels.min(), voxels.max())


def test_empty_slices_are_left_out_by_the_share_of_body():
    share = 8 * 10 / 16**2
    for min_body, count in ((share - 0.01, 8), (share + 0.01, 0)):
        cut = Cut(size=(16, 16), min_body=min_body)
        if count:
            assert len(make(scans(0), scans(1), cut=cut).train_a) == count
        else:
            with pytest.raises(InputError, match="No slice of train_a holds 32% of body"):
                make(scans(0), scans(1), cut=cut)


def test_neighbours_are_channels():
    dataset = make(scans(0), scans(1), cut=Cut(size=(16, 16), neighbours=1))
    flat = make(scans(0), scans(1))
    assert dataset.train_b.shape == (8, 16, 16, 3)
    np.testing.assert_array_equal(dataset.train_b[..., 1], flat.train_b[..., 0])
    np.testing.assert_array_equal(dataset.train_b[1:, ..., 0], flat.train_b[:-1, ..., 0])
    np.testing.assert_array_equal(dataset.train_b[:-1, ..., 2], flat.train_b[1:, ..., 0])
    assert (dataset.train_b[0, ..., 0] == -1000).all()  # the slice below is air
    np.testing.assert_array_equal(slicing.neighbouring([0, 4], 5, 1), [[0, 0, 1], [3, 4, 4]])


def test_nobody_is_in_training_and_in_testing():
    with pytest.raises(InputError, match="1 patients are both in training and in testing"):
        make(scans(0), scans(1), scans(1), scans(2))
    dataset = make(scans(0, 1), scans(1, 2), scans(3), scans(4))
    assert dataset.slices.patients["train_b"] == [1] * 8 + [2] * 8


def test_pairs_stay_together():
    a, b = scans(0, filled=(4, 12)), scans(0, filled=(6, 14))
    dataset = make(a, b, paired=(True, False))
    assert len(dataset.train_a) == len(dataset.train_b) == 6  # those that both have
    elsewhere = scans(0, shift=5.0)
    with pytest.raises(InputError, match="volume 0 cannot be used: its partner lies on another"):
        make(a, elsewhere, paired=(True, False))


def test_label_maps_are_for_testing():
    marks = SimpleNamespace(**vars(volume(2)))
    marks.voxels = np.where(marks.voxels > -1000, 3, 0).astype(np.uint8)
    a, b = ([Scan(2, lambda: volume(2), lambda: marks)] for _ in "ab")
    dataset = make(scans(0), scans(1), a, b, paired=(False, True), labels={"3": "bone"})
    assert set(np.unique(dataset.slices.masks["test_a"])) == {0, 3}
    assert dataset.slices.labels == {"3": "bone"}
    marks.voxels = marks.voxels[:, :, 1:]
    with pytest.raises(InputError, match="its label map lies on another grid"):
        make(scans(0), scans(1), a, b)


def test_the_file_keeps_all(tmp_path):
    dataset = make(scans(0), scans(1), scans(2), scans(2), paired=(False, True))
    npz.save(tmp_path / "slices.npz", dataset)
    loaded = npz.load(tmp_path / "slices.npz")
    assert loaded.hash == dataset.hash
    described = dataset.slices.to_json()
    assert loaded.slices.to_json() == described
    for name, masks in dataset.slices.masks.items():
        np.testing.assert_array_equal(loaded.slices.masks[name], masks)
    swapped = loaded.swapped().slices
    assert swapped.intensities == loaded.slices.intensities[::-1]
    assert swapped.patients["train_a"] == loaded.slices.patients["train_b"]
    np.testing.assert_array_equal(swapped.masks["test_a"], loaded.slices.masks["test_b"])
    assert "1 test patients" in str(loaded)


def test_what_does_not_fit():
    patients = {name: [] for name in SPLITS}
    with pytest.raises(InputError, match="patients must have train_a"):
        Slices(patients={})
    dataset = make(scans(0), scans(1))
    for wrong, sentence in (
        ({"patients": patients}, "one number for each of 8 images, received 0"),
        ({"masks": {"test_a": np.zeros((1, 2, 2, 1), np.uint8)}}, "must be uint8 of shape"),
    ):
        fields = dataset.slices.to_json() | {"masks": None} | wrong
        with pytest.raises(InputError, match=sentence):
            Slices(**fields).check(
                {name: getattr(dataset, name) for name in SPLITS},
            )
    with pytest.raises(InputError, match="volume 0 cannot be used: The volume is CT, and MR is"):
        make(scans(0), scans(1), modalities=("MR", "CT"))
    bad = volume(0)
    bad.voxels = bad.voxels.astype(np.float32)
    bad.voxels[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="volume 7 cannot be used: The volume holds 1 voxels"):
        make([Scan(7, lambda: bad, name="volume 7")], scans(1))


def test_generated_heads_are_unpaired_in_training_and_paired_in_testing(monkeypatch):
    coarse = functools.partial(heads.phantom.head, size=48)
    monkeypatch.setattr(heads.phantom, "head", coarse)
    dataset = heads.generated(1, 1, size=32, progress=False)
    numbers = {name: set(patients) for name, patients in dataset.slices.patients.items()}
    assert numbers == {"train_a": {1}, "train_b": {2}, "test_a": {0}, "test_b": {0}}
    np.testing.assert_array_equal(*dataset.slices.masks.values())
    assert dataset.slices.labels["3"] == "skull"
    bone = dataset.slices.masks["test_b"] == 3
    assert dataset.test_b[bone].mean() > 400  # HU
    assert dataset.test_a[bone].mean() < dataset.test_a[dataset.slices.masks["test_a"] == 7].mean()
