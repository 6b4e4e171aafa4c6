"""Every option of every method and preset: what is refused, recorded and documented."""

import functools
import inspect
import json
import math
import re

import pytest

from cyclegan_tf import recipes
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods import registry
from cyclegan_tf.methods.names import METHODS

SHAPE = (16, 16, 3)
OPTIONS = [
    pytest.param(registry.find(name), option, id=f"{name}-{option.name}")
    for name in METHODS
    for option in registry.find(name).declared.values()
]
each_option = pytest.mark.parametrize(("found", "option"), OPTIONS)
each_method = pytest.mark.parametrize("name", METHODS)


def wrong_values(option):
    """Values of another type, and one beyond each bound."""
    if option.kind is bool:
        wrong = ["yes", 1, 0.0]
    elif option.choices:
        wrong = ["nonsense", True, 1, [option.choices[0]]]
    else:
        outside = {
            "low": lambda bound: bound - 1,
            "high": lambda bound: bound + 1,
            "above": lambda bound: bound,
            "below": lambda bound: bound,
        }
        wrong = [outside[name](bound) for name, bound in option.bounds.items()]
        wrong += [
            "1",
            True,
            [1],
            math.nan,
            math.inf,
            10**20,
            *([1.5] if option.kind is int else []),
        ]
    return wrong if option.optional else [None, *wrong]


@each_option
def test_what_is_out_of_range_is_refused_by_name(found, option):
    for value in wrong_values(option):
        with pytest.raises(InputError) as caught:
            found.options(**{option.name: value})
        sentence = str(caught.value)
        assert sentence.startswith(f"{option.name} must be "), sentence
        assert sentence.endswith(f", received {value!r}.") and "  " not in sentence, sentence


@each_option
def test_a_number_has_a_bound_and_every_option_a_default_that_passes(found, option):
    assert option.kind in (bool, str) or option.bounds
    assert getattr(found.options(**{option.name: option.default}), option.name) == option.default


@each_method
def test_run_json_has_what_makes_a_run_what_it_is(name):
    found = registry.find(name)
    recorded = found.options(**found.defaults).recorded()
    assert json.loads(json.dumps(recorded)) == recorded
    for option in found.declared.values():
        leaves_out = not option.changes_result or option.default == option.since
        assert (option.name in recorded) != leaves_out


@each_method
def test_signature_and_docstring_have_every_option(name):
    recipe, found = getattr(recipes, name), registry.find(name)
    parameters = inspect.signature(recipe).parameters
    documented = re.findall(r"^    (\w+): (.+)\.$", inspect.getdoc(recipe), re.MULTILINE)
    for option in found.declared.values():
        assert parameters[option.name].default == option.default
        ((_, said),) = (line for line in documented if line[0] == option.name)
        assert said.startswith(option.help)
    assert inspect.getdoc(recipe).startswith(f"{name}: ")


def test_the_sentence_of_a_rule():
    with pytest.raises(InputError) as caught:
        registry.find("cyclegan").options(beta_1=1)
    assert str(caught.value) == "beta_1 must be a number of at least 0 and below 1, received 1."
    with pytest.raises(InputError) as caught:
        registry.find("cyclegan").options(disc_features="alexnet")
    assert str(caught.value) == (
        "disc_features must be None or 'alex' or 'vgg', received 'alexnet'."
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"l1_wieght": 3}, "l1_wieght is no option of pix2pix: did you mean l1_weight?"),
        (
            {"cycle_weight": 3},
            "cycle_weight is no option of pix2pix: it belongs to cyclegan, unit, munit; leave it "
            "out.",
        ),
        ({"qqq": 3}, "qqq is no option of pix2pix: leave it out."),
    ],
)
def test_an_option_of_no_or_another_method_is_named(options, sentence):
    for make in (functools.partial(registry.make, "pix2pix"), recipes.pix2pix):
        with pytest.raises(InputError) as caught:
            make(SHAPE, **options)
        assert str(caught.value) == sentence


@pytest.mark.parametrize("shapes", [(), (SHAPE,) * 3])
def test_other_numbers_of_shapes_are_refused(shapes):
    sentence = f"cut takes image_shape_a and image_shape_b, received {len(shapes)} shapes."
    with pytest.raises(InputError, match=sentence):
        registry.make("cut", *shapes)
    with pytest.raises(InputError, match="method must be among cyclegan, .* received 'cyclegans'"):
        registry.find("cyclegans")


def test_options_cannot_be_changed_but_replaced():
    options = registry.find("cyclegan").options(cycle_weight=3)
    with pytest.raises(AttributeError):
        options.cycle_weight = 5
    assert options.cycle_weight == 3.0 and options.replace(cycle_weight=5).cycle_weight == 5.0
    with pytest.raises(InputError, match="cycle_weight must be a number of at least 0"):
        options.replace(cycle_weight=-1)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("cyclegan", {"generator": "unet", "blocks": 3}, "blocks has no use with generator='unet'"),
        ("pix2pix", {"adversarial_weight": 0, "disc_layers": 1}, "disc_layers has no use with"),
        ("vae", {"network": "dense", "filters": 3}, "filters has no use with network='dense'"),
        ("vae", {"spread": 0.5}, "spread has no use with the Bernoulli likelihood"),
    ],
)
def test_an_option_without_use_is_told(name, options, said):
    shape = (16, 16, 1)
    with pytest.warns(UserWarning, match=said):
        registry.find(name).options(**options).resolve(shape, shape)
