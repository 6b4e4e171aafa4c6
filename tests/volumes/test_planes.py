"""Slices lie as radiologists look at them, whatever way the voxels run."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes import planes

pytest.importorskip("nibabel")

RIGHT, FRONT, HEAD = range(3)
#: Of each cut: the patient's axis that the slices follow, that goes up, that goes to the left.
LOOKS = {
    "axial": (HEAD, FRONT, RIGHT),
    "coronal": (FRONT, HEAD, RIGHT),
    "sagittal": (RIGHT, HEAD, FRONT),
}


def turned(permutation, signs):
    """A volume whose voxel axis i runs along axis `permutation[i]`, its values their own index."""
    shape = (5, 6, 7)
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (patient, sign) in enumerate(zip(permutation, signs, strict=True)):
        affine[patient, axis] = sign * (axis + 1.5)
    affine[:3, 3] = (10, -20, 30)
    return SimpleNamespace(voxels=np.arange(np.prod(shape)).reshape(shape), affine=affine)


@pytest.mark.parametrize("axis", planes.AXES)
@pytest.mark.parametrize("permutation", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (-1, 1, -1)])
def test_every_orientation(axis, permutation, signs):
    volume = turned(permutation, signs)
    cut = planes.plane(volume, axis)
    normal, up, left = LOOKS[axis]
    where = np.argwhere(np.ones((5, 6, 7))) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    back = np.zeros_like(volume.voxels)
    for k in range(len(cut)):
        places = where[cut[k]]  # each pixel's millimetres
        assert np.allclose(places[..., normal], cut.positions[k])
        np.testing.assert_allclose(-np.diff(places[..., up], axis=0), cut.spacing[0])
        np.testing.assert_allclose(-np.diff(places[..., left], axis=1), cut.spacing[1])
        cut.put(back, k, cut[k])
    np.testing.assert_allclose(np.diff(cut.positions), cut.thickness)
    np.testing.assert_array_equal(back, volume.voxels)
    assert cut[0].shape == cut.shape


def test_an_oblique_volume_is_cut_along_its_voxels():
    volume = turned((0, 1, 2), (1, 1, 1))
    c, s = np.cos(0.3), np.sin(0.3)
    volume.affine[:3, :3] = [[c, -s, 0], [s, c, 0], [0, 0, 1]] @ volume.affine[:3, :3]
    cut = planes.plane(volume, "coronal")
    np.testing.assert_array_equal(cut[2], volume.voxels[::-1, 2, ::-1].T)
    np.testing.assert_allclose(cut.spacing, (3.5, 1.5))


def test_what_is_no_slice():
    volume = turned((0, 1, 2), (1, 1, 1))
    with pytest.raises(InputError, match=r"axis must be one of axial.*received 'oblique'"):
        planes.plane(volume, "oblique")
    with pytest.raises(IndexError):
        planes.plane(volume, "axial")[7]
    assert len(list(planes.plane(volume, "axial"))) == 7
