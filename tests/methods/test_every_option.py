"""Every choice and every bound of every option: one step of a tiny model, or one sentence."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods import registry

pytestmark = pytest.mark.slow

GRAY, COLOUR, DIGIT, CLASS = (16, 16, 1), (16, 16, 3), (8, 8, 1), (1, 1, 3)
LATENT = {"filters": 2, "blocks": 1, "disc_layers": 1, "disc_scales": 2}
#: Image shapes and options of the smallest model of each method.
SMALLEST = {
    "dcgan": ((DIGIT,), {"filters": 2, "noise_size": 3}),
    "cgan": ((CLASS, DIGIT), {"filters": 2, "noise_size": 3}),
    "autoencoder": ((DIGIT,), {"filters": 2, "latent": 3}),
    "vae": ((DIGIT,), {"filters": 2, "latent": 3}),
    "cvae": ((GRAY, COLOUR), {"filters": 2, "latent": 3}),
    "unit": ((GRAY, COLOUR), LATENT),
    "munit": ((GRAY, COLOUR), LATENT | {"hidden": 4}),
}


def values(option):
    """Each choice, or both bounds where there are such: just inside of those that are exclusive."""
    if option.kind is bool or option.choices:
        found = (True, False) if option.kind is bool else option.choices
        return [None, *found] if option.optional else list(found)
    towards = {"above": np.inf, "below": -np.inf}
    return [
        option.kind(np.nextafter(np.float32(bound), towards.get(name, bound), dtype=np.float32))
        for name, bound in option.bounds.items()
    ]


CASES = [
    pytest.param(method, option, value, id=f"{method}-{option.name}-{value}")
    for method in SMALLEST
    for option in registry.find(method).declared.values()
    for value in values(option)
]


@functools.cache
def networks(method):
    """Those of the smallest model, for all options that leave them as they are."""
    shapes, options = SMALLEST[method]
    return registry.make(method, *shapes, **options).make_networks()


@pytest.mark.parametrize(("method", "option", "value"), CASES)
def test_a_step_with_every_choice_and_at_every_bound(method, option, value, eager, monkeypatch):
    shapes, options = SMALLEST[method]
    if option.group != "networks":
        made = networks(method)
        monkeypatch.setattr(registry.find(method).model, "make_networks", lambda self: made)
    try:
        model = registry.make(method, *shapes, **options | {option.name: value})
    except InputError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
        return
    shapes = [shape or shapes[-1] for shape in model.image_shapes]
    batch = tuple(tf.random.stateless_uniform((2, *shape), (0, 1), -1.0) for shape in shapes)
    losses = model._update(batch)
    assert len(losses) == len(model.loss_names) and np.isfinite(losses).all()
    assert all(np.isfinite(weight).all() for weight in model.weights)
