"""NIfTI volumes and arrays: values, geometry and header survive, and bad files are refused."""

import gzip
import tracemalloc

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes import intensity, volume

nibabel = pytest.importorskip("nibabel", reason="NIfTI is read by nibabel")

# Oblique, with three spacings: a rotation about z by 30 degrees, then spacing, then a shift.
TURN = np.array([[3**0.5 / 2, -0.5, 0.0], [0.5, 3**0.5 / 2, 0.0], [0.0, 0.0, 1.0]])
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = TURN @ np.diag([-0.75, 1.25, 3.0])
OBLIQUE[:3, 3] = [12.5, -30.25, 101.0]


def save(path, array, affine=OBLIQUE, **fields):
    """Writes a NIfTI file with nibabel; `fields` go into its header."""
    image = nibabel.Nifti1Image(array, affine, dtype=array.dtype)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(affine, 4)
    image.set_qform(affine, 2)
    for name, value in fields.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


def patch(path, offset, data):
    """Writes bytes into a file that exists."""
    raw = bytearray(path.read_bytes())
    raw[offset : offset + len(data)] = data
    path.write_bytes(raw)
    return path


def noise(shape=(5, 6, 7), dtype=np.int16, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(-1024, 3000, shape).astype(dtype)


def refusal(function, *arguments, **options):
    """The one sentence of a refusal."""
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_round_trip_keeps_values_and_geometry(tmp_path, suffix, dtype):
    array = noise(dtype=dtype)
    source = save(tmp_path / f"a{suffix}", array, descrip=b"scanner 7", cal_max=80)
    read = volume.read(source)
    assert read.shape == (5, 6, 7)
    assert read.voxels.dtype == dtype
    assert np.allclose(read.spacing, (0.75, 1.25, 3.0))
    assert read.orientation == "LAS"
    np.testing.assert_array_equal(read.voxels[:, :, :], array)
    target = tmp_path / f"b{suffix}"
    volume.write(target, read.voxels, read)
    before, after = nibabel.load(source), nibabel.load(target)
    assert after.get_data_dtype() == dtype
    assert np.array_equal(np.asarray(after.dataobj), array)
    assert np.array_equal(before.affine, after.affine)
    changed = {"descrip", "scl_slope", "scl_inter"}  # no scale, said as 1 and 0
    for name in set(before.header.keys()) - changed:
        assert before.header[name].tobytes() == after.header[name].tobytes(), name
    assert bytes(after.header["descrip"]).startswith(b"scanner 7; derived by cyclegan_tf")


def test_range_of_display_goes_with_the_unit(tmp_path):
    read = volume.read(save(tmp_path / "a.nii", noise(), cal_min=-5, cal_max=80))
    volume.write(tmp_path / "b.nii", read.voxels, read, modality="CT")
    header = nibabel.load(tmp_path / "b.nii").header
    assert (header["cal_min"], header["cal_max"]) == (0, 0)


def test_slices_are_those_of_the_array(tmp_path):
    array = noise()
    read = volume.read(save(tmp_path / "a.nii.gz", array))
    for index in [np.s_[:, :, 3], np.s_[2], np.s_[:, 4:, 1], np.s_[1:3, 2, ::-1], np.s_[..., -1]]:
        found = read.voxels[index]
        assert type(found) is np.ndarray
        assert np.array_equal(found, array[index])
    assert np.array_equal(np.asarray(read.voxels), array)


@pytest.mark.parametrize(
    ("stored", "slope", "intercept", "dtype"),
    [
        ("uint8", 1, 0, "int16"),
        ("int16", 1, 0, "int16"),
        ("int16", 2, -1024, "int32"),
        ("uint16", 1, -1024, "int32"),
        ("int32", 1, 0, "int32"),
        ("uint8", 2.2086, 0.1, "float32"),
        ("int16", 0.5, 0, "float32"),
        ("float32", 1, 0, "float32"),
        ("float64", 1, 0, "float64"),
    ],
)
def test_type_follows_the_scale(tmp_path, stored, slope, intercept, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(stored)
    scale = np.array([slope, intercept], "<f4").tobytes()  # scl_slope and scl_inter
    read = volume.read(patch(save(tmp_path / "a.nii", array), 112, scale))
    assert read.voxels.dtype == dtype
    expected = np.arange(24).reshape(2, 3, 4) * np.float32(slope) + np.float32(intercept)
    assert np.allclose(read.voxels[...], expected, rtol=1e-6, atol=0)
    assert read.voxels[:, 1].dtype == dtype


@pytest.mark.parametrize("name", ["CT_AVM", "MR_Gd", "chris_t1"])
def test_real_scans_survive(shared_data, tmp_path, name):
    source = shared_data / "volumes" / f"{name}.nii.gz"
    if not source.is_file():
        pytest.skip(f"the real scan {name} is not in the folder of real data")
    read = volume.read(source)
    volume.write(tmp_path / "b.nii", read.voxels, read)
    before, after = nibabel.load(source), nibabel.load(tmp_path / "b.nii")
    expected = np.asarray(before.dataobj)
    assert np.abs(expected - np.asarray(after.dataobj)).max() <= 1e-7 * expected.max()
    assert np.array_equal(before.affine, after.affine)
    for name in ("pixdim", "sform_code", "qform_code", "xyzt_units", "quatern_b"):
        assert before.header[name].tobytes() == after.header[name].tobytes()


def test_big_endian_and_nifti_2(tmp_path):
    array = noise()
    big = nibabel.Nifti1Image(array, OBLIQUE, nibabel.Nifti1Header(endianness=">"))
    nibabel.save(big, tmp_path / "big.nii")
    nibabel.save(nibabel.Nifti2Image(array, OBLIQUE), tmp_path / "two.nii.gz")
    for name in ("big.nii", "two.nii.gz"):
        read = volume.read(tmp_path / name)
        volume.write(tmp_path / f"new_{name}", read.voxels, read)
        again = nibabel.load(tmp_path / f"new_{name}")
        assert again.header.sizeof_hdr == nibabel.load(tmp_path / name).header.sizeof_hdr
        assert np.array_equal(np.asarray(again.dataobj), array)
        assert np.allclose(again.affine, OBLIQUE)


def test_no_orientation_means_pixdim(tmp_path):
    path = save(tmp_path / "a.nii", noise())
    read = volume.read(patch(path, 252, bytes(4)))  # the codes of qform and sform
    # nibabel's fallback: the first axis flipped, the origin in the centre.
    centre = [-0.75 * -2.0, 1.25 * -2.5, 3.0 * -3.0]
    expected = np.diag([-0.75, 1.25, 3.0, 1.0])
    expected[:3, 3] = centre
    assert np.allclose(read.affine, expected)


def test_last_axes_of_one_are_dropped(tmp_path):
    array = noise((4, 3, 2, 1, 1))
    read = volume.read(save(tmp_path / "a.nii.gz", array))
    assert np.array_equal(read.voxels[...], array[..., 0, 0])


def test_unlike_voxels_become_a_new_file(tmp_path):
    np.save(tmp_path / "a.npy", noise((3, 4, 5), np.uint8))
    read = volume.read(tmp_path / "a.npy")
    assert read.voxels.dtype == np.int16
    assert np.array_equal(read.affine, np.eye(4))
    read = volume.Volume(read.voxels, OBLIQUE)
    volume.write(tmp_path / "b.nii.gz", read.voxels, read)
    again = nibabel.load(tmp_path / "b.nii.gz")
    assert np.allclose(again.affine, OBLIQUE)
    assert np.allclose(again.header.get_qform(), OBLIQUE, atol=1e-5)
    assert again.header["sform_code"] == again.header["qform_code"] == 1
    sheared = OBLIQUE.copy()
    sheared[1, 2] = 0.5
    volume.write(tmp_path / "c.nii", read.voxels, volume.Volume(read.voxels, sheared))
    again = nibabel.load(tmp_path / "c.nii")
    assert np.allclose(again.affine, sheared)
    assert (again.header["sform_code"], again.header["qform_code"]) == (1, 0)
    assert np.allclose(again.header.get_zooms(), nibabel.affines.voxel_sizes(sheared))


def test_arrays(tmp_path):
    array = noise(dtype="float64")
    np.savez_compressed(tmp_path / "a.npz", anything=array)
    read = volume.read(tmp_path / "a.npz")
    assert np.array_equal(read.voxels[...], array)
    volume.write(tmp_path / "b.npy", read.voxels, read, dtype="float64")
    assert np.array_equal(np.load(tmp_path / "b.npy"), array)
    np.savez(tmp_path / "two.npz", a=array, b=array)
    assert "holds 2 arrays" in refusal(volume.read, tmp_path / "two.npz")
    np.save(tmp_path / "flat.npy", array[0])
    assert "received shape (6, 7)" in refusal(volume.read, tmp_path / "flat.npy")
    (tmp_path / "bad.npy").write_bytes(b"\x93NUMPY garbage")
    assert "damaged" in refusal(volume.read, tmp_path / "bad.npy")


def test_memory_does_not_grow_with_the_slices(tmp_path):
    shape = (64, 64, 512)  # 4 MiB
    path = save(tmp_path / "a.nii.gz", noise(shape))
    read = volume.read(path)
    volume.write(tmp_path / "warm.nii.gz", read.voxels, read)
    tracemalloc.start()
    read = volume.read(path)
    volume.write(tmp_path / "b.nii.gz", read.voxels, read)
    for i in range(0, 64, 16):
        read.voxels[i].max()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 2**20  # most of it to unpack gzip, block by block
    assert np.array_equal(volume.read(tmp_path / "b.nii.gz").voxels[...], noise(shape))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 4, 5, 2), np.int16), "3x4x5x2"),
        (np.zeros((3, 4), np.int16), "3x4"),
        (np.zeros((3, 4, 5), np.complex64), "complex"),
        (np.zeros((3, 4, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "colours"),
    ],
)
def test_other_contents_are_refused(tmp_path, array, words):
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "a.nii.gz")
    message = refusal(volume.read, tmp_path / "a.nii.gz")
    assert words in message
    assert "volume of its own" in message


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_damage_is_refused(tmp_path, suffix):
    whole = save(tmp_path / f"a{suffix}", noise((16, 16, 16))).read_bytes()
    path = tmp_path / f"cut{suffix}"
    for data in (whole[:-40], whole[:200], whole[:20], b"", b"garbage" * 500):
        path.write_bytes(data)
        assert f"cut{suffix}" in refusal(volume.read, path)
    if suffix == ".nii.gz":
        path.write_bytes(gzip.compress(gzip.decompress(whole)[:-40]))
        assert "cut short" in refusal(volume.read, path)
        flipped = bytearray(whole)
        flipped[-6] ^= 1  # in the checksum
        path.write_bytes(flipped)
        assert "damaged" in refusal(volume.read, path)
    assert "no file" in refusal(volume.read, tmp_path / "none.nii")
    (tmp_path / "a.txt").write_text("voxels")
    assert "no volume" in refusal(volume.read, tmp_path / "a.txt")


def test_nan_is_counted(tmp_path):
    array = noise(dtype="float32")
    array[0, 0, 0], array[1, 2, 3] = np.nan, np.inf
    read = volume.read(save(tmp_path / "a.nii", array))
    assert "holds 2 voxels" in refusal(intensity.Histogram.of, read.voxels)
    assert "NaN" in refusal(volume.write, tmp_path / "b.nii", read.voxels, read)
    assert not (tmp_path / "b.nii").exists()


def test_flat_affine_is_refused(tmp_path):
    path = patch(save(tmp_path / "a.nii", noise()), 280, bytes(16))  # srow_x
    assert "squeezes" in refusal(volume.read, path)


def test_write_refuses(tmp_path):
    read = volume.read(save(tmp_path / "a.nii", noise()))
    target = tmp_path / "b.nii.gz"
    other = np.zeros((5, 6, 8), np.int16)
    assert "(5, 6, 8)" in refusal(volume.write, target, other, read)
    large = np.full((5, 6, 7), 40000.4, np.float32)
    assert "40000" in refusal(volume.write, target, large, read, dtype="int16")
    assert "dtype" in refusal(volume.write, target, large, read, dtype="uint8")
    assert "exists" in refusal(volume.write, tmp_path / "a.nii", read.voxels, read)
    assert ".png" in refusal(volume.write, tmp_path / "b.png", read.voxels, read)
    assert [path.name for path in tmp_path.iterdir()] == ["a.nii"]
    volume.write(target, large, read)
    assert np.array_equal(np.asarray(nibabel.load(target).dataobj), large)
    volume.write(target, read.voxels, read, overwrite=True)
    assert np.array_equal(np.asarray(nibabel.load(target).dataobj), noise())


def test_rounds_to_whole_numbers(tmp_path):
    read = volume.read(save(tmp_path / "a.nii", noise((1, 1, 4))))
    volume.write(
        tmp_path / "b.nii", np.array([-1.6, -0.4, 0.6, 2.4]).reshape(1, 1, 4), read, dtype="int16"
    )
    assert np.asarray(nibabel.load(tmp_path / "b.nii").dataobj).ravel().tolist() == [-2, 0, 1, 2]
