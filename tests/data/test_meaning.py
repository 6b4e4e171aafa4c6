"""What stored values mean beside their range: no data, classes, bands."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz, prepare
from cyclegan_tf.networks import generator_file

QUIET = {"progress": False, "test_fraction": 0.25}
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def heights(tmp_path_factory):
    """Two folders of heights from 0 to 800 m, with a corner of -9999."""
    folder = tmp_path_factory.mktemp("heights")
    for name in "ab":
        (folder / name).mkdir()
        for i in range(4):
            image = RNG.random((24, 24)).astype(np.float32) * 800
            image[0, -1], image[-1, -1], image[:6, :6] = 0, 800, -9999
            tifffile.imwrite(folder / name / f"{i}.tif", image)
    return folder


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """Label maps of four gray values, and the same as indices of a palette."""
    folder = tmp_path_factory.mktemp("maps")
    for name in ("gray", "palette", "photos"):
        (folder / name).mkdir()
    for i in range(4):
        classes = (np.indices((48, 64)).sum(0) // 20 % 4).astype(np.uint8)
        Image.fromarray(classes * 60).save(folder / "gray" / f"{i}.png")
        image = Image.fromarray(classes, "P")
        image.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200, 9, 9, 9])
        image.save(folder / "palette" / f"{i}.png")
        noise = RNG.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "photos" / f"{i}.png")
    return folder


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_no_data_counts_in_no_range_and_is_kept_in_mind(heights, tmp_path, make):
    options = {"size": 12, "channels": 1, "nodata": -9999, **QUIET}
    with pytest.warns(UserWarning, match="go from"):
        dataset = make(heights / "a", heights / "b", **options)
    low, high = dataset.ranges[0]
    assert 0 <= low < 200 and 600 < high <= 800
    images = dataset.train_a[np.arange(len(dataset.train_a))]
    assert (images[:, :3, :3] == low).all() and images.min() == low
    assert dataset.values == ({"nodata": -9999.0}, {"nodata": -9999.0})
    npz.save(tmp_path / "x.npz", dataset)
    loaded = npz.load(tmp_path / "x.npz")
    assert loaded.values == dataset.values and "no data at -9999" in str(loaded)
    assert generator_file.translation(loaded, "ab").source_values == {"nodata": -9999.0}


@pytest.mark.filterwarnings("ignore:The floats of")
def test_no_data_that_nobody_declared_is_asked_about(heights):
    with pytest.warns(UserWarning, match="say nodata=-9999"):
        prepare.from_folders(heights / "a", heights / "b", size=12, channels=1, **QUIET)


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream, prepare.from_pairs])
def test_classes_are_counted_and_none_is_invented(maps, make, how):
    options = {"size": (20, 36), "channels": 1, "how": how, "labels": True, **QUIET}
    dataset = make(maps / "gray", maps / "palette", **options)
    for images, classes in ((dataset.train_a, [0, 60, 120, 180]), (dataset.train_b, range(4))):
        assert np.unique(images[np.arange(len(images))]).tolist() == list(classes)
    assert dataset.ranges == ((0.0, 180.0), (0.0, 3.0))
    assert dataset.values[1] == {"classes": [[0], [1], [2], [3]]}
    assert "4 classes" in str(dataset)


def test_a_palette_gives_its_colours_where_three_channels_are_asked_for(maps):
    dataset = prepare.from_folders(maps / "photos", maps / "palette", size=16, labels="b", **QUIET)
    assert dataset.values[0] == {} and dataset.ranges == ((0, 255), (0, 255))
    assert dataset.values[1]["classes"] == [[0, 0, 200], [0, 200, 0], [9, 9, 9], [200, 0, 0]]


def test_photos_are_no_label_maps(maps):
    with pytest.raises(InputError, match=r"photos hold more than 256 different values"):
        prepare.from_folders(maps / "photos", maps / "gray", size=32, labels=True, **QUIET)
    with pytest.raises(InputError, match="labels must be True"):
        prepare.from_folders(maps / "photos", maps / "gray", labels="both", **QUIET)
    with pytest.raises(InputError, match="nodata must be a number"):
        prepare.from_folders(maps / "photos", maps / "gray", nodata="none", **QUIET)


def test_four_bands_stay_bands(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(4):
            bands = RNG.integers(0, 256, (16, 16, 4), dtype=np.uint8)
            more = "unspecified" if name == "a" else "unassalpha"
            path = tmp_path / name / f"{i}.tif"
            tifffile.imwrite(path, bands, photometric="rgb", extrasamples=[more])
    dataset = prepare.from_folders(tmp_path / "a", tmp_path / "b", size=8, channels=4, **QUIET)
    assert dataset.values == ({"alpha": False}, {})
    with pytest.raises(InputError, match="do not become 3"):
        prepare.from_folders(tmp_path / "a", tmp_path / "b", size=8, strict=True, **QUIET)
