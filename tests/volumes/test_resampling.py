"""Slices on the networks' pixels, and back."""

from types import SimpleNamespace

import numpy as np
import pytest

from cyclegan_tf.volumes.resampling import Grid, body_mask


def plane(shape, spacing):
    return SimpleNamespace(shape=shape, spacing=spacing)


def test_millimetres_decide():
    # 100 x 60 pixels of 2 x 1 mm are 200 x 60 mm.
    grid = Grid.of(plane((100, 60), (2.0, 1.0)), (64, 64))
    assert (grid.inner, grid.outer) == ((64, 19), (64, 64))
    grid = Grid.of(plane((100, 60), (2.0, 1.0)), (64, 64), spacing=2.0)
    assert grid.inner == (100, 30)  # taller than the network's image: its middle is taken
    assert grid.uncropped(4).outer == (100, 64)


def test_nothing_moves():
    image = np.random.default_rng(0).normal(size=(10, 6, 1)).astype(np.float32)
    grid = Grid((10, 6), (10, 6), (16, 16))
    placed = grid.place(image, -7)
    np.testing.assert_array_equal(placed[3:13, 5:11], image)
    assert (np.delete(placed, range(3, 13), axis=0) == -7).all()
    np.testing.assert_array_equal(grid.restore(placed), image)
    cropped = Grid((10, 6), (10, 6), (4, 4))
    np.testing.assert_array_equal(cropped.place(image, 0), image[3:7, 1:5])
    labels = np.arange(60, dtype=np.uint8).reshape(10, 6)
    np.testing.assert_array_equal(cropped.place_labels(labels), labels[3:7, 1:5])


@pytest.mark.parametrize("shape", [(96, 64), (50, 77)])
def test_there_and_back_at_another_size(shape):
    rows, columns = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    image = (rows + 2 * columns)[..., None].astype(np.float32)
    grid = Grid.of(plane(shape, (1.0, 1.0)), (64, 64)).uncropped(4)
    back = grid.restore(grid.place(image, 0))
    assert back.shape == image.shape
    inside = (slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(back[inside], image[inside], atol=0.02)


def test_the_body_has_its_sinuses_and_no_specks():
    image = np.full((40, 40), -1000.0)
    image[5:30, 5:30] = 40
    image[15:20, 15:20] = -1000  # air inside
    image[35, 35] = 900  # a speck
    image[2:4, 33:39] = 40  # a small piece, such as the table
    expected = np.zeros((40, 40))
    expected[5:30, 5:30] = 1
    np.testing.assert_array_equal(body_mask(image, -300), expected)
    assert not body_mask(np.full((8, 8), -1000.0), -300).any()
