"""Generated heads: the same for a seed, with tissues where and as bright as they should be."""

import itertools
import json

import cv2
import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes.phantom import head as phantom
from cyclegan_tf.volumes.phantom import shapes

SIZE = 96


@pytest.fixture(scope="module")
def heads():
    return [phantom.head((5, number), SIZE) for number in range(3)]


def core(labels, *wanted):
    """Voxels of the given labels whose neighbours in all directions have them, too."""
    inside = np.isin(labels, wanted).astype(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    across = np.stack([cv2.erode(plane, kernel) for plane in inside])
    return (np.roll(across, 1, 0) & across & np.roll(across, -1, 0)).astype(bool)


def medians(head, image):
    """Median by label, of the inside of each tissue; labels of few such voxels are left out."""
    found = {}
    for label in range(16):
        voxels = image[core(head.labels, label)]
        if voxels.size >= 20:
            found[label] = float(np.median(voxels))
    return found


def test_same_seed_same_head_and_others_differ(heads):
    one, again = (phantom.head((5, 1), 32) for _ in range(2))
    for name in ("labels", "ct", "mr", "bias", "affine"):
        np.testing.assert_array_equal(getattr(again, name), getattr(one, name))
    assert not np.array_equal(phantom.head(5, 32).labels, phantom.head(6, 32).labels)
    # Heads share a place, not a shape: the tissue differs in a good part of the body's voxels.
    for one, other in itertools.pairwise(heads):
        body = (one.labels > 0) | (other.labels > 0)
        assert 0.15 < np.mean(one.labels[body] != other.labels[body]) < 0.8


def test_arrays_are_as_promised(heads):
    for head in heads:
        assert head.labels.shape == head.ct.shape == head.mr.shape == (SIZE,) * 3
        assert (head.labels.dtype, head.ct.dtype, head.mr.dtype) == (np.uint8, np.int16, np.int16)
        assert head.bias.dtype == np.float32
        assert head.ct.min() == -1000
        assert head.ct.max() > 900
        assert head.mr.min() >= 0
        np.testing.assert_allclose(head.spacing, 250.0 / SIZE)
        # The field's middle is the same point, whatever the size.
        middle = head.affine @ np.array([(SIZE - 1) / 2.0] * 3 + [1.0])
        np.testing.assert_allclose(middle, [0.0, 6.0, -30.0, 1.0])
        assert set(np.unique(head.labels)) <= {0, *phantom.LABELS}
        assert set(range(10)) | {11, 12} <= set(np.unique(head.labels))


def test_head_is_of_human_size_and_the_right_way_up(heads):
    for head in heads:
        step = head.spacing[0]
        skull = np.argwhere(np.isin(head.labels, (5, 6, 7, 8)) & _above(head, -20.0))
        brain = (np.ptp(skull, 0) + 1) * step
        assert 115 < brain[0] < 160  # side to side
        assert 145 < brain[1] < 190  # front to back
        body = np.argwhere(head.labels > 0)
        assert 200 < (np.ptp(body, 0)[2] + 1) * step < 250
        centre = {label: _centre(head, label) for label in (6, 9, 12)}
        assert centre[9][1] > centre[6][1] + 40  # the eyes are in front of the brain
        assert centre[12][2] < centre[9][2] - 40  # the teeth are below the eyes
        assert abs(centre[9][0] - centre[6][0]) < 12  # and all are about the midline


def _above(head, height):
    z = head.affine[2, 3] + head.affine[2, 2] * np.arange(head.labels.shape[2])
    return (z > height)[None, None]


def _centre(head, label):
    voxel = np.argwhere(head.labels == label).mean(0)
    return head.affine[:3, :3] @ voxel + head.affine[:3, 3]


def test_ct_shows_each_tissue_at_its_hounsfield_units(heads):
    seen = set()
    for head in heads:
        found = medians(head, head.ct)
        seen |= set(found)
        for label in found.keys() & {0, 1, 6, 7, 8, 9, 11, 13, 14}:
            mean, spread = phantom.HOUNSFIELD[label]
            assert abs(found[label] - mean) <= 2.0 * spread + 4.0, phantom.LABELS.get(label, "air")
        assert 6 in found
        assert found[0] < -990 and found[11] < -900
        assert -115 < found.get(2, -90) < -40
        assert found[7] < found[6] < found[1]
        assert 600 < found[3] < 1300
    assert {0, 1, 2, 3, 6, 7, 8, 9, 11} <= seen


def test_t1_contrast_lies_under_the_bias(heads):
    for head in heads:
        found = medians(head, head.mr / head.bias)
        assert found[7] > found[6] > found[5] > found[0]
        assert found[7] > found[1] > found[5]
        assert found[3] < 0.6 * found[5]
        assert found[2] > found[7]
        # Within white matter the bias explains most of what varies.
        white = core(head.labels, 7)
        raw, even = head.mr[white].astype(float), (head.mr / head.bias)[white]
        assert even.std() / even.mean() < raw.std() / raw.mean()


def test_ct_and_mr_are_of_one_head(heads):
    """Each modality's edges are the label map's: half a voxel of shift would be seen."""
    for head in heads:
        outside = core(head.labels, 0)
        assert (head.ct[outside] < -900).all()
        body = head.ct > -500
        solid = (head.labels > 0) & (head.labels != 11)
        for shift in (1, -1):
            for axis in range(3):
                moved = np.roll(solid, shift, axis)
                assert 3.0 * np.mean(body != solid) < np.mean(body != moved)
        bright = head.mr / head.bias > 0.3 * np.median(head.mr[core(head.labels, 7)])
        assert np.mean(bright[body & (head.ct < 300)]) > 0.7


def test_bias_field_is_smooth_and_of_mean_one(heads):
    for head in heads:
        assert head.bias.mean() == pytest.approx(1.0, abs=1e-4)
        assert 1.15 < head.bias.max() / head.bias.min() < 8.0
        for axis in range(3):
            step = np.abs(np.diff(np.log(head.bias), axis=axis)).max()
            assert step < 0.06  # per voxel of 4 mm


def test_noise_of_mr_is_rician():
    rng = np.random.default_rng(0)
    sigma = 3.0
    silent = phantom.rician(rng, np.zeros((60, 60, 60), np.float32), sigma)
    assert silent.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2.0), rel=0.005)
    assert silent.std() == pytest.approx(sigma * np.sqrt(2.0 - np.pi / 2.0), rel=0.01)
    loud = phantom.rician(rng, np.full((60, 60, 60), 200.0, np.float32), sigma)
    assert loud.std() == pytest.approx(sigma, rel=0.01)
    assert np.mean(loud**2) == pytest.approx(200.0**2 + 2.0 * sigma**2, rel=1e-3)


def test_air_around_the_head_has_rayleigh_noise_in_mr(heads):
    for head in heads:
        air = head.mr[:3].astype(float)  # beyond the right ear: only noise
        assert air.mean() / air.std() == pytest.approx(np.sqrt(np.pi / (4.0 - np.pi)), rel=0.03)


def test_one_ct_does_not_stand_for_another(heads):
    """A translator must look at its image: the others' mean is far from a head's own CT."""
    for left_out, head in enumerate(heads):
        others = [other.ct.astype(float) for i, other in enumerate(heads) if i != left_out]
        body = head.labels > 0
        by_mean = np.abs(np.mean(others, 0) - head.ct)[body].mean()
        table = np.array([phantom.HOUNSFIELD[label][0] for label in range(16)])
        by_labels = np.abs(table[head.labels] - head.ct)[body].mean()
        assert by_labels < 0.65 * by_mean
        assert by_mean > 100.0


def test_distances_are_right_at_and_beside_the_surface():
    line = np.linspace(-20.0, 20.0, 41, dtype=np.float32)
    x, y, z = (axis.astype(np.float32) for axis in np.meshgrid(line, [0.0], [0.0], indexing="ij"))
    space = shapes.Space(x, y, z, 1.0)
    np.testing.assert_allclose(
        space.ellipsoid((0, 0, 0), (10, 10, 10)).ravel()[[30, 32, 35]], [0.0, 2.0, 5.0], atol=1e-4
    )
    tube = space.tube((-5, 0, 0, 2), (5, 0, 0, 4)).ravel()
    np.testing.assert_allclose(tube[[13, 20, 29]], [0.0, -3.0, 0.0], atol=1e-4)
    covered = space.layer(3, space.ellipsoid((0, 0, 0), (10, 10, 10))).coverage.ravel()
    np.testing.assert_allclose(covered[[20, 29, 30, 31]], [1.0, 1.0, 0.5, 0.0], atol=1e-3)
    both = shapes.union(np.float32([3.0, 9.0]), np.float32([3.0, 1.0]), 4.0)
    np.testing.assert_allclose(both, [2.0, 1.0])  # 3 - 4/4 where they meet; apart, the nearer


def test_part_of_the_grid_holds_what_it_should():
    rng = np.random.default_rng(0)
    axes = np.stack(np.meshgrid(*[np.arange(48) * 2.0] * 3, indexing="ij"))
    axes += rng.uniform(-3.0, 3.0, axes.shape)  # as a deformed head's
    space = shapes.Space(*axes.astype(np.float32), 2.0)
    whole = space.ellipsoid((40, 30, 60), (9, 14, 5)) < 0
    part = space.part((31, 16, 55), (49, 44, 65))
    held = np.zeros_like(whole)
    held[part.box] = True
    assert whole.any() and not (whole & ~held).any()
    assert held.mean() < 0.3
    assert space.part((500, 0, 0), (510, 9, 9)).x.size == 0


def test_smooth_noise_is_smooth_and_of_unit_size():
    field = shapes.smooth_noise(np.random.default_rng(0), (40, 50, 60), 8)
    assert field.shape == (40, 50, 60)
    assert abs(field.mean()) < 0.4
    assert 0.7 < field.std() < 1.3
    assert np.abs(np.diff(field, 2, axis=0)).max() < 0.5  # of white noise it would be above 5


def test_volumes_are_the_head_and_its_place():
    mr, ct = phantom.volumes(3, 32)
    head = phantom.head(3, 32)
    np.testing.assert_array_equal(mr.voxels, head.mr)
    np.testing.assert_array_equal(ct.voxels, head.ct)
    assert (mr.modality, ct.modality, ct.orientation) == ("MR", "CT", "RAS")
    np.testing.assert_allclose(ct.spacing, 250.0 / 32)


def test_written_heads_are_read_again(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    phantom.write(tmp_path, 2, seed=7, size=32)
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.nii.gz"))
    assert files == [
        "ct/sub-003_CT.nii.gz",
        "ct/sub-004_CT.nii.gz",
        *(f"labels/sub-00{n}_labels.nii.gz" for n in (1, 2, 3, 4)),
        "mr/sub-001_T1w.nii.gz",
        "mr/sub-002_T1w.nii.gz",
    ]
    head = phantom.head((7, 3), 32)
    ct = nibabel.load(tmp_path / "ct/sub-003_CT.nii.gz")
    np.testing.assert_array_equal(np.asarray(ct.dataobj), head.ct)
    np.testing.assert_allclose(ct.affine, head.affine, atol=1e-4)
    labels = nibabel.load(tmp_path / "labels/sub-003_labels.nii.gz")
    np.testing.assert_array_equal(np.asarray(labels.dataobj), head.labels)
    names = json.loads((tmp_path / "labels/labels.json").read_text(encoding="utf-8"))
    assert names["7"] == "white matter"
    phantom.write(tmp_path / "pairs", 1, seed=7, size=32, paired=True)
    found = sorted(path.name for path in (tmp_path / "pairs").rglob("*.nii.gz"))
    assert found == ["sub-001_CT.nii.gz", "sub-001_T1w.nii.gz", "sub-001_labels.nii.gz"]
    with pytest.raises(InputError, match="exists"):
        phantom.write(tmp_path / "pairs", 1, seed=7, size=32, paired=True)


@pytest.mark.parametrize("size", [16, 1024, 64.0, True, "64"])
def test_bad_size(size):
    with pytest.raises(InputError, match="size must be a whole number from 32 to 256"):
        phantom.head(0, size)


@pytest.mark.parametrize("seed", [-1, 0.5, (), (1, -2), None, True])
def test_bad_seed(seed):
    with pytest.raises(InputError, match="seed must be a whole number"):
        phantom.head(seed, 32)
