"""CycleGAN's recipe: its defaults, its variants and what it refuses."""

import keras
import pytest

from cyclegan_tf import recipes
from cyclegan_tf.common.errors import InputError


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image_shape_a": (30, 32, 3)}, "multiples of 4.* received 30x32"),
        ({"image_shape_b": (32, 32, 1), "identity_weight": 5.0}, "identity_weight must be 0"),
        ({"image_shape_b": (64, 32, 3)}, "one height and width"),
        ({"generator": "vit"}, "generator must be 'resnet' or 'unet', received 'vit'"),
        ({"disc_layers": 5}, "disc_layers=5 needs images of at least 96 pixels"),
        ({"filters": 0}, "filters must be a whole number of at least 1, received 0"),
        ({"blocks": -1}, "blocks must be a whole number of at least 0, received -1"),
        (
            {"learning_rate": float("nan")},
            "learning_rate must be a number of at least 0, received nan",
        ),
        ({"pool_size": -1}, "pool_size must be a whole number of at least 0"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"seed": 10**20}, "seed must be a whole number of at least 0"),
        ({"seed": None}, "seed must be a whole number of at least 0"),
        ({"filters": 2.5}, "filters must be a whole number"),
        ({"image_shape_a": (16, 16)}, "image_shape_a must be .height, width, channels."),
        ({"adversarial_loss": "wasserstein"}, "adversarial_loss must be"),
        ({"disc_norm": "batch"}, "disc_norm must be 'instance' or 'spectral', received 'batch'"),
        ({"residual": True, "generator": "unet"}, "residual needs ResNet generators"),
        ({"residual": True, "recompute": True}, "residual needs ResNet generators"),
    ],
)
def test_recipe_refuses_in_one_sentence(options, words):
    with pytest.raises(InputError, match=words):
        recipes.cyclegan(**{"image_shape_a": (32, 32, 3)} | options)


@pytest.mark.parametrize(("size", "blocks"), [(64, 6), (128, 6), (132, 9)])
def test_blocks_follow_the_authors_habit(size, blocks):
    model = recipes.cyclegan((size, size, 3), filters=1)
    adds = [layer for layer in model.gen_ab.layers if isinstance(layer, keras.layers.Add)]
    assert len(adds) == blocks


def test_recipe_defaults_are_the_papers():
    model = recipes.cyclegan((32, 32, 3), filters=1, disc_layers=1)
    for optimizer in (model.gen_optimizer, model.disc_optimizer):
        config = optimizer.get_config()
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)
        assert (config["beta_1"], config["beta_2"], config["epsilon"]) == (0.5, 0.999, 1e-8)
    own = model.options
    assert (own.adversarial_weight, own.cycle_weight, own.identity_weight) == (1, 10, 5)
    assert model.pool_a.size == model.pool_b.size == 50
    assert model.adversarial_loss.__name__ == "least_squares"
    unlike = recipes.cyclegan((8, 8, 3), (8, 8, 1), filters=1, disc_layers=0)
    assert unlike.options.identity_weight == 0
    decaying = recipes.cyclegan((32, 32, 3), filters=1, disc_layers=1, total_steps=100)
    schedule = decaying.gen_optimizer._learning_rate
    assert [float(schedule(step)) for step in (0, 50, 75)] == pytest.approx([2e-4, 2e-4, 1e-4])
