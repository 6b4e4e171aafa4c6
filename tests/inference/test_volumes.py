"""Whole volumes through a generator: geometry, real units, memory."""

import keras
import numpy as np
import pytest

from cyclegan_tf.cli.main import main
from cyclegan_tf.common.errors import InputError, NotWritten
from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.data.slice_metadata import SPLITS, Slices
from cyclegan_tf.inference import volumes
from cyclegan_tf.inference.translator import Translator
from cyclegan_tf.volumes import intensity, volume
from cyclegan_tf.volumes.volume import Volume

pytest.importorskip("nibabel")
rng = np.random.default_rng(0)

CT = intensity.to_json(intensity.Window())
MR = intensity.to_json(
    intensity.Percentiles(0, 100).learned([intensity.Scale(gain=500, offset=10)])
)


def make(source=CT, target=CT, modalities=("CT", "CT"), neighbours=0, answer=None, size=(32, 32)):
    """A translator that leaves slices as they are, or does what `answer` says."""
    x = keras.Input((None, None, 2 * neighbours + 1))
    middle = x[..., neighbours : neighbours + 1]
    network = keras.Model(x, (answer or (lambda x, middle: middle * 1.0))(x, middle))
    slices = Slices(
        intensities=(source, target),
        modalities=modalities,
        neighbours=(neighbours, 0),
        patients={name: [] for name in SPLITS},
    ).for_generator("ab")
    ranges = [intensity.from_json(rule).value_range for rule in (source, target)]
    return Translator(network, Translation(*"AB", *ranges, "float32", size, slices=slices))


def head(shape=(30, 20, 10), dtype="int16"):
    affine = np.array([[0, -2, 0, 5], [1, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1.0]])
    voxels = rng.integers(-1000, 2001, shape).astype(dtype)
    return Volume(voxels, affine, "CT")


def test_values_are_exact_where_nothing_is_resampled():
    voxels = rng.integers(-1000, 2001, (16, 16, 6)).astype(np.int16)
    source = Volume(voxels, np.diag([2.0, 2.0, 2.0, 1]), "CT")
    with volumes.translated(make(size=(16, 16)), source, progress=False) as result:
        np.testing.assert_array_equal(np.rint(result[:]), voxels)
        np.testing.assert_allclose(result[:, :, 2:4], voxels[:, :, 2:4], atol=2e-3)


@pytest.mark.parametrize("axes", ["axial", "coronal", ["axial", "coronal", "sagittal"]])
def test_an_identity_keeps_every_voxel_in_its_place(axes):
    """Smooth, so that resampling of oblong pixels changes little; in 3-D unlike any turned copy."""
    i, j, k = np.meshgrid(*(np.linspace(0, 1, n) for n in (30, 20, 10)), indexing="ij")
    voxels = 900 * np.sin(2 * i) + 500 * j**2 - 400 * k
    affine = np.array([[0, -2, 0, 5], [1, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1.0]])
    source = Volume(voxels.astype(np.float32), affine, "CT")
    with volumes.translated(make(size=(64, 64)), source, axes, False) as result:
        inside = (slice(3, -3), slice(3, -3), slice(2, -2))
        assert np.abs(result[:][inside] - voxels[inside]).max() < 40
        assert np.abs(result[:][inside] - voxels[::-1][inside]).max() > 400


def test_three_axes_are_averaged():
    """A network that answers with the mean of its slice: then the mean differs by axis."""
    source = Volume(head((16, 16, 16)).voxels, np.diag([1.0, 1, 1, 1]), "CT")

    def mean(x, middle):
        average = keras.ops.mean(middle, axis=(1, 2), keepdims=True)
        return average + 0.0 * middle

    results = {}
    axes = ["axial", "coronal", "sagittal"]
    for chosen in (*axes, axes):
        translator = make(answer=mean, size=(16, 16))
        with volumes.translated(translator, source, chosen, False) as result:
            results[str(chosen)] = result[:]
    np.testing.assert_allclose(
        results["axial"], np.broadcast_to(source.voxels.mean((0, 1)), (16, 16, 16)), atol=0.01
    )
    expected = sum(results[axis] for axis in axes) / 3
    np.testing.assert_allclose(results[str(axes)], expected, atol=0.01)


def test_neighbouring_slices_come_as_channels():
    voxels = np.zeros((16, 16, 5), np.int16) + np.array([100, 200, 400, 800, 1600], np.int16)
    voxels[0, 0, 0] = -1000  # so that it is no flat image
    source = Volume(voxels, np.diag([1.0, 1, 1, 1]), "CT")
    above = make(neighbours=1, answer=lambda x, middle: x[..., 2:] * 1.0, size=(16, 16))
    with volumes.translated(above, source, progress=False) as result:
        np.testing.assert_allclose(result[8, 8, :], [200, 400, 800, 1600, 1600], atol=0.01)


def test_slices_without_a_body_become_air():
    """A network that paints everything white has nothing to say about air."""
    voxels = np.full((16, 16, 12), -1000, np.int16)
    voxels[4:12, 4:12, 3:8] = 40
    voxels[2, 2, 10] = 500  # a speck
    source = Volume(voxels, np.diag([1.0, 1, 1, 1]), "CT")
    white = make(answer=lambda x, middle: middle * 0.0 + 1.0, size=(16, 16))
    with volumes.translated(white, source, progress=False) as result:
        values = result[:]
    assert (values[:, :, 3:8] == 2000).all()
    assert (np.delete(values, range(3, 8), axis=2) == -1000).all()
    to_mr = make(CT, MR, ("CT", "MR"), answer=lambda x, middle: middle * 0.0 + 1.0, size=(16, 16))
    with volumes.translated(to_mr, source, progress=False) as result:
        assert result[:, :, 0].max() == 10 and result[:, :, 5].min() == 510


def test_real_units_come_out():
    voxels = rng.integers(0, 1001, (16, 16, 4)).astype(np.int16)
    voxels[0, 0] = 0
    voxels[1, 1] = 1000
    source = Volume(voxels, np.diag([1.0, 1, 1, 1]), "MR")
    with volumes.translated(
        make(MR, CT, ("MR", "CT"), size=(16, 16)), source, progress=False
    ) as result:
        np.testing.assert_allclose(result[:], voxels * 3.0 - 1000, atol=0.02)  # 0..1000 to HU
    hounsfield = Volume((voxels * 3 - 1000).astype(np.int16), source.affine, "CT")
    with volumes.translated(
        make(CT, MR, ("CT", "MR"), size=(16, 16)), hounsfield, progress=False
    ) as result:
        np.testing.assert_allclose(result[:], voxels / 2 + 10, atol=0.02)  # a typical MR's scale


def test_wrong_volumes(tmp_path):
    translator = make(MR, CT, ("MR", "CT"))

    def refused(source, sentence, translator=translator, **options):
        translated = volumes.translated(translator, source, progress=False, **options)
        with pytest.raises(InputError, match=sentence), translated:
            pass

    refused(head(), "The volume is CT, and MR is wanted here")
    unknown = Volume(head().voxels, np.eye(4))
    refused(unknown, "values down to -1000, as CT in HU has")
    broken = Volume(np.full((4, 4, 4), np.nan, np.float32), np.eye(4), "MR")
    refused(broken, "64 voxels that are NaN")
    refused(head(), "axes must be among axial", axes="oblique")
    refused(head(), "axes must be among axial", axes=["axial", "axial"])
    images = make()
    images.translation = Translation()
    refused(head(), "was not trained on slices of volumes", images)
    positive = Volume(np.abs(head().voxels), np.eye(4))
    translated = volumes.translated(make(), positive, progress=False)
    with pytest.warns(UserWarning, match="is it CT in HU"), translated:
        pass


@pytest.fixture
def run(tmp_path):
    """A generator's file, as training on slices writes it."""
    from cyclegan_tf.networks import generator_file

    translator = make(size=(20, 20))
    path = tmp_path / "gen_ab.keras"
    generator_file.save(path, translator.generator, translator.translation)
    return path


@pytest.mark.parametrize("name", ["out.nii.gz", "out.nii", "out.npy"])
def test_a_file_comes_out_like_the_one_that_went_in(run, tmp_path, name, capsys):
    source = head((20, 20, 6))
    affine = np.diag([1.5, 1.5, 3, 1])
    volume.write(tmp_path / "in.nii.gz", source.voxels, Volume(source.voxels, affine, "CT"))
    assert main(["translate", str(run), str(tmp_path / "in.nii.gz"), str(tmp_path / name)]) == 0
    assert "not for diagnosis" in capsys.readouterr().out
    result = volume.read(tmp_path / name)
    np.testing.assert_array_equal(result.voxels[:, :, :], source.voxels)
    assert result.voxels.dtype == np.int16
    if name != "out.npy":
        np.testing.assert_allclose(result.affine, affine)
    again = ["translate", str(run), str(tmp_path / "in.nii.gz"), str(tmp_path / name)]
    assert main(again) == 2
    assert "exists" in capsys.readouterr().err
    assert main([*again, "--overwrite", "--dtype", "float32", "--axes", "axial"]) == 0
    assert volume.read(tmp_path / name).voxels.dtype == np.float32
    assert main([*again, "--overwrite", "--size", "64"]) == 2
    assert "--size has no use with volumes" in capsys.readouterr().err


def test_a_folder_of_volumes(run, tmp_path, capsys):
    source = head((20, 20, 6))
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    for name in ("one.nii.gz", "deeper/two.nii"):
        volume.write(tmp_path / "in" / name, source.voxels, source)
    (tmp_path / "in" / "broken.nii").write_bytes(b"no volume")
    command = ["translate", str(run), str(tmp_path / "in"), str(tmp_path / "out")]
    assert main(command) == 3
    printed = capsys.readouterr()
    assert "2 volumes in" in printed.out and "broken.nii was left out" in printed.err
    assert "2 of 3 volumes translated" in printed.err
    (tmp_path / "out" / "one.nii.gz").unlink()
    (tmp_path / "in" / "broken.nii").unlink()
    assert main([*command, "--skip-existing"]) == 0
    assert "1 volume in" in capsys.readouterr().out
    one = [str(run), str(tmp_path / "in/one.nii.gz"), str(tmp_path / "out/one.nii.gz")]
    assert main(["translate", *one, "--skip-existing"]) == 0
    printed = capsys.readouterr()
    assert "one.nii.gz is there already" in printed.err and "Translated" not in printed.out
    made = sorted(p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.nii*"))
    assert [str(path) for path in made] == ["deeper/two.nii", "one.nii.gz"]


def test_a_full_disk_ends_a_folder_of_volumes(run, tmp_path, capsys, monkeypatch):
    (tmp_path / "in").mkdir()
    source = head((20, 20, 6))
    for name in ("one.nii", "two.nii"):
        volume.write(tmp_path / "in" / name, source.voxels, source)
    write = volume.write

    def written(target, *rest):
        if target.name == "two.nii":
            raise NotWritten(f"{target} cannot be written.")
        write(target, *rest)

    monkeypatch.setattr(volume, "write", written)
    command = ["translate", str(run), str(tmp_path / "in"), str(tmp_path / "out")]
    assert main(command) == 3
    assert "1 of 2 are done; the same with --skip-existing" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["one.nii"]


def test_memory_holds_a_few_slices_at_a_time(tmp_path):
    """Of what is asked for at once, the largest part is that of a few slices."""

    class Watched:
        dtype = np.dtype(np.int16)

        def __init__(self, shape):
            self.shape, self.largest = shape, 0

        def __getitem__(self, index):
            part = np.broadcast_to(np.int16(0), self.shape)[index]
            self.largest = max(self.largest, part.size)
            return part + np.arange(part.shape[0], dtype=np.int16).reshape(
                -1, *[1] * (part.ndim - 1)
            )

    for count in (20, 60):
        watched = Watched((16, 16, count))
        source = Volume(watched, np.diag([1.0, 1, 1, 1]), "CT")
        with volumes.translated(make(size=(16, 16)), source, progress=False) as result:
            assert result[:, :, 0].shape == (16, 16)
        assert watched.largest <= 8 * 16 * 16
