"""CUT's losses, on numbers computed by hand and on a toy generator."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import recipes
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods.cut import CUT, CUTOptions, features, projection_heads
from cyclegan_tf.methods.losses import info_nce
from cyclegan_tf.networks import generators

SHAPE = (16, 16, 3)


def test_info_nce_by_hand():
    # Two patches on the unit circle: similarities q0 (1, 0), q1 (0.6, 0.8); t = 0.5.
    queries = tf.constant([[[1.0, 0.0], [0.6, 0.8]]])
    keys = tf.constant([[[1.0, 0.0], [0.0, 1.0]]])
    first = np.log(np.exp(2.0) + np.exp(0.0)) - 2.0
    second = np.log(np.exp(1.2) + np.exp(1.6)) - 1.6
    assert float(info_nce(queries, keys, 0.5)) == pytest.approx((first + second) / 2, rel=1e-6)


def test_info_nce_does_not_contrast_images_with_each_other():
    one = tf.constant([[[1.0, 0.0], [0.0, 1.0]]])
    expected = float(info_nce(one, one, 0.1))
    assert float(info_nce(tf.repeat(one, 3, 0), tf.repeat(one, 3, 0), 0.1)) == pytest.approx(
        expected
    )


def test_info_nce_of_equal_keys_is_that_of_guessing():
    keys = tf.repeat(tf.constant([[[0.0, 1.0]]]), 5, 1)
    assert float(info_nce(keys, keys)) == pytest.approx(np.log(5), rel=1e-6)


def test_features_are_the_image_both_halvings_and_two_blocks():
    generator = generators.resnet_generator(SHAPE, filters=4, blocks=6)
    shapes = [x.shape[1:] for x in features(generator)]
    assert shapes == [(16, 16, 3), (8, 8, 8), (4, 4, 16), (4, 4, 16), (4, 4, 16)]
    adds = [layer.output for layer in generator.layers if isinstance(layer, keras.layers.Add)]
    assert features(generator)[3] is adds[0] and features(generator)[4] is adds[4]
    few = features(generators.resnet_generator(SHAPE, filters=4, blocks=3))
    assert len(few) == 5
    assert len(features(generators.resnet_generator(SHAPE, filters=4, blocks=1))) == 4


def test_heads_end_on_the_unit_sphere():
    generator = generators.resnet_generator(SHAPE, filters=4, blocks=1)
    heads = projection_heads(generator, units=32, seed=3)
    assert [head.input_shape[-1] for head in heads] == [3, 8, 16, 16]
    x = np.random.default_rng(0).normal(size=(2, 5, 16)).astype("float32")
    np.testing.assert_allclose(np.linalg.norm(heads[-1](x), axis=-1), 1, rtol=1e-5)
    assert heads[-1].count_params() == 16 * 32 + 32 + 32 * 32 + 32


def toy(**options):
    """CUT with a small generator and a discriminator that answers with its input's red."""
    generator = generators.resnet_generator(SHAPE, filters=4, blocks=1, seed=1)
    image = keras.Input(SHAPE)
    disc = keras.layers.Conv2D(1, 1, use_bias=False)
    model = keras.Model(image, disc(image))
    disc.kernel.assign(np.float32([1, 0, 0]).reshape(1, 1, 3, 1))
    networks = {"gen_ab": generator, "disc_b": model}
    cut = CUT(CUTOptions(**options), (SHAPE, SHAPE), networks=networks)
    cut.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    return cut


def batch_of(model, count=2):
    rng = np.random.default_rng(0)
    a, b = (tf.constant(rng.uniform(-1, 1, (count, *SHAPE)).astype("float32")) for _ in "ab")
    return (a, b, *model.noise(count, tf.constant([0, 1])))


def contrast_by_hand(model, source, translated, orders, flip=None):
    """Equation 4 of all layers, in NumPy, from the heads' answers; mean over layers."""
    encoder = keras.Model(model.gen_ab.inputs, features(model.gen_ab))
    total = []
    for head, query, key, order in zip(
        model.heads, encoder(translated), encoder(source), orders, strict=True
    ):
        query, key = query.numpy(), key.numpy()
        if flip is not None:
            query = np.where(flip, query[:, :, ::-1], query)
        places = np.argsort(-order.numpy(), axis=1)[:, : model.options.patches]
        for i in range(len(query)):
            q, k = (
                np.asarray(head(x[i].reshape(1, -1, x.shape[-1])[:, places[i]]))[0]
                for x in (query, key)
            )
            logits = q @ k.T / model.options.temperature
            total.append(np.mean(np.log(np.exp(logits).sum(1)) - np.diag(logits)))
    return np.mean(total)


def test_losses_of_cut_equal_the_equations():
    model = toy(patches=10, nce_weight=2.0)
    a, b, *orders, coin = batch_of(model)
    losses, (fake,) = model.generator_losses((a, b, *orders, coin))
    expected = model.gen_ab(a)
    np.testing.assert_allclose(fake, expected, atol=1e-6)
    own = contrast_by_hand(model, a, expected, orders)
    of_b = contrast_by_hand(model, b, model.gen_ab(b), orders)
    assert float(losses["nce_a"]) == pytest.approx(own, rel=1e-4)  # 2 / 2
    assert float(losses["nce_b"]) == pytest.approx(of_b, rel=1e-4)
    red = expected.numpy()[..., 0]
    assert float(losses["adv_ab"]) == pytest.approx(np.mean((red - 1) ** 2), rel=1e-4)
    disc = model.discriminator_losses((a, b), (fake,))["disc_b"]
    real = b.numpy()[..., 0]
    by_hand = 0.5 * (np.mean((real - 1) ** 2) + np.mean(red**2))
    assert float(disc) == pytest.approx(by_hand, rel=1e-4)


def test_fastcut_translates_mirrored_images_and_mirrors_features_back():
    model = toy(patches=10, nce_weight=10.0, identity=False, flip=True)
    a, b, *orders, _ = batch_of(model)
    coin = tf.reshape(tf.constant([0.1, 0.9]), (2, 1, 1, 1))
    losses, (fake,) = model.generator_losses((a, b, *orders, coin))
    flip = coin.numpy() < 0.5
    expected = model.gen_ab(np.where(flip, a.numpy()[:, :, ::-1], a))
    np.testing.assert_allclose(fake, expected, atol=1e-6)
    own = contrast_by_hand(model, a, expected, orders, flip)
    assert float(losses["nce_a"]) == pytest.approx(10 * own, rel=1e-4)
    assert set(losses) == {"adv_ab", "nce_a"} == set(model.loss_names) - {"disc_b"}


def test_keys_have_no_gradient():
    """Else the encoder could make keys and queries alike by forgetting the input."""
    model = toy(patches=10)
    head = model.heads[0]
    query = key = tf.constant(np.random.default_rng(1).normal(size=(1, 4, 4, 3)), tf.float32)
    places = tf.constant([[0, 3, 5]])
    with tf.GradientTape() as tape:
        tape.watch(key)
        loss = model._contrast(head, tf.stop_gradient(query), key, places)
    assert tape.gradient(loss, key) is None


def test_places_are_different_ones_of_each_image():
    model = toy(patches=10)
    *orders, coin = model.noise(2, tf.constant([0, 1]))
    assert [x.shape for x in orders] == [(2, 256), (2, 64), (2, 16), (2, 16)]
    first, second = tf.math.top_k(orders[0], 10).indices.numpy()
    assert len(set(first)) == len(set(second)) == 10 and set(first) != set(second)
    assert coin.shape == (2, 1, 1, 1)


def test_recipes_have_the_papers_defaults():
    cut = recipes.cut((16, 16, 3), filters=2, disc_layers=1)
    own = cut.options
    assert (own.nce_weight, own.identity, own.flip, own.patches) == (1.0, True, False, 256)
    assert own.temperature == 0.07 and len(cut.generators) == 6
    fast = recipes.fastcut((16, 16, 3), filters=2, disc_layers=1)
    own = fast.options
    assert (own.nce_weight, own.identity, own.flip) == (10.0, False, True)
    assert fast.method == "cut" and fast.arguments["nce_weight"] == 10.0


@pytest.mark.parametrize(
    ("shapes", "options", "sentence"),
    [
        (((16, 16, 3), (16, 16, 1)), {}, "Both domains must have one shape"),
        (
            ((16, 16, 3),),
            {"temperature": 0.0},
            "temperature must be .* at least 0.001, received 0",
        ),
        (((16, 16, 3),), {"patches": 1}, "patches must be a whole number of at least 2"),
        (((16, 16, 3),), {"blocks": 0}, "blocks must be a whole number of at least 1"),
        (((16, 16, 3),), {}, "disc_layers=3 needs images of at least 24 pixels"),
    ],
)
def test_bad_arguments_are_refused_with_a_sentence(shapes, options, sentence):
    with pytest.raises(InputError, match=sentence):
        recipes.cut(*shapes, **options)


def test_a_generator_between_different_channels_is_refused():
    generator = generators.resnet_generator(SHAPE, filters=4, blocks=1, output_channels=1)
    with pytest.raises(ValueError, match="gen_ab must take 3 channels and give 3, received 3 and"):
        CUT(CUTOptions(), (SHAPE, SHAPE), networks={"gen_ab": generator})
