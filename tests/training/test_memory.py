"""The memory estimate, part by part by hand, and what is said where it does not suffice."""

import pytest
from keras import Input, Model
from keras.layers import Activation, Add, Conv2D, ReLU

from cyclegan_tf import recipes
from cyclegan_tf.networks.layers.normalization import InstanceNormalization
from cyclegan_tf.training import memory
from cyclegan_tf.training.run import train
from support.datasets import make_dataset, make_model


def tiny():
    """Two convolutions of 1x1, the second with what it gives added to what it takes."""
    image = Input((None, None, 1))
    x = ReLU()(InstanceNormalization()(Conv2D(2, 1)(image)))
    x = Add()([x, Conv2D(2, 1)(x)])
    return Model(image, Activation("tanh")(Conv2D(1, 1)(x)))


def test_what_is_kept_of_one_image():
    # 4x5 pixels. First segment: the image (20 numbers), the normalization's output (40),
    # the ReLU's image (40), and that again as the convolution's input (40). Then the sum (40)
    # and the tanh's image (20). At the edges: the image and the sum.
    assert memory.kept(tiny(), (4, 5)) == memory.Kept(
        all=4 * (20 + 40 + 40 + 40 + 40 + 20),
        edges=4 * (20 + 40),
        segment=4 * (20 + 40 + 40 + 40),
        largest=4 * 40,
    )


def test_16_bits_halve_what_is_not_a_statistic_or_the_output():
    assert memory.kept(tiny(), (4, 5), reduced=True) == memory.Kept(
        all=2 * (20 + 40 + 40 + 40) + 4 * (40 + 20),
        edges=4 * 20 + 2 * 40,
        segment=2 * (20 + 40 + 40) + 4 * (40),
        largest=4 * 40,
    )


def parts(model, batch_size):
    return memory.estimate(model, batch_size)


def test_averages_are_counted():
    model = make_model(make_dataset(), ema_decay=0.999)
    weights = sum(network.count_params() for network in model.generators)
    assert parts(model, 1).averages == 4 * weights
    plain = parts(make_model(make_dataset()), 1)
    assert parts(model, 1).total == plain.total + 4 * weights


def test_weights_moments_gradients_and_pools():
    model = make_model(make_dataset(), pool_size=3)
    networks = [*model.generators, *model.discriminators]
    weights = 4 * sum(network.count_params() for network in networks)
    found = parts(model, 1)
    assert (found.weights, found.moments, found.gradients) == (weights, 2 * weights, weights)
    assert found.pools == 4 * 3 * 16 * 16 * (1 + 3)
    assert found.averages == 0
    assert found.held == found.weights + found.moments + found.pools
    assert found.kernels == 0  # four filters are too few for it to pay
    assert found.total == found.held + found.gradients + found.activations + found.working


@pytest.mark.parametrize(("identity_weight", "calls"), [(0.0, 2), (5.0, 3)])
def test_activations_of_a_step(identity_weight, calls):
    def model(**options):
        return make_model(dataset, identity_weight=identity_weight, **options)

    dataset = make_dataset(channels=(3, 3))
    generator = memory.kept(model().gen_ab, (16, 16))
    discriminator = memory.kept(model().disc_a, (16, 16)).all
    assert parts(model(), 4).activations == 4 * 2 * (calls * generator.all + discriminator)
    assert parts(model(accumulate=4), 4).activations == parts(model(), 1).activations
    # Both calls that translate are one batch, whose segments are computed again together.
    recomputed = calls * generator.edges + (calls - 1) * generator.segment
    assert parts(model(recompute=True), 4).activations == 4 * 2 * (recomputed + discriminator)


@pytest.mark.slow
def test_each_way_to_save_saves_what_it_says():
    def model(**options):
        return recipes.cyclegan((64, 64, 3), filters=8, blocks=6, **options)

    sentences = {
        "a batch of 1": parts(model(), 1),
        "accumulate 4": parts(model(accumulate=4), 4),
        "recompute": parts(model(recompute=True), 4),
        "precision mixed_bfloat16": parts(model(precision="mixed_bfloat16"), 4),
        "images of 32x32": None,  # beside smaller pools
        "half the filters": parts(recipes.cyclegan((64, 64, 3), filters=4, blocks=6), 4),
    }
    ways = dict(memory._ways(model(), 4))
    assert list(ways) == list(sentences)
    for way, expected in sentences.items():
        assert ways[way] < parts(model(), 4).total
        if expected:
            assert ways[way] == pytest.approx(expected.total, rel=0.01)
    spared = model(accumulate=4, recompute=True, precision="mixed_float16")
    left = [way for way, _ in memory._ways(spared, 4)]
    assert left == ["images of 32x32", "half the filters"]


@pytest.mark.slow
def test_the_run_says_what_it_takes_and_warns_where_it_does_not_suffice(
    tmp_path, monkeypatch, capsys
):
    dataset = make_dataset()
    model = make_model(dataset)
    monkeypatch.setattr(memory, "free", lambda: None)
    says = "Memory: about 0.2 GiB for a step of 1 image of 16x16"
    assert memory.sentence(model, 1) == f"{says}." and memory.advice(model, 1) is None
    monkeypatch.setattr(memory, "free", lambda: 20 << 30)
    assert memory.sentence(model, 1) == f"{says}; 20 GiB are there for it."
    assert memory.advice(model, 1) is None
    monkeypatch.setattr(memory, "free", lambda: 100 << 20)
    with pytest.warns(
        UserWarning, match=r"0\.2 GiB of memory and 0\.1 GiB are .* alone: recompute"
    ):
        train(model, dataset, tmp_path / "run", 1, steps_per_epoch=1, verbose=0)
    assert f"{says}; 0.1 GiB are there for it.\n" in capsys.readouterr().out


def test_free_memory_of_this_machine():
    there = memory.free()
    assert there is None or 2**20 < there < 2**50


def test_transformed_kernels_are_counted_where_there_are_any():
    # Blocks of 32 channels: two convolutions a block, one block, two generators.
    model = make_model(make_dataset(), filters=8, blocks=1, fast_convolutions=True)
    assert parts(model, 1).kernels == 4 * 36 * 32 * 32 * 2 * 2
    model = make_model(make_dataset(), filters=8, blocks=1, fast_convolutions=False)
    assert parts(model, 1).kernels == 0
