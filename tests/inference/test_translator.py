"""Translators on images of every size, aspect, type and number."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import Shapes, Translation
from cyclegan_tf.inference import tiling
from cyclegan_tf.inference import translator as translator_module
from cyclegan_tf.inference.translator import Translator
from cyclegan_tf.networks import generator_file
from cyclegan_tf.networks.generators import resnet_generator, unet_generator
from cyclegan_tf.networks.layers.padding import ReflectionPadding2D
from support.generators import identity

RNG = np.random.default_rng(0)


def color_to_gray():
    """A generator that averages the channels."""
    image = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(1, 1, use_bias=False)
    model = keras.Model(image, layer(image))
    layer.kernel.assign(np.full((1, 1, 3, 1), 1 / 3))
    return model


def invert():
    """A generator that turns every value around."""
    image = keras.Input((None, None, 3))
    return keras.Model(image, keras.layers.Rescaling(-1.0)(image))


def make_image(height=10, width=14, channels=3, dtype="uint8"):
    high = {"uint8": 256, "uint16": 65536}[dtype]
    return RNG.integers(0, high, (height, width, channels)).astype(dtype)


def test_identity_at_native_size_is_exact_for_any_size():
    translator = Translator(identity(), Translation())
    for height, width in ((1, 1), (7, 13), (64, 64), (33, 100)):
        image = make_image(height, width)
        np.testing.assert_array_equal(translator(image), image)


def test_values_are_mapped_by_the_ranges():
    translator = Translator(invert(), Translation())
    image = make_image()
    np.testing.assert_array_equal(translator(image), 255 - image)
    to_16 = Translation(target_range=(0, 65535), dtype="uint16")
    result = Translator(identity(), to_16)(image)
    np.testing.assert_array_equal(result, image.astype("uint16") * 257)


def test_training_size_is_the_working_size():
    seen = []

    class Spy(keras.layers.Layer):
        def call(self, x):
            def note(sides):
                seen.append(tuple(sides.tolist()))

            tf.numpy_function(note, [tf.shape(x)[1:3]], [])
            return x

    image = keras.Input((None, None, 3))
    model = keras.Model(image, Spy()(image))
    translator = Translator(model, Translation(size=(16, 16)))
    seen.clear()
    smooth = np.tile(np.linspace(0, 255, 64).astype("uint8")[:, None, None], (1, 32, 3))
    result = translator(smooth)
    assert seen == [(32, 16)] and result.shape == (64, 32, 3)
    assert np.abs(result.astype(int) - smooth).mean() < 3
    translator(smooth, size="native")
    translator(smooth, size=24)
    assert seen[1:] == [(64, 32), (48, 24)]
    assert translator(smooth[:1].repeat(40, 1)).shape == (1, 1280, 3)
    assert seen[-1] == (4, 1280)  # not 16 x 20480


@pytest.mark.parametrize("shape", [(5, 9), (64, 64), (101, 67), (200, 31)])
@pytest.mark.parametrize(
    "network",
    [
        lambda: resnet_generator((None, None, 3), 2, 1),
        lambda: unet_generator((None, None, 3), 2, 4),
    ],
)
def test_every_size_comes_back_at_its_own(network, shape):
    translator = Translator(network(), Translation(size=(32, 32)))
    assert translator(make_image(*shape)).shape == (*shape, 3)
    assert translator(make_image(*shape), size="native").shape == (*shape, 3)


def test_channels_and_alpha():
    translator = Translator(identity(), Translation())
    gray = make_image(channels=1)
    np.testing.assert_array_equal(translator(gray), np.repeat(gray, 3, -1))
    assert translator(gray[..., 0]).shape == (10, 14, 3)
    rgba = make_image(channels=4)
    rgba[:2, :, 3] = 0
    expected = np.where(rgba[..., 3:] == 0, [255, 255, 255, 0], rgba)  # what is not seen is white
    np.testing.assert_array_equal(translator(rgba), expected)
    to_gray = Translator(color_to_gray(), Translation())
    assert to_gray(make_image()[..., 0]).shape == (10, 14)
    assert to_gray(rgba).shape == (10, 14, 2)
    np.testing.assert_array_equal(to_gray(rgba)[..., 1], rgba[..., 3])


def test_batches_and_16_bit():
    translator = Translator(identity(), Translation())
    batch = np.stack([make_image(), make_image()])
    np.testing.assert_array_equal(translator(batch), batch)
    wide = make_image(dtype="uint16")
    assert np.abs(translator(wide).astype(int) - wide / 257).max() <= 0.5


def test_four_channels_are_four_channels_to_a_generator_of_four():
    translator = Translator(identity(4), Translation())
    rgba = make_image(channels=4)
    np.testing.assert_array_equal(translator(rgba), rgba)
    assert translator(Image.fromarray(rgba)).mode == "RGBA"


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK", "1"])
def test_pil_in_pil_out(mode):
    translator = Translator(identity(), Translation())
    result = translator(Image.fromarray(make_image()).convert(mode))
    assert result.size == (14, 10)
    assert result.mode == ("RGBA" if mode in ("RGBA", "LA") else "RGB")


def test_fixed_size_generators_take_any_image():
    translator = Translator(identity(shape=(32, 32)), Translation(size=(32, 32)))
    smooth = np.tile(np.linspace(0, 255, 90).astype("uint8")[:, None, None], (1, 40, 3))
    result = translator(smooth)
    assert result.shape == smooth.shape
    assert np.abs(result.astype(int) - smooth).mean() < 4


def test_a_generator_of_another_size_is_refused():
    halves = keras.Sequential([keras.Input((None, None, 3)), keras.layers.AveragePooling2D(2)])
    with pytest.raises(InputError, match="give one that keeps the size"):
        Translator(halves, Translation())(make_image())


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((2, 2, 2, 2, 3), "uint8"), "received shape"),
        (np.zeros((0, 4, 3), "uint8"), "received shape"),
        (np.zeros((0, 4, 4, 3), "uint8"), "holds no image"),
        (np.zeros((4, 4, 3), "int64"), "received int64"),
        (np.zeros((4, 4, 3), "int8"), "received int8"),
        (np.full((4, 4, 3), np.nan), "NaN"),
        (np.zeros((4, 4, 7), "uint8"), "7"),
    ],
)
def test_bad_arrays_are_named(image, words):
    with pytest.raises(InputError, match=words):
        Translator(identity(), Translation())(image)


def test_bad_size_is_named():
    translator = Translator(identity(), Translation())
    for size in ("big", 3, 0.5, 100_000, float("nan"), (8, 8)):
        with pytest.raises(InputError, match="size must be"):
            translator(make_image(), size=size)


def test_save_and_load_keep_the_generator_and_what_it_translates(tmp_path):
    generator = resnet_generator((None, None, 1), 2, 1, output_channels=3)
    said = Translation("MRI", "CT", (0, 65535), (0, 255), "uint8", (64, 48))
    generator_file.save(tmp_path / "g.keras", generator, said)
    again, translation = generator_file.load(tmp_path / "g.keras")
    assert translation == said
    x = RNG.normal(size=(1, 12, 16, 1)).astype("float32")
    np.testing.assert_array_equal(generator(x), again(x))
    # Keras itself opens the file as well.
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "g.keras")(x), again(x))


def test_size_multiple():
    inner = keras.Sequential([keras.Input((None, None, 3)), keras.layers.MaxPooling2D(2)])
    nested = keras.Sequential([keras.Input((None, None, 3)), inner, keras.layers.Conv2D(1, 3, 2)])
    assert generator_file.size_multiple(nested) == 4
    assert generator_file.size_multiple(resnet_generator(filters=1, blocks=1)) == 4
    assert generator_file.size_multiple(unet_generator(filters=1, depth=5)) == 32
    padded = keras.Sequential([keras.Input((None, None, 3)), ReflectionPadding2D(1)])
    assert generator_file.size_multiple(padded) == 1


class Spy:
    """A generator in no form of Keras's, that inverts, and notes what it was called on."""

    shapes = Shapes((None, None, None, 3), None, (None, None, None, 3))
    multiple = 4

    def __init__(self):
        self.calls = []

    def __call__(self, x):
        self.calls.append(x.shape)
        return -x


def test_several_images_of_several_shapes_are_translated_as_each_alone():
    spy = Spy()
    calls = spy.calls
    translator = Translator(spy, Translation())
    images = [
        make_image(17, 20),
        make_image(16, 20),
        make_image(19, 18),
        make_image(30, 30)[..., :1],
    ]
    results = translator.several(images)
    # Three of them become 20x20 for a network that takes multiples of 4 from 16 on.
    assert sorted(calls) == [(1, 16, 20, 3), (1, 32, 32, 3), (2, 20, 20, 3)]
    for one, result in zip(images, results, strict=True):
        np.testing.assert_array_equal(result, 255 - np.broadcast_to(one, result.shape))
        np.testing.assert_array_equal(result, translator(one))


def test_no_more_than_so_many_images_at_a_time():
    translator = Translator(invert(), Translation())
    network, counts = translator._network, []

    def spy(x):
        counts.append(len(x))
        return network(x)

    translator._network = spy
    images = [make_image() for _ in range(11)]
    np.testing.assert_array_equal(np.stack(translator.several(images)), 255 - np.stack(images))
    assert counts == [8, 3]


def test_another_runtime_is_compared_with_keras_where_that_is_at_hand():
    class Brighter(Spy):
        def __call__(self, x):
            return np.clip(0.1 - x, -1, 1)

    dark = np.full((16, 16, 3), 200, "uint8")  # 0.57 of [-1, 1]
    translator = Translator(Brighter(), Translation(), original=invert)
    assert translator.difference(dark) == pytest.approx((13 / 255, 13 / 255))
    with pytest.raises(InputError, match="no form that Keras knows: load its .keras file"):
        Translator(Brighter(), Translation()).difference(dark)


def test_large_images_are_translated_in_pieces_to_the_same_result(monkeypatch):
    translator = Translator(resnet_generator(filters=4, blocks=1, seed=0), Translation())
    images = [make_image(220, 164), make_image(48, 48)]
    whole = translator.several(images)
    assert translator._tiles is None
    monkeypatch.setattr(translator_module, "LARGE", 200 * 160)
    monkeypatch.setattr(tiling, "Tiled", lambda network, make=tiling.Tiled: make(network, 64))
    tiled = translator.several(images)
    assert translator._tiles.passes > 1
    for one, other in zip(whole, tiled, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1  # rounding to 8 bits


def test_what_cannot_be_computed_in_pieces_is_computed_whole(monkeypatch):
    monkeypatch.setattr(translator_module, "LARGE", 100)
    image = keras.Input((None, None, 3))
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True)(image)
    network = keras.Model(image, image - mean)
    result = Translator(network, Translation())(np.full((40, 40, 3), 9, "uint8"))
    np.testing.assert_array_equal(result, np.full((40, 40, 3), 128))


@pytest.mark.parametrize(
    ("dtype", "top", "trained", "value_range", "hint"),
    [
        ("float32", 1, "uint8", (0, 255), "multiply them by 255"),
        ("uint8", 85, "float32", (0, 85), "give floats in these values"),
        ("uint16", 4095, "uint8", (0, 255), "65535 is taken for white"),
        ("uint8", 85, "float32", (0, 1), None),
        ("float32", 200, "uint8", (0, 255), None),
        ("uint16", 65535, "uint8", (0, 255), None),
    ],
)
def test_values_that_may_mean_others_are_told(dtype, top, trained, value_range, hint, recwarn):
    image = np.linspace(0, top, 8 * 8 * 3).reshape(8, 8, 3).astype(dtype)
    Translator(identity(), Translation(source_range=value_range, source_dtype=trained))(image)
    said = [str(warning.message) for warning in recwarn]
    assert (len(said) == 1 and hint in said[0]) if hint else not said


def test_hidden_colours_are_seen_by_nobody():
    seen = []
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[:, :8] = 200, 0, 0, 0  # red that is fully transparent
    rgba[:, 8:] = 20, 220, 20, 255
    rgba[:4, 8:, 3] = 128
    translator = Translator(identity(), Translation(size=(8, 8)))
    run = translator._run
    translator._run = lambda x, noise: seen.append(x) or run(x, noise)
    result = translator(rgba)
    shown = (seen[0][0] + 1) * 127.5
    assert np.abs(shown[:, :3] - 255).max() < 1 and np.abs(shown[4:, 5:] - [20, 220, 20]).max() < 1
    np.testing.assert_array_equal(result[..., 3], rgba[..., 3])
    assert (result[:, :6, :3] == 255).all()
    result = Translator(identity(), Translation())(rgba)
    on_white = result[..., :3] * (result[..., 3:] / 255) + 255 - result[..., 3:]
    assert np.abs(on_white[1:3, 10:14] - [137, 237, 137]).max() <= 2


def test_what_holds_no_data_comes_back_as_such():
    heights = np.linspace(0, 800, 64, dtype=np.float32).reshape(8, 8, 1)
    holes = heights.copy()
    holes[:2, :2] = -9999
    known = {"source_values": {"nodata": -9999}, "source_dtype": "float32"}
    of_heights = Translation(source_range=(0, 800), target_range=(0, 800), dtype="float32", **known)
    result = Translator(identity(1), of_heights)(holes)
    assert result.nodata == -9999 and np.isnan(result[:2, :2]).all()
    np.testing.assert_allclose(result[3:], heights[3:], atol=0.01)
    as_image = Translator(identity(1), Translation(source_range=(0, 800), **known))(holes)
    assert as_image.dtype == np.uint8 and (as_image[:2, :2, 1] == 0).all()
    assert (as_image[3:, :, 1] == 255).all()


def test_classes_stay_those_that_there_are():
    classes = [[0], [60], [120]]
    labels = np.array(classes, np.uint8)[np.arange(24 * 24).reshape(24, 24) // 5 % 3]
    known = {"classes": classes}
    translation = Translation(size=(8, 8), source_values=known, target_values=known)
    result = Translator(identity(1), translation)(labels)
    assert set(np.unique(result)) <= {0, 60, 120}
