import keras
import numpy as np
import pytest

from cyclegan_tf.networks.discriminators import (
    multiscale_discriminator,
    patch_discriminator,
    pixel_discriminator,
)
from cyclegan_tf.networks.generators import chained, resnet_generator, unet_generator
from cyclegan_tf.networks.layers.convolutions import Conv2D, Conv2DTranspose
from cyclegan_tf.networks.layers.normalization import InstanceNormalization


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (lambda: resnet_generator((None, None, 3), blocks=9), 11_378_179),
        (lambda: patch_discriminator((None, None, 3)), 2_764_737),
        # One channel: the first kernel loses 2 of 3 input channels, the generator's last 2 of 3
        # output channels and their biases.
        (
            lambda: resnet_generator((None, None, 1), blocks=9),
            11_378_179 - 2 * 49 * 64 - 2 * (49 * 64 + 1),
        ),
        (lambda: patch_discriminator((None, None, 1)), 2_764_737 - 2 * 16 * 64),
        # Six blocks: three fewer of two 3x3-256 convolutions with bias.
        (
            lambda: resnet_generator((None, None, 3), blocks=6),
            11_378_179 - 6 * (9 * 256 * 256 + 256),
        ),
    ],
)
def test_parameter_counts_equal_the_published_ones(network, count):
    assert network().count_params() == count


@pytest.mark.parametrize(
    ("layers", "size", "side"), [(3, 256, 30), (3, 64, 6), (2, 256, 62), (1, 16, 6)]
)
def test_patch_discriminator_map(layers, size, side):
    model = patch_discriminator((size, size, 3), filters=2, layers=layers)
    assert model.output_shape == (None, side, side, 1)


def test_receptive_field_is_70_pixels():
    # Without norms and with positive kernels, a logit changes with a pixel of its patch alone.
    model = patch_discriminator((128, 128, 1), filters=1)
    x = keras.Input((128, 128, 1))
    y = x
    for layer in model.layers[1:]:
        if "normalization" not in layer.name:
            y = layer(y)
    linear = keras.Model(x, y)
    for weight in linear.weights:
        weight.assign(np.ones(weight.shape) if len(weight.shape) == 4 else np.zeros(weight.shape))
    base = np.asarray(linear(np.zeros((1, 128, 128, 1), "float32")))
    middle = base.shape[1] // 2
    sees = []
    for column in range(128):
        image = np.zeros((1, 128, 128, 1), "float32")
        image[0, 64, column] = 1
        sees.append(np.asarray(linear(image))[0, middle, middle, 0] != 0)
    assert sum(sees) == 70


def test_pixel_discriminator_judges_each_pixel():
    assert pixel_discriminator((8, 12, 3), filters=2).output_shape == (None, 8, 12, 1)


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
@pytest.mark.parametrize("shape", [(8, 8), (16, 12), (20, 36)])
def test_resnet_gives_the_size_that_it_takes(upsampling, shape):
    model = resnet_generator((None, None, 3), 2, 1, output_channels=1, upsampling=upsampling)
    y = np.asarray(model(np.zeros((2, *shape, 3), "float32")))
    assert y.shape == (2, *shape, 1)


@pytest.mark.parametrize("upsampling", ["transposed", "resize"])
def test_unet_halves_as_often_as_asked(upsampling):
    model = unet_generator((None, None, 3), 2, 4, output_channels=1, upsampling=upsampling)
    assert np.asarray(model(np.zeros((1, 16, 32, 3), "float32"))).shape == (1, 16, 32, 1)
    assert sum(type(layer) is Conv2D and layer.strides == (2, 2) for layer in model.layers) == 4


def test_unet_is_alive_at_its_innermost_pixel():
    # An instance norm there would wipe it out: one pixel minus its mean is zero.
    model = unet_generator((16, 16, 1), 2, 4, seed=0)
    x = np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype("float32")
    inner = [layer for layer in model.layers if type(layer) is Conv2D][3]
    y = np.asarray(keras.Model(model.input, inner.output)(x))
    assert y.shape[1:3] == (1, 1) and np.abs(y).max() > 0


def test_initial_weights_follow_the_reference_and_the_seed():
    one, same, other = (resnet_generator(filters=32, blocks=2, seed=s) for s in (1, 1, 2))
    kernels = [w for w in one.weights if w.path.endswith("kernel")]
    big = np.concatenate([np.ravel(kernel) for kernel in kernels])
    assert abs(big.std() - 0.02) < 2e-4 and abs(big.mean()) < 2e-4
    assert all(np.all(np.asarray(w) == 0) for w in one.weights if w.path.endswith("bias"))
    assert not np.array_equal(kernels[3], kernels[4])  # each layer has draws of its own
    assert all(np.array_equal(a, b) for a, b in zip(one.weights, same.weights, strict=True))
    assert not np.array_equal(one.weights[0], other.weights[0])


def test_transposed_convolution_sits_where_the_reference_has_it():
    # Stride 2, padding 1, output padding 1: input pixel i spreads over outputs 2i-1, 2i, 2i+1.
    model = resnet_generator((8, 8, 1), filters=1, blocks=0)
    up = next(layer for layer in model.layers if "transpose" in layer.name)
    up.kernel.assign(np.ones(up.kernel.shape))
    x = np.zeros((1, 2, 2, 4), "float32")
    x[0, 1, 1, 0] = 1
    y = np.asarray(up(x))[0, :, :, 0]
    np.testing.assert_array_equal(np.argwhere(y), [[r, c] for r in (1, 2, 3) for c in (1, 2, 3)])


def test_leaky_slope_and_strided_padding_follow_the_reference():
    model = patch_discriminator((8, 8, 1), filters=1, layers=1)
    leaky = [layer for layer in model.layers if "leaky" in layer.name]
    assert {round(layer.negative_slope, 6) for layer in leaky} == {0.2}
    convolutions = [layer for layer in model.layers if type(layer) is Conv2D]
    assert {layer.zeros for layer in convolutions} == {1}


def test_only_biases_that_a_normalization_takes_out_are_left_out():
    model = resnet_generator((8, 8, 1), filters=1, blocks=1)
    for layer in model.layers:
        if isinstance(layer, (Conv2D, Conv2DTranspose)):
            following = layer._outbound_nodes[0].operation
            assert layer.normalized == isinstance(following, InstanceNormalization), layer.name
    assert not model.layers[-2].normalized


@pytest.mark.parametrize(
    "network",
    [
        lambda: resnet_generator((None, None, 3), 2, 1),
        lambda: resnet_generator((None, None, 1), 2, 1, 3, "resize"),
        lambda: unet_generator((None, None, 3), 2, 2),
        lambda: patch_discriminator((None, None, 3), 2, 1),
        lambda: pixel_discriminator((None, None, 3), 2),
    ],
)
def test_save_load_same_output(network, tmp_path):
    model = network()
    model.save(tmp_path / "network.keras")
    x = np.random.default_rng(0).normal(size=(1, 8, 8, model.input_shape[-1])).astype("float32")
    again = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(model(x), again(x))


@pytest.mark.parametrize(("size", "sides"), [(64, [4, 2, 1]), (256, [16, 8, 4])])
def test_multiscale_discriminator_maps(size, sides):
    model = multiscale_discriminator((size, size, 3), filters=1)
    assert model.output_shape == [(None, side, side, 1) for side in sides]


def test_a_chain_is_flat_and_shares_its_layers(tmp_path):
    first = resnet_generator((None, None, 1), 2, 1, output_channels=3, seed=0)
    second = resnet_generator((None, None, 3), 2, 1, output_channels=2, seed=1)
    chain = chained([first, second], name="chain")
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 1)).astype("float32")
    np.testing.assert_array_equal(chain(x), second(first(x)))
    assert len(chain.operations) == len(first.operations) + len(second.operations) - 1
    assert not [layer for layer in chain.operations if isinstance(layer, keras.Model)]
    assert {id(w) for w in chain.weights} == {id(w) for n in (first, second) for w in n.weights}
    chain.save(tmp_path / "chain.keras")
    again = keras.models.load_model(tmp_path / "chain.keras")
    np.testing.assert_array_equal(chain(x), again(x))


def test_inputs_beside_the_first_are_inputs_of_a_chain():
    first = resnet_generator((None, None, 1), 2, 0, seed=0)
    a, z = keras.Input((None, None, 1)), keras.Input((1,))
    second = keras.Model([a, z], a + keras.layers.Reshape((1, 1, 1))(z))
    chain = chained([first, second])
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    z = np.array([[1.0], [2.0]], "float32")
    np.testing.assert_allclose(chain([x, z]), first(x) + z[:, :, None, None], rtol=1e-6)


def test_a_residual_generator_starts_as_a_copy_and_is_saved(tmp_path):
    network = resnet_generator(filters=4, blocks=1, residual=True, upsampling="bilinear", seed=0)
    assert network.count_params() == resnet_generator(filters=4, blocks=1).count_params()
    x = np.random.default_rng(0).uniform(-1, 1, (1, 16, 24, 3)).astype("float32")
    assert np.corrcoef(np.ravel(network(x)), np.ravel(x))[0, 1] > 0.9
    network.layers[-2].kernel.assign(0 * network.layers[-2].kernel)
    np.testing.assert_allclose(network(x), 0.95 * x, atol=1e-6)
    network.save(tmp_path / "network.keras")
    np.testing.assert_array_equal(
        keras.models.load_model(tmp_path / "network.keras")(x), network(x)
    )
    with pytest.raises(ValueError, match="as many channels in as out, received 3 and 1"):
        resnet_generator(filters=4, blocks=1, residual=True, output_channels=1)


def test_unknown_upsampling_is_named():
    with pytest.raises(ValueError, match="upsampling must be .* received 'cubic'"):
        resnet_generator(upsampling="cubic")
    with pytest.raises(ValueError, match="depth must be at least 1, received 0"):
        unet_generator(depth=0)
