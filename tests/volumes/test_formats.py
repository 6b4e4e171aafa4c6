"""Every row of the table of volume formats keeps what it says."""

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes import volume
from cyclegan_tf.volumes.io import formats

pytest.importorskip("nibabel")
pytest.importorskip("pydicom")

WRITTEN = [row for row in formats.FORMATS if row.write]


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row.name)
def test_voxels_come_back_in_each_type(tmp_path, row):
    voxels = np.random.default_rng(0).integers(-1000, 2000, (5, 6, 7)).astype(np.int16)
    affine = np.diag([2.0, 1.5, 3.0, 1.0])
    for suffix in row.suffixes or ("",):
        for dtype in (None, *row.dtypes):
            path = tmp_path / f"{dtype}{suffix}"
            volume.write(path, voxels, volume.Volume(voxels, affine), "CT", dtype)
            assert volume.is_volume(path) and formats.of_source(path) is row
            read = volume.read(path)
            assert read.voxels.dtype == (dtype or "int16")
            np.testing.assert_array_equal(read.voxels[...], voxels)
            assert np.allclose(read.affine, affine) == row.keeps_grid
        with pytest.raises(InputError, match=f"dtype must be int16.* for {row.name}, received"):
            volume.write(tmp_path / f"x{suffix}", voxels, read, "CT", "complex64")


def test_names_are_told_apart():
    for name in ("a.npz", "a.png", "a.dcm", "a.zip", "a.nii.zip"):
        with pytest.raises(InputError, match=r"path must end in .nii, .nii.gz, .npy, or be"):
            formats.of_target(name)
    assert formats.of_target("a.NII.GZ").name == "NIfTI"
    assert formats.of_target("folder.of.slices") is formats.DICOM
