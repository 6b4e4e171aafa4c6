"""Every choice and every bound of the options of unpaired methods and of pix2pix: one step each."""

import functools
import warnings

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods import registry
from cyclegan_tf.networks.pretrained import weights
from methods.test_every_option import values
from support.classifiers import drawn
from support.datasets import make_dataset

pytestmark = pytest.mark.slow

GRAY, COLOUR, LARGER = (16, 16, 1), (16, 16, 3), (32, 32, 3)
SMALL = {"filters": 2, "disc_layers": 1}
RESNET = SMALL | {"blocks": 1}
#: Image shapes and options of the smallest model of each method, with all that it can have.
SMALLEST = {
    "cyclegan": ((GRAY, COLOUR), RESNET),
    "cut": ((COLOUR,), RESNET | {"patches": 9}),
    "fsesim": ((GRAY, COLOUR), RESNET | {"patches": 9}),
    "matched": ((GRAY, COLOUR), RESNET | {"patches": 9, "code": 2}),
    "pix2pix": (((64, 64, 1), (64, 64, 3)), SMALL),
}
#: What is possible together with other options alone.
TOGETHER = [
    ("cyclegan", {"generator": "unet", "upsampling": "resize", "disc_filters": 2}),
    ("cyclegan", {"generator": "unet", "upsampling": "bilinear"}),
    ("cyclegan", {"disc_layers": 0, "disc_norm": "spectral", "adversarial_loss": "hinge"}),
    ("cyclegan", {"disc_norm": "spectral", "disc_features": "alex", "shape": LARGER}),
    ("cyclegan", {"paired_weight": 1.0, "gradient_weight": 1.0, "recompute": True}),
    ("cyclegan", {"residual": True, "upsampling": "bilinear", "shape": COLOUR}),
    ("cyclegan", {"beta_2": 0.99, "disc_learning_rate": 1e-3, "total_steps": 1, "ema_decay": 0.9}),
    ("cut", {"identity": False, "flip": True}),
    ("matched", {"code": 0, "gen_norm": "instance"}),
    ("pix2pix", {"dropout": False, "disc_layers": 0}),
]
ALONE = [
    pytest.param(method, {option.name: value}, option.group, id=f"{method}-{option.name}-{value}")
    for method in SMALLEST
    for option in registry.find(method).declared.values()
    for value in values(option)
    # The defaults take steps everywhere; what the shared step and its optimizers do, once.
    if value != option.default and (method == "cyclegan" or option.group != "learning")
]


@functools.cache
def networks(method):
    """Those of the smallest model, for all options that leave them as they are; their weights."""
    shapes, options = SMALLEST[method]
    made = registry.make(method, *shapes, **options).make_networks()
    return made, {name: network.get_weights() for name, network in made.items()}


def step(method, changes):
    """One step of the smallest model with these changes, in which every number is finite."""
    shapes, options = SMALLEST[method]
    shape = changes.pop("shape", None)
    shapes = (shape,) if shape else shapes
    model = registry.make(method, *shapes, **options | changes)
    model.partners(make_dataset(size=shapes[0][0], channels=(shapes[0][-1], shapes[-1][-1])))
    batch = tuple(tf.random.stateless_uniform((1, *s), (0, 1), -1.0) for s in model.image_shapes)
    losses = model._update(batch)
    assert len(losses) == len(model.loss_names) and np.isfinite(losses).all()
    assert all(np.isfinite(weight).all() for weight in model.weights)


@pytest.fixture(autouse=True)
def drawn_weights(eager, monkeypatch):
    """Classifiers with weights that were drawn, in place of the published ones."""
    monkeypatch.setattr(weights, "load", lambda name, path=None: (drawn(name), "drawn"))


@pytest.mark.parametrize(("method", "changes", "group"), ALONE)
def test_a_step_with_every_choice_and_at_every_bound(method, changes, group, monkeypatch):
    if group != "networks":
        made, start = networks(method)
        for name, network in made.items():
            network.set_weights(start[name])
        monkeypatch.setattr(registry.find(method).model, "make_networks", lambda self: made)
    try:
        step(method, dict(changes))
    except InputError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
        assert next(iter(changes)) in str(error)


@pytest.mark.parametrize(("method", "changes"), TOGETHER)
def test_a_step_of_options_that_go_together(method, changes):
    step(method, dict(changes))


@pytest.mark.parametrize(("size", "warned"), [(32, True), (64, False), (96, True)])
def test_dropout_that_cannot_be_is_told(size, warned):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        registry.make("pix2pix", (size, size, 1), **SMALL)
        registry.make("pix2pix", (size, size, 1), **SMALL, dropout=False)
    told = [str(one.message) for one in caught if "dropout" in str(one.message)]
    assert len(told) == warned
    if warned:
        assert told[0].startswith("The generator has no dropout, which begins at six halvings: ")
        assert f"{size}x{size} pixels have 5, so that translations do not vary" in told[0]
