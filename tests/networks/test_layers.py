import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.networks.layers.dropout import Dropout, set_test_time
from cyclegan_tf.networks.layers.normalization import (
    AdaptiveInstanceNormalization,
    AdaptiveLayerNormalization,
    BatchNormalization,
    InstanceNormalization,
    LayerNormalization,
)
from cyclegan_tf.networks.layers.padding import ReflectionPadding2D
from cyclegan_tf.networks.layers.residual_output import ResidualOutput
from cyclegan_tf.training.image_pool import ImagePool


def test_instance_normalization_by_hand():
    # One channel 1, 2, 3, 4: mean 2.5, biased variance 1.25.
    x = np.array([1, 2, 3, 4], np.float32).reshape(1, 2, 2, 1)
    expected = (x - 2.5) / np.sqrt(1.25 + 1e-5)
    np.testing.assert_allclose(InstanceNormalization()(x), expected, rtol=1e-6)


def test_instance_normalization_of_a_large_image_rounds_little():
    x = (np.random.default_rng(0).uniform(-1, 1, (1, 1024, 1024, 2)) + 20).astype("float32")
    centred = np.float64(x) - np.mean(x, (1, 2), np.float64, keepdims=True)
    expected = centred / np.sqrt(np.mean(centred**2, (1, 2), keepdims=True) + 1e-5)
    # Sums of a million numbers in one go would be off by 5e-4.
    np.testing.assert_allclose(InstanceNormalization()(x), expected, atol=5e-5)


def test_instance_normalization_keeps_images_and_channels_apart():
    x = np.random.default_rng(0).normal(size=(3, 5, 7, 2)).astype("float32")
    together = np.asarray(InstanceNormalization()(x))
    one = np.asarray(InstanceNormalization()(x[1:2, :, :, 1:]))
    np.testing.assert_allclose(together[1:2, :, :, 1:], one, atol=1e-6)


def test_instance_normalization_equals_group_normalization():
    x = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype("float32") * 4 + 2
    group = keras.layers.GroupNormalization(-1, epsilon=1e-5, scale=False, center=False)
    np.testing.assert_allclose(InstanceNormalization()(x), group(x), atol=2e-6)


def test_instance_normalization_affine_and_config():
    layer = InstanceNormalization(epsilon=1e-3, scale=True, center=True)
    layer.build((None, 4, 4, 2))
    layer.set_weights([np.array([2.0, 3.0]), np.array([1.0, -1.0])])
    x = np.random.default_rng(2).normal(size=(1, 4, 4, 2)).astype("float32")
    plain = np.asarray(InstanceNormalization(epsilon=1e-3)(x))
    np.testing.assert_allclose(layer(x), plain * [2.0, 3.0] + [1.0, -1.0], atol=1e-5)
    again = InstanceNormalization.from_config(layer.get_config())
    assert (again.epsilon, again.scale, again.center) == (1e-3, True, True)


def test_layer_normalization_is_group_normalization_of_one_group_with_its_gradients():
    x = tf.constant(np.random.default_rng(4).normal(size=(2, 6, 5, 3)) * 3 + 1, tf.float32)
    ours, keras_own = LayerNormalization(), keras.layers.GroupNormalization(1, epsilon=1e-5)
    results = []
    for layer in (ours, keras_own):
        layer.build(x.shape)
        layer.set_weights([np.array([2.0, 3.0, 0.5]), np.array([1.0, -1.0, 0.0])])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            total = tf.reduce_sum(y**3)
        results.append([y, *tape.gradient(total, [x, *layer.trainable_variables])])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-3)
    # Unlike instance normalization it tells a red image from a blue one.
    red, blue = np.zeros((2, 1, 4, 4, 3), np.float32)
    red[..., 0] = blue[..., 2] = 1
    assert np.abs(np.asarray(ours(red)) - np.asarray(ours(blue))).max() > 1
    assert not np.asarray(InstanceNormalization()(red)).any()


def test_adaptive_layer_normalization_shifts_and_scales_what_layer_normalization_gives():
    x = np.random.default_rng(5).normal(size=(1, 4, 4, 2)).astype("float32")
    given = np.array([[1.0, -1.0, 2.0, 3.0]], np.float32)
    plain = np.asarray(LayerNormalization(scale=False, center=False)(x))
    expected = plain * [2.0, 3.0] + [1.0, -1.0]
    np.testing.assert_allclose(AdaptiveLayerNormalization()([x, given]), expected, atol=1e-6)


def test_instance_normalization_has_float32_statistics_in_half_precision():
    x = (np.random.default_rng(3).normal(size=(1, 32, 32, 1)) * 100).astype("float16")
    result = InstanceNormalization(dtype="mixed_float16")(x)
    assert result.dtype == "float16"
    assert np.isfinite(result).all() and abs(float(np.std(result)) - 1) < 0.01


def test_batch_normalization_by_hand():
    # Images 1, 1 and 3, 5 of one channel: mean 2.5, biased variance 2.75, unbiased 11 / 3.
    x = np.array([1, 1, 3, 5], np.float32).reshape(2, 1, 2, 1)
    layer = BatchNormalization(momentum=0.75)
    layer.build(x.shape)
    gamma, beta = 2.0, -1.0
    layer.gamma.assign([gamma]), layer.beta.assign([beta])
    expected = gamma * (x - 2.5) / np.sqrt(2.75 + 1e-5) + beta
    np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-5)
    # Of the running averages, which began with 0 and 1, a quarter is new.
    mean, variance = 0.25 * 2.5, 0.75 + 0.25 * 11 / 3
    np.testing.assert_allclose([layer.mean[0], layer.variance[0]], [mean, variance], rtol=1e-6)
    # In use each image is alone: the first has no variance, the second mean 4 and variance 1.
    alone = gamma * np.array([0, 0, -1, 1]).reshape(x.shape) / np.sqrt(1 + 1e-5) + beta
    np.testing.assert_allclose(layer(x), alone, atol=1e-5)
    layer.statistics = "running"
    running = gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta
    np.testing.assert_allclose(layer(x), running, rtol=1e-5)


def test_batch_normalization_of_one_image_is_the_same_in_training_and_in_use():
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype("float32")
    layer = BatchNormalization(seed=0)
    np.testing.assert_array_equal(layer(x, training=True), layer(x))


def test_batch_normalization_has_the_gradient_of_keras():
    rng = np.random.default_rng(1)
    x, weights = (tf.constant(rng.normal(size=(2, 4, 4, 3)), tf.float32) for _ in range(2))
    ours, theirs = BatchNormalization(seed=0), keras.layers.BatchNormalization(epsilon=1e-5)
    theirs.build(x.shape), ours.build(x.shape)
    theirs.gamma.assign(ours.gamma)
    gradients = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(weights * layer(x, training=True) ** 2)
        gradients.append(tape.gradient(total, [x, layer.gamma.value, layer.beta.value]))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_dropout_drops_half_and_doubles_the_rest():
    x, noise = np.ones((2, 64, 64, 8), "float32"), np.array([[0.3], [-1.2]], "float32")
    y = np.asarray(Dropout(0.5)([x, noise]))
    assert set(np.unique(y)) == {0.0, 2.0}
    assert abs(y.mean() - 1) < 0.02  # four standard deviations of 65536 draws
    y = np.asarray(Dropout(0.25)([x, noise]))
    assert abs((y == 0).mean() - 0.25) < 0.01 and y.max() == np.float32(4 / 3)


def test_dropout_follows_its_noise_and_nothing_else():
    x = np.ones((3, 8, 8, 4), "float32")
    noise = np.array([[0.5], [0.25], [0.5]], "float32")
    layer = Dropout(0.5, number=1)
    y = np.asarray(layer([x, noise]))
    np.testing.assert_array_equal(y[0], y[2])
    assert not np.array_equal(y[0], y[1])
    np.testing.assert_array_equal(y[1:2], layer([x[1:2], noise[1:2]], training=True))
    # The least bit counts, and another layer of the same network draws others.
    near = np.nextafter(noise, 1, dtype="float32")
    assert not np.array_equal(y[0], np.asarray(layer([x, near]))[0])
    assert not np.array_equal(y, Dropout(0.5, number=2)([x, noise]))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_dropout_draws_the_same_in_graphs(jit_compile):
    layer, noise = Dropout(0.5), tf.constant([[0.5], [0.25]])
    x = tf.ones((2, 4, 4, 4))
    graph = tf.function(lambda: layer([x, noise]), jit_compile=jit_compile, autograph=False)
    np.testing.assert_array_equal(graph(), layer([x, noise]))


def test_dropout_has_all_its_noise_in_half_precision():
    layer = Dropout(0.5, dtype="mixed_float16")
    x, noise = np.ones((1, 8, 8, 4), "float16"), np.array([[0.5]], "float32")
    y = np.asarray(layer([x, noise]))
    assert y.dtype == "float16"
    np.testing.assert_array_equal(y, Dropout(0.5)([x.astype("float32"), noise]))


def test_test_time_can_be_changed_and_is_kept():
    x, noise = keras.Input((4, 4, 1)), keras.Input((1,))
    model = keras.Model([x, noise], Dropout(0.5)([BatchNormalization()(x), noise]))
    batch = [np.random.default_rng(0).normal(size=(1, 4, 4, 1)), np.ones((1, 1))]
    set_test_time(model, dropout=False)
    assert np.all(np.asarray(model(batch)) != 0)
    assert np.any(np.asarray(model(batch, training=True)) == 0)
    set_test_time(model, statistics="running")
    norm, dropout = (layer.get_config() for layer in (model.layers[1], model.layers[3]))
    assert norm["statistics"] == "running" and dropout["always"] is False
    set_test_time(model, dropout=True)
    assert np.any(np.asarray(model(batch)) == 0)


def test_test_time_that_does_not_apply_is_refused():
    x = keras.Input((4, 4, 1))
    plain = keras.Model(x, InstanceNormalization()(x))
    set_test_time(plain)
    with pytest.raises(InputError, match="dropout=False has no use here.*no Dropout layer"):
        set_test_time(plain, dropout=False)
    with pytest.raises(InputError, match="statistics must be .* received 'batch'"):
        set_test_time(plain, statistics="batch")


def test_reflection_padding_equals_numpy():
    x = np.arange(2 * 5 * 4 * 3, dtype="float32").reshape(2, 5, 4, 3)
    expected = np.pad(x, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(ReflectionPadding2D(3)(x), expected)
    assert ReflectionPadding2D(3).compute_output_shape((None, 5, None, 3)) == (None, 11, None, 3)


def test_adaptive_instance_normalization_shifts_first_and_scales_last():
    x = np.random.default_rng(4).normal(size=(2, 6, 5, 2)).astype("float32") * 3 + 1
    given = np.array([[10, 20, 2, -3], [0, 0, 1, 1]], "float32")
    expected = np.array(InstanceNormalization()(x))
    expected[0] = expected[0] * [2, -3] + [10, 20]
    layer = AdaptiveInstanceNormalization()
    np.testing.assert_allclose(layer([x, given]), expected, atol=1e-5)
    assert layer.compute_output_shape([(None, 6, None, 2), (None, 4)]) == (None, 6, None, 2)
    assert AdaptiveInstanceNormalization.from_config(layer.get_config()).epsilon == 1e-5


def test_adaptive_instance_normalization_in_half_precision():
    x = (np.random.default_rng(3).normal(size=(1, 32, 32, 1)) * 100).astype("float16")
    result = AdaptiveInstanceNormalization(dtype="mixed_float16")([x, np.array([[1.0, 2.0]])])
    assert result.dtype == "float16"
    assert abs(float(np.mean(result)) - 1) < 0.01 and abs(float(np.std(result)) - 2) < 0.01


def test_what_is_added_to_a_image_by_hand():
    image = np.float32([-1, -0.5, 0, 1]).reshape(1, 2, 2, 1)
    nothing = np.zeros_like(image)
    np.testing.assert_allclose(ResidualOutput()([nothing, image]), 0.95 * image, atol=1e-6)
    expected = np.tanh(0.3 + np.arctanh(0.95 * image))
    np.testing.assert_allclose(ResidualOutput()([nothing + 0.3, image]), expected, atol=1e-6)
    assert np.isfinite(ResidualOutput()([nothing, 2 * image])).all()


def make_images(*values):
    return tf.constant(values, tf.float32)[:, None, None, None] * tf.ones((1, 2, 2, 1))


def test_pool_fills_first_and_returns_the_current():
    pool = ImagePool((2, 2, 1), size=3)
    for step, value in enumerate([1.0, 2.0, 3.0]):
        returned = pool(make_images(value), tf.constant([0, step]))
        assert float(returned[0, 0, 0, 0]) == value
    np.testing.assert_array_equal(pool.images[:, 0, 0, 0], [1, 2, 3])
    assert int(pool.filled) == 3


def test_full_pool_swaps_half_of_the_time_and_follows_a_simulation():
    pool = ImagePool((2, 2, 1), size=4)
    call = tf.function(lambda x, seed: pool(x, seed))
    stored, swaps = [], 0
    for step in range(400):
        value = float(step + 1)
        returned = float(call(make_images(value), tf.constant([7, step]))[0, 0, 0, 0])
        if len(stored) < 4:
            assert returned == value
            stored.append(value)
        elif returned != value:
            swaps += 1
            stored[stored.index(returned)] = value  # fails if it was not stored
    np.testing.assert_array_equal(pool.images[:, 0, 0, 0], stored)
    assert 150 < swaps < 250  # binomial(396, 0.5): five standard deviations


def test_pool_treats_a_batch_image_by_image():
    pool = ImagePool((2, 2, 1), size=2)
    returned = pool(make_images(1.0, 2.0, 3.0), tf.constant([0, 0]))
    assert [float(x) for x in returned[:2, 0, 0, 0]] == [1.0, 2.0]
    assert float(returned[2, 0, 0, 0]) in (1.0, 2.0, 3.0)


def test_pool_is_a_function_of_its_seed():
    def run():
        pool = ImagePool((2, 2, 1), size=2)
        return [float(pool(make_images(i), tf.constant([3, i]))[0, 0, 0, 0]) for i in range(20)]

    assert run() == run()


def test_pool_of_size_zero_returns_the_batch():
    x = make_images(1.0, 2.0)
    assert ImagePool((2, 2, 1), size=0)(x, tf.constant([0, 0])) is x


def test_layers_survive_a_file(tmp_path):
    image = keras.Input((None, None, 2))
    x = InstanceNormalization(scale=True, center=True)(ReflectionPadding2D(2)(image))
    model = keras.Model(image, x)
    model.save(tmp_path / "m.keras")
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 2)).astype("float32")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(model(x), again(x))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_pool_compiles(jit_compile):
    pool = ImagePool((2, 2, 1), size=2)
    call = tf.function(lambda x, seed: pool(x, seed), jit_compile=jit_compile)
    for step in range(5):
        call(make_images(float(step)), tf.constant([0, step]))
    assert int(pool.filled) == 2
