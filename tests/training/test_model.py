"""The shared step: what it draws, and methods without discriminators."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import pipeline
from cyclegan_tf.methods.options import Options
from cyclegan_tf.training.model import GenerativeModel
from cyclegan_tf.training.run import train
from support.datasets import make_dataset, make_model


class Noisy(GenerativeModel):
    """One weight w and the loss mean(w a z): its gradient is the mean of a z."""

    loss_names = ("l1",)
    generator_names = ("gen_ab",)
    saves = (("gen_ab", "ab"),)

    def make_networks(self):
        image = keras.Input((None, None, 1))
        layer = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")
        return {"gen_ab": keras.Model(image, layer(image))}

    def columns(self, a, b, names):
        return [(names[0], a), (names[1], self.gen_ab(a))]

    def noise(self, count, seed):
        return (tf.random.stateless_normal((count, 1), seed),)

    def generator_losses(self, batch):
        a, _, z = batch
        return {"l1": tf.reduce_mean(self.gen_ab(a) * z[:, :, None, None])}, ()


def noisy(accumulate=1, strategy=None):
    model = Noisy(Options(seed=7), ((16, 16, 1), (16, 16, 3)), strategy=strategy)
    with model.strategy.scope():
        optimizer = keras.optimizers.SGD(1.0)
    model.compile(optimizer, accumulate=accumulate)
    return model


def drawn(step, count=4):
    """What the step draws for the whole batch."""
    seed = tf.random.experimental.stateless_fold_in(tf.constant([7, step]), tf.int32.max)
    return tf.random.stateless_normal((count, 1), seed).numpy()


@pytest.mark.parametrize("accumulate", [1, 2])
def test_each_step_draws_anew_for_the_whole_batch(accumulate):
    model = noisy(accumulate)
    a = tf.reshape(tf.constant([1.0, 2.0, 3.0, 4.0]), (4, 1, 1, 1))
    weight = 1.0
    for step in range(3):
        model.train_step((a, a))
        weight -= np.mean(a.numpy().ravel() * drawn(step).ravel())
        np.testing.assert_allclose(model.gen_ab.weights[0].numpy().item(), weight, rtol=1e-5)


def test_without_discriminators_there_is_no_second_update():
    model = noisy()
    assert model.discriminators == [] and model.disc_optimizer is None
    logs = model.train_step((tf.ones((2, 1, 1, 1)),) * 2)
    np.testing.assert_allclose(logs["l1"], drawn(0, 2).mean(), rtol=1e-5)


def test_a_method_that_needs_pairs_refuses_unpaired_data(tmp_path):
    model = noisy()
    model.needs_pairs = True
    with pytest.raises(InputError, match="which sketch belongs to which cartoon is not known"):
        train(model, make_dataset(), tmp_path / "run", 1)
    assert not (tmp_path / "run").exists()


def test_a_method_without_pairs_is_not_shown_them():
    """Also where the data are paired: else it would profit from what it claims not to need."""
    dataset = make_dataset(count_a=50, count_b=50, channels=(3, 3), paired=True)

    def indices(**options):
        batches = pipeline.batches(dataset, steps=50, augment=False, **options)
        found = []
        for batch in batches:
            stored = [np.rint((x.numpy()[0] + 1) * 127.5) for x in batch]
            pairs = zip(stored, (dataset.train_a, dataset.train_b), strict=True)
            found.append([int(np.argmin(np.abs(x - y).sum((1, 2, 3)))) for x, y in pairs])
        return np.array(found)

    together, apart = indices(), indices(pairs=False)
    assert (together[:, 0] == together[:, 1]).all()
    assert (apart[:, 0] == apart[:, 1]).sum() < 10
    assert sorted(apart[:, 0]) == sorted(apart[:, 1]) == list(range(50))
    assert make_model(dataset).needs_pairs is False
