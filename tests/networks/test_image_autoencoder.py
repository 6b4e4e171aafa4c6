import keras
import numpy as np
import pytest

from cyclegan_tf.methods.munit import style_encoder
from cyclegan_tf.networks import discriminators, image_autoencoder
from cyclegan_tf.networks.layers.normalization import AdaptiveInstanceNormalization


def convolution(size, channels, filters):
    return size * size * channels * filters + filters


# By hand, layer by layer: 64 filters, two halvings, four blocks of two 3x3 convolutions.
BLOCKS = 8 * convolution(3, 256, 256)
ENCODER = convolution(7, 3, 64) + convolution(4, 64, 128) + convolution(4, 128, 256) + BLOCKS
# Each of the two layer normalizations has a scale and a shift per channel.
DOUBLINGS = convolution(5, 256, 128) + 2 * 128 + convolution(5, 128, 64) + 2 * 64
DECODER = BLOCKS + DOUBLINGS + convolution(7, 64, 3)
# 8 to 256 to 256, then a shift and a scale for each of the 256 channels of 8 normalizations.
PERCEPTRON = (8 * 256 + 256) + (256 * 256 + 256) + (256 + 1) * 8 * 2 * 256
STYLE = (
    convolution(7, 3, 64)
    + convolution(4, 64, 128)
    + convolution(4, 128, 256)
    + 2 * convolution(4, 256, 256)
    + convolution(1, 256, 8)
)
SCALE = (
    convolution(4, 3, 64)
    + convolution(4, 64, 128)
    + convolution(4, 128, 256)
    + convolution(4, 256, 512)
    + convolution(1, 512, 1)
)


@pytest.mark.parametrize(
    ("network", "by_hand", "count"),
    [
        (image_autoencoder.encoder, ENCODER, 5_385_856),
        (image_autoencoder.decoder, DECODER, 5_754_627),
        (lambda: image_autoencoder.decoder(style_dims=8), DECODER + PERCEPTRON, 6_875_395),
        (style_encoder, STYLE, 2_764_936),
        (discriminators.multiscale_discriminator, 3 * SCALE, 8_271_171),
    ],
)
def test_parameter_counts_of_the_published_networks(network, by_hand, count):
    assert network().count_params() == by_hand == count


def test_munit_has_the_parameters_that_later_papers_count():
    # 46.6 million in all, 15.0 million in each domain's encoders and decoder.
    of_domain = ENCODER + STYLE + DECODER + PERCEPTRON
    assert of_domain == 15_026_187
    assert 2 * (of_domain + 3 * SCALE) == 46_594_716


def test_shared_blocks_are_a_part_of_the_whole():
    part = (
        image_autoencoder.encoder(blocks=3).count_params()
        + image_autoencoder.residual_blocks(256, 1).count_params()
    )
    assert part == ENCODER
    code = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype("float32")
    np.testing.assert_array_equal(image_autoencoder.residual_blocks(3, 0)(code), code)


def test_shapes_and_ranges():
    encoder = image_autoencoder.encoder((None, None, 1), 2, blocks=1, seed=0)
    decoder = image_autoencoder.decoder(3, 2, blocks=1, style_dims=5, hidden=4, seed=1)
    image = np.random.default_rng(0).uniform(-1, 1, (2, 16, 24, 1)).astype("float32")
    code = np.asarray(encoder(image))
    assert code.shape == (2, 4, 6, 8)
    made = np.asarray(decoder([code, np.ones((2, 5), "float32")]))
    assert made.shape == (2, 16, 24, 3)
    assert np.abs(made).max() < 1 and made.std() > 0
    style = style_encoder((None, None, 1), 2, style_dims=5)
    assert style(image).shape == (2, 5)


def test_images_of_a_batch_do_not_see_each_other():
    decoder = image_autoencoder.decoder(1, 2, blocks=1, style_dims=2, hidden=4, seed=0)
    rng = np.random.default_rng(1)
    code = rng.normal(size=(3, 4, 4, 8)).astype("float32")
    style = rng.normal(size=(3, 2)).astype("float32")
    together = decoder([code, style])
    alone = decoder([code[1:2], style[1:2]])
    np.testing.assert_allclose(together[1:2], alone, atol=1e-5)


def test_style_sets_the_statistics_of_every_normalization_in_the_blocks():
    decoder = image_autoencoder.decoder(1, 2, blocks=2, style_dims=2, hidden=4, seed=0)
    layers = [x for x in decoder.layers if isinstance(x, AdaptiveInstanceNormalization)]
    assert len(layers) == 4
    statistics = keras.Model(decoder.inputs, [layers[0].output, layers[0].input[1]])
    rng = np.random.default_rng(1)
    code = rng.normal(size=(1, 8, 8, 8)).astype("float32")
    outputs, given = statistics([code, np.array([[1.0, -2.0]], "float32")])
    shift, scale = np.split(np.asarray(given)[0], 2)
    np.testing.assert_allclose(np.mean(outputs, (0, 1, 2)), shift, atol=1e-5)
    np.testing.assert_allclose(np.std(outputs, (0, 1, 2)), np.abs(scale), rtol=1e-3)


def test_initial_weights_follow_he_and_the_seed():
    one, same, other = (image_autoencoder.encoder(filters=32, blocks=1, seed=s) for s in (1, 1, 2))
    kernels = [np.asarray(w) for w in one.weights if w.path.endswith("kernel")]
    for kernel in kernels[1:]:
        inputs = np.prod(kernel.shape[:3])
        assert abs(kernel.std() * np.sqrt(inputs / 2) - 1) < 0.03
        assert np.abs(kernel).max() > 3 * kernel.std()  # not truncated
    assert all(np.array_equal(a, b) for a, b in zip(one.weights, same.weights, strict=True))
    assert not np.array_equal(one.weights[0], other.weights[0])
    gammas = [
        w for w in image_autoencoder.decoder(filters=32, seed=1).weights if w.path.endswith("gamma")
    ]
    assert [w.shape for w in gammas] == [(64,), (32,)]
    assert all(0 < np.min(w) < 0.2 < 0.8 < np.max(w) < 1 for w in gammas)


@pytest.mark.parametrize(
    "network",
    [
        lambda: image_autoencoder.encoder((None, None, 1), 2, blocks=1),
        lambda: style_encoder((None, None, 1), 2, 2),
        lambda: discriminators.multiscale_discriminator((None, None, 1), 2, 2, 2),
    ],
)
def test_save_load_same_output(network, tmp_path):
    model = network()
    model.save(tmp_path / "network.keras")
    x = np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype("float32")
    again = keras.models.load_model(tmp_path / "network.keras")
    for mine, theirs in zip(
        keras.tree.flatten(model(x)), keras.tree.flatten(again(x)), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
