"""Reduced precision: what computes in what, how far gradients are off, and the loss scale."""

import json
import shutil
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.inference import load
from cyclegan_tf.networks import discriminators, generator_file, generators
from cyclegan_tf.networks.precision import compute_type, in_precision, with_loss_scale
from cyclegan_tf.training.diagnostics import TrainingDiverged
from cyclegan_tf.training.run import train
from support.datasets import all_variables, make_dataset, make_model

NETWORKS = {
    "resnet": lambda: generators.resnet_generator(filters=4, blocks=2, seed=1),
    "unet": lambda: generators.unet_generator(filters=4, depth=3, seed=1),
    "patch": lambda: discriminators.patch_discriminator(filters=4, layers=2, seed=1),
    "pixel": lambda: discriminators.pixel_discriminator(filters=4, seed=1),
}
#: A number of 16 bits is off by at most 2^-11 and 2^-8 of itself; over some twenty layers with as
#: many normalizations, gradients are off by some tens of that.
TOLERANCE = {"mixed_float16": 0.05, "mixed_bfloat16": 0.2}
REDUCED = tuple(TOLERANCE)


def batch(dataset, count=2):
    rng = np.random.default_rng(0)
    shapes = (dataset.image_shape_a, dataset.image_shape_b)
    return tuple(tf.constant(rng.uniform(-1, 1, (count, *s)), tf.float32) for s in shapes)


def flat(tensors):
    return np.concatenate([np.ravel(t) for t in tensors])


@pytest.mark.parametrize("precision", REDUCED)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_computes_in_the_type_asked_for(name, precision):
    network = NETWORKS[name]()
    reduced = in_precision(network, precision)
    first, *inner, last = reduced.layers
    assert {layer.compute_dtype for layer in inner} == {precision.removeprefix("mixed_")}
    assert {weight.dtype for weight in reduced.weights} == {"float32"}
    assert first.dtype == last.compute_dtype == "float32"
    assert [layer.name for layer in inner] == [layer.name for layer in network.layers[1:-1]]
    image = tf.random.stateless_uniform((1, 16, 16, 3), (0, 1), -1.0)
    output, expected = reduced(image), network(image)
    assert output.dtype == tf.float32
    difference = np.abs(output - expected).max()
    assert 0 < difference < TOLERANCE[precision] * np.abs(expected).max()


def test_a_network_comes_back_from_reduced_precision_as_it_was():
    network = NETWORKS["resnet"]()
    back = in_precision(in_precision(network, "mixed_float16"), "float32")
    image = tf.random.stateless_uniform((1, 16, 16, 3), (0, 1), -1.0)
    np.testing.assert_array_equal(back(image), network(image))
    assert in_precision(network, "float32") is network


def test_statistics_are_taken_in_float32():
    # 300 * 300 is beyond float16, and 300 +- 1 would be one number in bfloat16.
    image = np.resize([299.0, 301.0], (1, 8, 8, 1)).astype("float32")
    layer = generators.InstanceNormalization(dtype="mixed_float16")
    np.testing.assert_allclose(layer(tf.cast(image, tf.float16)), image - 300, atol=1e-3)


def distance(tensors, others):
    one, other = flat(tensors), flat(others)
    return np.linalg.norm(one - other) / np.linalg.norm(other)


@pytest.mark.parametrize("precision", REDUCED)
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_float32_within_rounding(name, precision):
    image = tf.random.stateless_uniform((2, 16, 16, 3), (0, 1), -1.0)

    def gradients(network):
        with tf.GradientTape() as tape:
            loss = 256 * tf.reduce_mean(tf.square(network(image, training=True)))
        variables = [v.value for v in network.trainable_variables]
        return tape.gradient(loss, variables, unconnected_gradients="zero")

    network = NETWORKS[name]()
    found = gradients(in_precision(network, precision))
    assert {gradient.dtype for gradient in found} == {tf.float32}
    assert 1e-5 < distance(found, gradients(network)) < TOLERANCE[precision]


def test_a_step_is_that_of_float32_within_rounding(eager):
    dataset = make_dataset()
    images = batch(dataset)

    def gradients(precision, scale=1):
        model = make_model(dataset, seed=1, precision=precision)
        if scale > 1:
            model.gen_optimizer.dynamic_scale.assign(scale)
            model.disc_optimizer.dynamic_scale.assign(scale)
        losses, generator, fakes = model._generators_part(images)
        more, discriminator = model._discriminators_part(images, fakes)
        return losses | more, flat(generator) / scale, flat(discriminator) / scale

    losses, *exact = gradients("float32")
    for precision, scale in (("mixed_float16", 256), ("mixed_bfloat16", 1)):
        rounded, *found = gradients(precision, scale)
        for name, value in losses.items():
            assert rounded[name].dtype == tf.float32
            assert float(rounded[name]) == pytest.approx(float(value), rel=TOLERANCE[precision] / 4)
        # |x - y| has a slope of -1 or 1: where x and y are all but equal, rounding turns it round.
        assert 1e-5 < distance(found[0], exact[0]) < 0.5
        assert 1e-5 < distance(found[1], exact[1]) < TOLERANCE[precision]


def test_a_step_that_overflows_is_left_out_by_its_optimizer_alone(eager):
    dataset = make_dataset()
    model = make_model(dataset, precision="mixed_float16")
    step, images = tf.function(model.train_step), batch(dataset)
    model.gen_optimizer.dynamic_scale.assign(2.0**100)
    model.disc_optimizer.dynamic_scale.assign(256.0)

    def weights():
        return [flat(w for n in side for w in n.get_weights()) for side in sides]

    sides = (model.generators, model.discriminators)
    before = weights()
    step(images)
    after = weights()
    np.testing.assert_array_equal(after[0], before[0])
    assert np.abs(after[1] - before[1]).max() > 0
    assert float(model.gen_optimizer.dynamic_scale) == 2.0**99
    assert float(model.disc_optimizer.dynamic_scale) == 256
    # It counts as a step: the pools' draws and the learning rate go on.
    assert int(model.gen_optimizer.iterations) == int(model.disc_optimizer.iterations) == 1
    model.gen_optimizer.dynamic_scale.assign(256.0)
    step(images)
    moved = weights()[0]
    assert np.abs(moved - after[0]).max() > 0 and np.isfinite(moved).all()
    assert int(model.gen_optimizer.iterations) == 2


def test_only_float16_needs_a_loss_scale():
    adam = keras.optimizers.Adam()
    assert with_loss_scale(adam, "float32") is adam
    assert with_loss_scale(adam, "mixed_bfloat16") is adam
    assert with_loss_scale(adam, "mixed_float16").inner_optimizer is adam


@pytest.mark.slow
def test_resumes_to_the_bit_with_its_loss_scale(tmp_path):
    dataset = make_dataset()

    def run(name, epochs):
        model = make_model(dataset, seed=1, precision="mixed_float16")
        # Small, so that the scale grows within the run: a resumed one must grow when this does.
        for optimizer in (model.gen_optimizer, model.disc_optimizer):
            optimizer.dynamic_growth_steps = 3
        train(model, dataset, tmp_path / name, epochs, steps_per_epoch=4, verbose=0)
        return model

    whole = run("whole", 2)
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    (tmp_path / "parts/state/epoch_002.weights.h5").unlink()
    resumed = run("parts", 2)
    assert float(whole.disc_optimizer.dynamic_scale) > 2.0**15
    for one, other in zip(all_variables(whole), all_variables(resumed), strict=True):
        np.testing.assert_array_equal(one, other)


def test_saved_generators_are_plain_float32(eager, tmp_path):
    dataset = make_dataset()
    model = make_model(dataset, precision="mixed_bfloat16")
    train(model, dataset, tmp_path / "run", 1, steps_per_epoch=1, verbose=0)
    path = tmp_path / "run/gen_ab.keras"
    with zipfile.ZipFile(path) as archive:
        assert "float16" not in json.dumps(json.loads(archive.read("config.json")))
    generator, _ = generator_file.load(path)
    assert {layer.compute_dtype for layer in generator.layers} == {"float32"}
    for one, other in zip(generator.get_weights(), model.gen_ab.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    translator = load.load(tmp_path / "run", "ab")
    assert translator(np.zeros((16, 16), "uint8")).shape == (16, 16, 3)


def test_states_of_float32_and_bfloat16_are_interchangeable(eager, tmp_path):
    dataset, path = make_dataset(), tmp_path / "state.weights.h5"
    for ours, theirs in (("float32", "mixed_bfloat16"), ("mixed_bfloat16", "float32")):
        source = make_model(dataset, seed=1, precision=ours)
        source.train_step(batch(dataset))
        source.save_weights(path)
        target = make_model(dataset, seed=2, precision=theirs)
        target.load_weights(path)
        for one, other in zip(all_variables(source), all_variables(target), strict=True):
            np.testing.assert_array_equal(one, other)


def test_nan_still_stops_the_run(eager, tmp_path):
    dataset = make_dataset()
    model = make_model(dataset, precision="mixed_float16")
    model.gen_ab.weights[0].assign(model.gen_ab.weights[0] * np.nan)
    with pytest.raises(TrainingDiverged, match="became nan in epoch 1, step 1"):
        train(model, dataset, tmp_path / "run", 1, steps_per_epoch=1, verbose=0)


@pytest.mark.slow
def test_the_precision_is_an_argument_of_the_run(eager, tmp_path):
    dataset = make_dataset()
    model = make_model(dataset, precision="mixed_bfloat16")
    assert compute_type(model.gen_ab) == compute_type(model.disc_b) == "bfloat16"
    train(model, dataset, tmp_path / "run", 1, steps_per_epoch=1, verbose=0)
    with pytest.raises(InputError, match="precision=mixed_bfloat16 -> default"):
        train(make_model(dataset), dataset, tmp_path / "run", 2, steps_per_epoch=1, verbose=0)


def test_precision_is_one_of_three():
    with pytest.raises(InputError, match=r"precision must be 'float32' or .* received 'half'"):
        make_model(make_dataset(), precision="half")
    with pytest.raises(InputError, match=r"precision must be .* received 'half'"):
        in_precision(NETWORKS["pixel"](), "half")
