"""An image in tiles is translated as the whole one, within rounding, and in little memory."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.inference import tiling
from cyclegan_tf.inference.tiling import Tiled, can_tile, merge, pieces
from cyclegan_tf.networks import generators, image_autoencoder
from cyclegan_tf.networks.layers.convolutions import set_fast
from cyclegan_tf.networks.layers.dropout import Dropout
from cyclegan_tf.networks.layers.normalization import BatchNormalization
from cyclegan_tf.networks.layers.padding import ReflectionPadding2D
from cyclegan_tf.networks.precision import in_precision


def noise(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


def lively(generator):
    """With weights at random, also those that are ones and zeros, so that images are not flat."""
    rng = np.random.default_rng(1)
    for weight in generator.weights:
        deviation = (0.1, 2 / np.sqrt(np.prod(weight.shape[:-1])))[len(weight.shape) > 1]
        weight.assign(weight * (len(weight.shape) == 1) + rng.normal(0, deviation, weight.shape))
    return generator


def resnet(fast=None, **options):
    options = {"filters": 8, "blocks": 2, "seed": 0} | options
    generator = lively(generators.resnet_generator(**options))
    if fast is not None:
        set_fast([generator], fast)
    return generator


def unit():
    parts = [
        image_autoencoder.encoder(filters=8, blocks=1),
        image_autoencoder.decoder(filters=8, blocks=1),
    ]
    return lively(generators.chained(parts))


def munit():
    parts = [
        image_autoencoder.encoder(filters=8, blocks=1),
        image_autoencoder.decoder(filters=8, blocks=1, style_dims=3, hidden=4),
    ]
    return lively(generators.chained(parts))


def layers_of_their_own(statistics="image", always=False):
    """Layers that our networks have seldom, or not this way."""
    kl = keras.layers
    image, z = keras.Input((None, None, 3)), keras.Input((1,))
    x = kl.GroupNormalization(-1)(image)
    x = ReflectionPadding2D(2)(x)
    x = kl.Conv2D(8, 5)(x)
    x = BatchNormalization(statistics)(kl.Conv2D(8, 3, padding="same", dilation_rate=2)(x))
    x = Dropout(always=always)([x, z])
    x = kl.Add()([x, kl.Conv2D(8, 4, 2, padding="same", activation="relu")(kl.UpSampling2D(2)(x))])
    x = kl.GroupNormalization(2)(kl.Conv2D(8, 3, 2, padding="same")(x))
    x = kl.BatchNormalization()(kl.Conv2DTranspose(4, 5, 2, padding="same")(x))
    return lively(keras.Model([image, z], kl.Activation("tanh")(x)))


@pytest.mark.parametrize(
    ("make", "dimensions"),
    [
        (resnet, None),
        (lambda: resnet(upsampling="resize", fast=True, filters=32, blocks=1), None),  # by Winograd
        (lambda: resnet(upsampling="bilinear"), None),
        (lambda: resnet(upsampling="bilinear", residual=True), None),
        (lambda: resnet(upsampling="bilinear", norm="layer"), None),
        (lambda: lively(generators.unet_generator(filters=8, depth=3)), None),
        (lambda: lively(generators.unet_generator(filters=8, depth=3, upsampling="resize")), None),
        (unit, None),
        (munit, 3),
        (layers_of_their_own, 1),
        (lambda: layers_of_their_own("running"), 1),
    ],
)
def test_tiles_equal_the_whole(make, dimensions):
    generator = make()
    given = [noise(1, 200, 168, 3)] + ([] if dimensions is None else [noise(1, dimensions)])
    whole = np.asarray(generator(given if len(given) > 1 else given[0]))
    assert whole.std() > 0.05  # of a flat image there would be nothing to compare
    network = Tiled(generator, 64)
    tiled = network(*given)
    assert tiled.dtype == np.float32
    np.testing.assert_allclose(tiled, whole, atol=5e-5)  # sums are ordered by layer names
    apart = network(given[0][:, :64, :64], *given[1:])
    assert np.abs(apart - whole[:, :64, :64]).max() > 0.1  # the rest of the image does matter


def test_no_seams():
    generator, x = resnet(), noise(1, 256, 256, 3)
    network = Tiled(generator, 64)
    off = np.abs(network(x) - np.asarray(generator(x)))[0].mean(-1)
    edges = [end for *_, end in pieces(256, 64, network._passes[-1].border)][:-1]
    rows = off[np.concatenate([np.array(edges) - 1, edges])]
    assert len(edges) == 4 and rows.mean() < 1.5 * off.mean()


@pytest.mark.parametrize("shape", [(1, 24, 40, 3), (1, 24, 200, 3), (1, 64, 64, 3)])
def test_an_image_smaller_than_a_tile(shape):
    generator = resnet()
    np.testing.assert_allclose(
        Tiled(generator, 64)(noise(*shape)), np.asarray(generator(noise(*shape))), atol=2e-5
    )


@pytest.mark.parametrize("sides", [(200, 64, 4), (64, 64, 8), (68, 64, 8), (8, 64, 2)])
def test_pieces_cover_a_side_once_with_their_borders(sides):
    side, length, border = sides
    for least in (0, length):
        cut = pieces(*sides, least)
        used = [at for *_, first, end in cut for at in range(first, end)]
        assert used == list(range(side))
        for start, stop, first, end in cut:
            assert min(least, side) <= stop - start <= length
            assert first - start >= border or start == first == 0
            assert stop - end >= border or stop == end == side


def test_pieces_by_hand():
    assert pieces(100, 40, 5) == [(0, 40, 0, 35), (30, 70, 35, 65), (60, 100, 65, 100)]
    assert pieces(80, 40, 5) == [(0, 40, 0, 35), (30, 70, 35, 65), (60, 80, 65, 80)]
    assert pieces(80, 40, 5, 40) == [(0, 40, 0, 35), (30, 70, 35, 65), (40, 80, 65, 80)]


def test_borders_are_the_receptive_fields_of_the_layers():
    """What lies beyond an edge is changed: inside, nothing changes that is not in the border."""
    edge, checked = 48, 0
    for this in Tiled(resnet(upsampling="resize", fast=False), 96)._passes:
        if not this.tensor.is_held or not this.border:
            continue
        moments = [np.ones((2, t.shape[-1]), "float32") for t in this.measured]
        used = np.int32([[0, 0], [1, 1]] * np.int32([[0], [96 * this.tensor.scale]]))
        begins = [noise(1, *[int(96 * t.scale)] * 2, t.shape[-1]) for t in this.begins]
        as_it_is = this._any(begins, [], moments, used)[0]
        reaches = []
        for side in ("left", "right"):
            changed = [x.copy() for x in begins]
            for x, t in zip(changed, this.begins, strict=True):
                x[:, :, : int(edge * t.scale)] += 10 * (side == "left")
                x[:, :, int(edge * t.scale) :] += 10 * (side == "right")
            off = np.abs(this._any(changed, [], moments, used)[0] - as_it_is)[0].max((0, 2))
            columns = np.nonzero(off > 1e-6)[0] / float(this.tensor.scale)
            pixel = 1 / float(this.tensor.scale)
            reaches.append(max(columns) + pixel - edge if side == "left" else edge - min(columns))
        assert max(reaches) <= this.border < max(reaches) + this.step, this.tensor.layer.name
        checked += 1
    assert checked == 8


def test_mean_and_variance_are_those_of_the_whole_activations():
    generator, x = resnet(), noise(1, 200, 168, 3)
    first = Tiled(generator, 64)._passes[0]
    held, moments = {first.begins[0]: x}, {}
    first.compute((200, 168), held, moments)
    conv = next(layer for layer in generator.layers if isinstance(layer, keras.layers.Conv2D))
    activations = np.float64(conv(x))[0]
    mean, variance = moments[first.tensor]
    np.testing.assert_allclose(mean, activations.mean((0, 1)), atol=1e-6)
    np.testing.assert_allclose(variance, activations.var((0, 1)), rtol=1e-5)
    assert list(held) == first.begins  # at full size it is not kept


def test_merge_by_hand():
    # {1, 3} and {10}: mean 14 / 3, squares 1 + 9 + 100.
    mean, variance = merge(
        np.array([2, 1]), np.float32([[2.0], [10.0]]), np.float32([[1.0], [0.0]])
    )
    assert mean == pytest.approx(14 / 3) and variance == pytest.approx(110 / 3 - (14 / 3) ** 2)


@pytest.mark.parametrize(
    "generator", [resnet(blocks=4), generators.unet_generator(filters=8, depth=4)]
)
def test_what_is_kept_is_little(monkeypatch, generator):
    sizes, compute = [], tiling._Pass.compute

    def noting(self, image, held, moments):
        compute(self, image, held, moments)
        sizes.append(sum(4 * np.size(x) for t, x in held.items() if t.layer is not None))

    monkeypatch.setattr(tiling._Pass, "compute", noting)
    network = Tiled(generator, 64)
    network(noise(1, 208, 160, 3))
    assert max(sizes) == network.bytes_per_pixel * 208 * 160
    assert 3 * 8 <= network.bytes_per_pixel <= 4 * 8


def test_several_threads_at_once():
    network, images = Tiled(resnet(), 64), [noise(1, side, 96, 3) for side in (96, 72, 120, 96)]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(network, images))
    for image, result in zip(images, at_once, strict=True):
        np.testing.assert_array_equal(result, network(image))


def test_reduced_precision_is_near():
    generator, x = resnet(), noise(1, 128, 96, 3)
    reduced = in_precision(generator, "mixed_bfloat16")
    tiled, whole = Tiled(reduced, 64)(x), np.asarray(reduced(x))
    assert tiled.dtype == np.float32
    assert np.abs(tiled - whole).mean() < 2 * np.abs(whole - np.asarray(generator(x))).mean()


def test_networks_that_cannot_be_tiled_are_refused():
    kl = keras.layers
    image, vector = keras.Input((None, None, 3)), keras.Input((4,))
    pooled = kl.Multiply()([image, kl.GlobalAveragePooling2D(keepdims=True)(image)])
    refused = [
        (generators.resnet_generator((64, 64, 3), 4, 1), r"images than those of \(64, 64\)"),
        (resnet(norm="layer", code=3), "LinearPrediction.*may reach any distance"),
        (keras.Model(image, pooled), "GlobalAveragePooling2D.*may reach any distance"),
        (keras.Model(image, kl.GlobalAveragePooling2D()(image)), "GlobalAveragePooling2D"),
        (keras.Model(vector, kl.Reshape((2, 2, 1))(vector)), "between vectors and images"),
        (keras.Model(image, kl.Conv2D(3, 3)(image)), "cut off or padded"),
        (keras.Model(image, kl.Conv2D(3, 3, (1, 2))(image)), "may reach any distance"),
        (layers_of_their_own(always=True), "drops at random"),
        (keras.Sequential([kl.Conv2D(3, 1)]), "no functional keras.Model"),
    ]
    for generator, reason in refused:
        assert not can_tile(generator)
        with pytest.raises(InputError, match=f"cannot be tiled, since .*{reason}"):
            Tiled(generator)
    assert can_tile(resnet())


def test_input_that_cannot_be_used():
    network = Tiled(resnet(), 64)
    with pytest.raises(InputError, match="one image, received 2"):
        network(noise(2, 16, 16, 3))
    with pytest.raises(InputError, match=r"multiples of 4 pixels, received \(16, 18\)"):
        network(noise(1, 16, 18, 3))
    for tile in (0, 2.5, "512"):
        with pytest.raises(InputError, match="tile must be a positive whole number"):
            Tiled(resnet(), tile)
