"""What the recipes share: checks of arguments, optimizers, and the last steps to a model."""

import inspect

import tensorflow as tf

from cyclegan_tf import losses, networks
from cyclegan_tf import precision as reduced
from cyclegan_tf.errors import InputError
from cyclegan_tf.metrics import perceptual
from cyclegan_tf.optimizers import Adam, ConstantThenLinear
from cyclegan_tf.projected import projected_discriminator

#: A run may go on with these changed: they leave its results as they are, rounding aside.
_UNNAMED = {"strategy", "accumulate", "recompute"}


def arguments_of(given):
    """The arguments of a recipe that make a run what it is.

    Args:
        given: Dictionary of all, as `locals()` has them at the recipe's start.

    Returns:
        Dictionary without what may change while a run goes on.
    """
    unnamed = set(_UNNAMED)
    # What is as in every run from before there was a choice is not named either.
    before = {"precision": "float32", "paired_weight": 0, "gradient_weight": 0, "ema_decay": 0}
    before |= {
        "disc_norm": "instance",
        "disc_features": None,
        "disc_learning_rate": None,
        "beta_2": 0.999,
        "residual": False,
    }
    unnamed |= {name for name, value in before.items() if given.get(name) == value}
    return {name: value for name, value in given.items() if name not in unnamed}


def check_choice(name, value, choices):
    """Raises InputError unless `value` is among `choices`."""
    if value not in choices:
        listed = " or ".join(repr(choice) for choice in choices)
        raise InputError(f"{name} must be {listed}, received {value!r}.")


def check_shape(name, shape):
    """Raises InputError unless `shape` is `(height, width, channels)`."""
    if len(shape) != 3 or not all(isinstance(side, int) and side > 0 for side in shape):
        raise InputError(f"{name} must be (height, width, channels), received {shape}.")


def check_same_size(shape_a, shape_b):
    """Raises InputError unless both domains have one height and width."""
    if shape_a[:2] != shape_b[:2]:
        raise InputError(
            f"Both domains must have one height and width, received {shape_a} and {shape_b}: "
            "prepare them with one size."
        )


def check_sides(height, width, multiple, least):
    """Raises InputError unless both sides are multiples of `multiple`, and at least `least`."""
    if height % multiple or width % multiple or min(height, width) < least:
        raise InputError(
            f"Height and width must be multiples of {multiple}, at least {least}, received "
            f"{height}x{width}: prepare the pictures with such a size."
        )


def check_numbers(given, **least):
    """Raises InputError unless each named number is at least what is said here.

    Args:
        given: Dictionary of the recipe's arguments.
        **least: Smallest value by name. Names that end in "weight" or "rate" may be any number,
            all others must be whole.
    """
    for name, smallest in least.items():
        value = given[name]
        real = name.endswith(("weight", "rate"))
        known = isinstance(value, (int, float) if real else int)
        if not known or not smallest <= value < 2**31:  # NaN fails this, too
            kind = "a number" if real else "a whole number"
            raise InputError(f"{name} must be {kind} of at least {smallest}, received {value!r}.")


def check_unpaired(given):
    """Raises InputError unless the arguments that the unpaired recipes share are in their range.

    Args:
        given: Dictionary of the recipe's arguments.
    """
    shapes = given["image_shape_a"], given["image_shape_b"]
    check_shape("image_shape_a", shapes[0])
    check_shape("image_shape_b", shapes[1])
    check_choice("precision", given["precision"], reduced.POLICIES)
    check_choice("adversarial_loss", given["adversarial_loss"], ADVERSARIAL)
    check_choice("disc_norm", given["disc_norm"], ("instance", "spectral"))
    check_choice("disc_features", given["disc_features"], (None, *perceptual.NETWORKS))
    if given["disc_features"] and given["disc_norm"] != "spectral":
        raise InputError(
            f"disc_features={given['disc_features']!r} needs disc_norm='spectral', received "
            f"{given['disc_norm']!r}: give that, too."
        )
    if given["disc_features"] and given["disc_layers"] == 0:
        raise InputError("disc_features needs disc_layers of at least 1, received 0: leave it out.")
    check_choice("upsampling", given["upsampling"], networks.UPSAMPLING)
    check_same_size(*shapes)
    check_sides(*shapes[0][:2], 4, 8)


def halvings(height, width):
    """How often both sides can be halved, at most 8 times."""
    depth = 0
    while depth < 8 and height % 2 ** (depth + 1) == 0 and width % 2 ** (depth + 1) == 0:
        depth += 1
    return depth


def check_layers(disc_layers, height, width):
    """Raises InputError unless pictures are large enough for `discriminator` with these layers."""
    # A 4x4 convolution with padding 1 takes one pixel off after the `disc_layers` halvings,
    # and there are two; a patch and one more pixel for its normalization must remain.
    smallest = 3 * 2**disc_layers if disc_layers else 1
    if min(height, width) < smallest:
        raise InputError(
            f"disc_layers={disc_layers} needs pictures of at least {smallest} pixels, received "
            f"{height}x{width}: give fewer layers."
        )


def discriminator(image_shape, filters, disc_layers, features=None, doublings=0, **options):
    """A patch discriminator for pictures of any size, or of single pixels with 0 layers.

    Args:
        image_shape: That of its pictures; with features, they are of this size alone.
        filters: Channels after the first convolution.
        disc_layers: As for `networks.patch_discriminator`, or 0.
        features: None, or the network of a `projected.projected_discriminator`.
        doublings: As for that.
        **options: `norm`, `seed` and `name`, as for that.
    """
    if features:
        del options["norm"]
        networks_of = filters, disc_layers, features, doublings
        return projected_discriminator(image_shape, *networks_of, **options)
    shape = (None, None, image_shape[-1])
    if disc_layers == 0:
        return networks.pixel_discriminator(shape, filters, **options)
    return networks.patch_discriminator(shape, filters, disc_layers, **options)


#: Adversarial losses of the methods that translate, by their names in `losses`.
ADVERSARIAL = ("least_squares", "binary_crossentropy", "hinge")


def adversarial(name):
    """The functions that `name`, one of `ADVERSARIAL`, means, as arguments of a method."""
    return {
        "adversarial_loss": getattr(losses, name),
        "generator_loss": losses.negative_mean if name == "hinge" else None,
    }


def strategy_or_default(strategy):
    """The strategy in whose scope networks and optimizers are to be made.

    Raises:
        InputError: If the recipe was called within a scope, where the model must not be made.
    """
    if tf.distribute.has_strategy():
        raise InputError(
            "The model must be made outside of strategy.scope(): give strategy= instead."
        )
    return tf.distribute.get_strategy() if strategy is None else strategy


def adam(
    learning_rate, beta_1, beta_2=0.999, total_steps=None, decay_from=0.5, precision="float32"
):
    """Adam as in the reference, its rate falling to zero at `total_steps` where that is given.

    Raises:
        InputError: If `decay_from` is no share.
    """
    if not 0 <= decay_from <= 1:
        raise InputError(f"decay_from must be from 0 to 1, a share, received {decay_from!r}.")
    rate = learning_rate
    if total_steps is not None:
        rate = ConstantThenLinear(learning_rate, total_steps, decay_from)
    optimizer = Adam(rate, beta_1=beta_1, beta_2=beta_2, epsilon=1e-8)
    return reduced.with_loss_scale(optimizer, precision)


def finished(model, method, arguments, optimizers, jit_compile=None, accumulate=1, ema_decay=0.0):
    """Compiles a model and notes how it was made.

    Args:
        model: A `GenerativeModel`.
        method: Its name in `run.json`, that of the recipe.
        arguments: What `arguments_of` returned.
        optimizers: That of the generators, then that of the discriminators if there are any.
        jit_compile: As for `GenerativeModel.compile`.
        accumulate: As for `GenerativeModel.compile`.
        ema_decay: As for `GenerativeModel.compile`.

    Returns:
        The model.
    """
    if not 0 <= ema_decay < 1:
        raise InputError(f"ema_decay must be from 0 to below 1, received {ema_decay!r}.")
    options = {"jit_compile": jit_compile, "accumulate": accumulate, "ema_decay": ema_decay}
    model.compile(*optimizers, **options)
    model.method, model.arguments = method, arguments
    return model


def both_optimizers(given):
    """The generators' optimizer and the discriminators', of rates of their own.

    Args:
        given: Dictionary of the recipe's arguments; no `disc_learning_rate` means the same rate.
    """
    rate, of_disc = given["learning_rate"], given["disc_learning_rate"]
    names = ("beta_1", "beta_2", "total_steps", "decay_from", "precision")
    how = {name: given[name] for name in names}
    return [adam(rate, **how), adam(rate if of_disc is None else of_disc, **how)]


def signature(recipe, defaults, **more):
    """The signature of a recipe that is another one with other defaults.

    Args:
        recipe: The other one.
        defaults: Dictionary of its arguments that have other defaults.
        **more: Further keywords, with their defaults.
    """
    given = inspect.signature(recipe)
    parameters = [
        parameter.replace(default=defaults.get(name, parameter.default))
        for name, parameter in given.parameters.items()
    ]
    for name, default in more.items():
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default))
    return given.replace(parameters=parameters)
