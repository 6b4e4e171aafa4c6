"""The method's losses on toy networks whose answers are known by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.methods.cyclegan import CycleGAN, CycleGANOptions
from cyclegan_tf.recipes import cyclegan
from cyclegan_tf.training.optimizers import ConstantThenLinear

SHAPE = (4, 4, 1)


def scale(by):
    """The generator x -> by * x, with one trainable weight."""
    image = keras.Input(SHAPE)
    layer = keras.layers.Conv2D(1, 1, use_bias=False)
    model = keras.Model(image, layer(image))
    layer.kernel.assign(np.full((1, 1, 1, 1), by))
    return model


def toy(gen_ab=1.0, gen_ba=1.0, disc=1.0, **options):
    factors = {"gen_ab": gen_ab, "gen_ba": gen_ba, "disc_a": disc, "disc_b": disc}
    networks = {name: scale(factor) for name, factor in factors.items()}
    options = CycleGANOptions(**{"pool_size": 0} | options)
    model = CycleGAN(options, (SHAPE, SHAPE), networks=networks)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    return model


def constant(value, count=1):
    return tf.fill((count, *SHAPE), float(value))


def losses_of(model, batch, step=0):
    gen, fakes = model.generator_losses(batch)
    shown = model.remember(fakes, tf.constant([0, step]))
    disc = model.discriminator_losses(batch, shown)
    return {name: pytest.approx(float(value), abs=1e-6) for name, value in (gen | disc).items()}


def test_identity_generators_cycle_without_loss():
    # D(x) = x. A is 0.5, B is -0.5 everywhere, so the fakes are what was put in.
    assert losses_of(toy(), (constant(0.5), constant(-0.5))) == {
        "identity_a": 0,
        "identity_b": 0,
        "cycle_a": 0,
        "cycle_b": 0,
        "adv_ab": (0.5 - 1) ** 2,
        "adv_ba": (-0.5 - 1) ** 2,
        "disc_a": 0.5 * ((0.5 - 1) ** 2 + (-0.5) ** 2),
        "disc_b": 0.5 * ((-0.5 - 1) ** 2 + 0.5**2),
    }


def test_weights_and_directions_of_every_loss():
    # gen_ab doubles, gen_ba multiplies by 3; a = 0.1, b = 0.2: fake_b 0.2, fake_a 0.6,
    # both cycles times 6, same_a = 3 a, same_b = 2 b.
    model = toy(2.0, 3.0, 1.0)
    assert losses_of(model, (constant(0.1), constant(0.2))) == {
        "identity_a": 5 * 0.2,
        "identity_b": 5 * 0.2,
        "cycle_a": 10 * 0.5,
        "cycle_b": 10 * 1.0,
        "adv_ab": 0.8**2,
        "adv_ba": 0.4**2,
        "disc_a": 0.5 * (0.9**2 + 0.6**2),
        "disc_b": 0.5 * (0.8**2 + 0.2**2),
    }


def test_identity_loss_off_leaves_its_names_out():
    model = toy(identity_weight=0.0, adversarial_loss="binary_crossentropy")
    losses = losses_of(model, (constant(0.0), constant(0.0)))
    assert set(losses) == set(model.loss_names)
    assert losses["adv_ab"] == np.log(2) and losses["disc_a"] == np.log(2)


def test_each_generator_receives_gradient_from_both_cycles():
    model = toy(2.0, 3.0, identity_weight=0.0, adversarial_weight=0.0)
    batch = (constant(0.1), constant(0.2))
    _, (d_ab, d_ba), _ = model._generators_part(batch)
    # |g h a - a| + |h g b - b| with g h = 6, weighted by 10: d/dg = h (a + b), d/dh = g (a + b).
    assert float(d_ab[0, 0, 0, 0]) == pytest.approx(10 * 3 * 0.3, rel=1e-5)
    assert float(d_ba[0, 0, 0, 0]) == pytest.approx(10 * 2 * 0.3, rel=1e-5)


def test_no_gradient_flows_from_the_discriminators_losses_into_generators():
    model = toy(0.5, 0.5)
    batch = (constant(0.3), constant(0.6))
    _, _, fakes = model._generators_part(batch)
    _, (d_a, d_b) = model._discriminators_part(batch, fakes)
    # disc_a = 0.5 ((w a - 1)^2 + (w f)^2) at w = 1, where f = 0.5 b is held fixed.
    assert float(d_a[0, 0, 0, 0]) == pytest.approx((0.3 - 1) * 0.3 + 0.3**2, rel=1e-5)
    assert float(d_b[0, 0, 0, 0]) == pytest.approx((0.6 - 1) * 0.6 + 0.15**2, rel=1e-5)


def test_both_sides_step_on_the_same_fakes():
    # Had the generators been applied first and their images made anew, disc_* would differ.
    model = toy(2.0, 3.0)
    model.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.0))
    logs = model.train_step((constant(0.1), constant(0.2)))
    assert float(logs["disc_b"]) == pytest.approx(0.5 * (0.8**2 + 0.2**2), rel=1e-5)
    assert float(model.gen_ab.weights[0][0, 0, 0, 0]) != 2.0


def test_logs_are_epoch_means():
    model = toy()
    first, second = constant(0.0), constant(1.0)
    model.train_step((first, first))
    logs = model.train_step((second, second))
    assert float(logs["adv_ab"]) == pytest.approx((1 + 0) / 2)
    model.reset_metrics()
    assert float(model.train_step((second, second))["adv_ab"]) == 0


def test_discriminators_see_the_pool():
    model = toy(pool_size=1)
    differing = 0
    for step, value in enumerate(np.linspace(0, 1, 16)):
        seen = losses_of(model, (constant(value), constant(value)), step)["disc_a"]
        # D(x) = x and real = fake = value: without a pool every loss would be this one.
        differing += seen != 0.5 * ((value - 1) ** 2 + value**2)
    assert 2 < differing < 14


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_step_equals_the_eager_one(jit_compile):
    batch = (constant(0.1, 2), constant(0.2, 2))
    model = toy(2.0, 3.0, pool_size=4)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), jit_compile=jit_compile)
    logs = tf.function(model.train_step)(batch)
    assert float(logs["cycle_b"]) == pytest.approx(10.0, rel=1e-5)
    assert int(model.pool_a.filled) == 2


def test_channels_that_do_not_fit_are_named():
    wide = keras.Sequential([keras.Input(SHAPE), keras.layers.Conv2D(2, 1)])
    networks = {"gen_ab": scale(1), "gen_ba": wide, "disc_a": scale(1), "disc_b": scale(1)}
    with pytest.raises(ValueError, match="gen_ba must take 1 channels and give 1, received 1 and"):
        CycleGAN(CycleGANOptions(), (SHAPE, SHAPE), networks=networks)


def test_constant_then_linear():
    rate = ConstantThenLinear(2e-4, 200)
    expected = {0: 2e-4, 50: 2e-4, 100: 2e-4, 150: 1e-4, 199: 2e-6, 200: 0.0, 999: 0.0}
    for step, value in expected.items():
        assert float(rate(step)) == pytest.approx(value, abs=1e-10)
    again = ConstantThenLinear.from_config(rate.get_config())
    assert float(again(150)) == float(rate(150))
    assert float(ConstantThenLinear(1.0, 10, decay_from=0.0)(5)) == 0.5


@pytest.mark.slow
def test_a_step_moves_every_kernel_with_fast_convolutions_as_without():
    batch = tuple(tf.random.stateless_uniform((1, 16, 16, 3), (0, i), -1.0) for i in range(2))

    def moves(fast):
        model = cyclegan((16, 16, 3), filters=8, blocks=1, disc_layers=1, fast_convolutions=fast)
        model.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0))
        networks = [*model.generators, *model.discriminators]
        kernels = [w for n in networks for w in n.weights if w.path.endswith("kernel")]
        before = [np.array(kernel) for kernel in kernels]
        tf.function(model.train_step)(batch)
        return [np.array(k) - old for k, old in zip(kernels, before, strict=True)]

    for move, expected in zip(moves(True), moves(False), strict=True):
        assert np.abs(move).max() > 0
        np.testing.assert_allclose(move, expected, atol=1e-3 * np.abs(expected).max())
