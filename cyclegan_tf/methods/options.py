"""Options: each is declared once, as a field of its method's dataclass.

From the declarations come the signature and docstring of `recipes.<method>`, every check, the
command line (`train --method NAME --help`), `run.json` and the tables of the documentation.

Example:
    >>> @dataclass(frozen=True, kw_only=True)
    ... class MyOptions(Options):
    ...     style_weight: float = loss_option(1.0, "weight of the style loss", low=0)
    >>> MyOptions(style_weight=-1)
    InputError: style_weight must be a number of at least 0, received -1.
"""

import dataclasses
import functools
import numbers
import types
import typing
import warnings
from dataclasses import dataclass, field

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.networks.precision import with_loss_scale
from cyclegan_tf.training.optimizers import Adam, ConstantThenLinear

#: Titles of the groups, in the order of signatures, help and documentation.
GROUPS = {
    "networks": "networks",
    "losses": "losses",
    "learning": "learning",
    "computing": "memory and speed",
}
ALWAYS = object()  # of `since`: the option is in every run.json


def option(default, help, *, group, since=ALWAYS, changes_result=True, of_run=False, **bounds):
    """Declares an option: the value of a field in a subclass of `Options`.

    Args:
        default: Its default.
        help: What it is, in a phrase; the default is added where it is shown.
        group: One of `GROUPS`.
        since: The value that a `run.json` without the key means; it is left out of new ones, too.
        changes_result: Whether a run becomes another one with another value. If not, the option
            is not recorded, and a run may go on with another.
        of_run: Whether the command line sets it by options of the run (`--seed`, `--epochs`).
        **bounds: Of a number, one at least: `low` and `high` for the least and greatest, `above`
            and `below` for what it must exceed or stay under.
    """
    metadata = {"help": help, "group": group, "since": since, "bounds": bounds}
    metadata |= {"changes_result": changes_result, "of_run": of_run}
    return field(default=default, metadata=metadata)


network_option = functools.partial(option, group="networks")
loss_option = functools.partial(option, group="losses")
learning_option = functools.partial(option, group="learning")
computing_option = functools.partial(option, group="computing")


@dataclass(frozen=True)
class Declaration:
    """An option as its class declares it.

    Attributes:
        name: Its name in Python; `flag` is that of the command line.
        kind: bool, int, float or str.
        choices: Of a string; else empty.
        optional: Whether it may be None, which leaves the value to the method.
    """

    name: str
    default: object
    kind: type
    choices: tuple
    optional: bool
    help: str
    group: str
    since: object
    changes_result: bool
    of_run: bool
    bounds: dict

    @property
    def flag(self):
        """Such as `--cycle-weight`."""
        return "--" + self.name.replace("_", "-")

    @property
    def rule(self):
        """What a value must be, in words."""
        if self.kind is bool:
            return "True or False" + (" or None" if self.optional else "")
        if self.choices:
            choices = (None, *self.choices) if self.optional else self.choices
            return " or ".join(repr(choice) for choice in choices)
        words = {"low": "of at least", "high": "at most", "above": "above", "below": "below"}
        said = " and ".join(f"{words[name]} {bound}" for name, bound in self.bounds.items())
        return ("a whole number " if self.kind is int else "a number ") + said

    def check(self, value):
        """Returns the value as it is recorded.

        Raises:
            InputError: If it is of another type, or out of its bounds.
        """
        if value is None and self.optional:
            return None
        if self.kind is bool or self.choices:
            if isinstance(value, bool) if self.kind is bool else value in self.choices:
                return value
        elif self._is_number(value):
            return int(value) if isinstance(value, numbers.Integral) else float(value)
        raise InputError(f"{self.name} must be {self.rule}, received {value!r}.")

    def _is_number(self, value):
        abstract = numbers.Integral if self.kind is int else numbers.Real
        if isinstance(value, bool) or not isinstance(value, abstract):
            return False
        within = {
            "low": lambda bound: value >= bound,
            "high": lambda bound: value <= bound,
            "above": lambda bound: value > bound,
            "below": lambda bound: value < bound,
        }
        # NaN is within nothing.
        return abs(value) < 2**31 and all(
            within[name](bound) for name, bound in self.bounds.items()
        )


@functools.cache
def declarations(options):
    """The options of a class, by name, in the order of `GROUPS`.

    Args:
        options: Subclass of `Options`.
    """
    hints = typing.get_type_hints(options)
    found = []
    for each in dataclasses.fields(options):
        hint, arguments = hints[each.name], typing.get_args(hints[each.name])
        optional = isinstance(hint, types.UnionType) or type(None) in arguments
        if optional:
            (hint,) = (kind for kind in arguments if kind is not type(None))
        choices = typing.get_args(hint)
        kind = str if choices else hint
        found.append(Declaration(each.name, each.default, kind, choices, optional, **each.metadata))
    found.sort(key=lambda declared: list(GROUPS).index(declared.group))
    return {declared.name: declared for declared in found}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every method lets its users choose. Immutable, and checked when it is made.

    Raises:
        InputError: If a value is of another type than declared, or out of its bounds.
    """

    learning_rate: float = learning_option(2e-4, "Adam's learning rate at the start", low=0)
    beta_1: float = learning_option(0.5, "Adam's decay rate of the first moment", low=0, below=1)
    beta_2: float = learning_option(
        0.999, "Adam's decay rate of the second moment", low=0, below=1, since=0.999
    )
    total_steps: int | None = learning_option(
        None,
        "steps of the whole run, over which the learning rate falls; None keeps it",
        low=1,
        of_run=True,
    )
    ema_decay: float = learning_option(
        0.0,
        "decay of the exponential moving average of the generators' weights, which is then shown, "
        "scored and saved, such as 0.999 (Yazıcı et al. 2019); 0 keeps none",
        low=0,
        below=1,
        since=0.0,
    )
    seed: int = learning_option(
        0,
        "fixes the initial weights and every draw of the training",
        low=0,
        high=2**31 - 1,
        of_run=True,
    )
    jit_compile: bool | None = computing_option(
        None, "compile the training step by XLA; by default on a GPU"
    )
    accumulate: int = computing_option(
        1,
        "gradient accumulation: pieces in which a batch is computed, one after another; must "
        "divide the batch",
        low=1,
        changes_result=False,
    )

    # Where a method does not offer one of these, this is its value.
    precision = "float32"
    fast_convolutions = None
    recompute = False
    disc_learning_rate = None
    l2_weight = 0.0

    def __post_init__(self):
        for declared in declarations(type(self)).values():
            object.__setattr__(self, declared.name, declared.check(getattr(self, declared.name)))

    def resolve(self, shape_a, shape_b):
        """The options with what depends on the data or on each other filled in.

        Args:
            shape_a: `(height, width, channels)` of domain A; None where a method has none.
            shape_b: The same of domain B.

        Raises:
            InputError: If options do not fit together or to the data.
        """
        return self

    def tell_unused(self, reason, *names):
        """Warns of options that were given and have no use, such as "with generator='unet'"."""
        for name in names:
            if getattr(self, name) != declarations(type(self))[name].default:
                warnings.warn(f"{name} has no use {reason}.", stacklevel=4)

    def replace(self, **changes):
        """The options with others in place of some."""
        return dataclasses.replace(self, **changes)

    def recorded(self):
        """What makes a run what it is, for `run.json`: dictionary of values by name."""
        return {
            declared.name: getattr(self, declared.name)
            for declared in declarations(type(self)).values()
            if declared.changes_result and getattr(self, declared.name) != declared.since
        }

    def schedule(self, rate):
        """The learning rate over the run, here a constant: a number or a Keras schedule."""
        return rate

    def optimizer(self, rate=None):
        """A new Adam, as in the CycleGAN authors' code, of this rate or of `learning_rate`."""
        rate = self.schedule(self.learning_rate if rate is None else rate)
        options = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": 1e-8}
        return with_loss_scale(Adam(rate, **options, l2=self.l2_weight), self.precision)


@dataclass(frozen=True, kw_only=True)
class LinearDecay(Options):
    """Options of a learning rate that is constant first, then falls to zero along a line."""

    decay_from: float = learning_option(
        0.5, "share of the run after which the learning rate falls to zero", low=0, high=1
    )

    def schedule(self, rate):
        """Constant, then linear to zero at `total_steps` where that is known."""
        if self.total_steps is None:
            return rate
        return ConstantThenLinear(rate, self.total_steps, self.decay_from)


@dataclass(frozen=True, kw_only=True)
class Adversarial(Options):
    """Options of methods with discriminators."""

    disc_learning_rate: float | None = learning_option(
        None, "another learning rate for the discriminators (Heusel et al. 2017)", low=0, since=None
    )
    precision: typing.Literal["float32", "mixed_float16", "mixed_bfloat16"] = computing_option(
        "float32",
        "number type that the networks compute in; reduced ones are meant for a GPU",
        since="float32",
    )


@dataclass(frozen=True, kw_only=True)
class FastConvolutions(Options):
    """The option of networks that are made of `networks.layers.convolutions.Conv2D`."""

    fast_convolutions: bool | None = computing_option(
        None,
        "convolutions by Winograd's algorithm, fast on a CPU; by default where there is no GPU",
    )


def check_shape(name, shape):
    """Returns an image shape as a tuple; raises InputError unless it is one."""
    whole = isinstance(shape, (tuple, list)) and all(
        isinstance(side, numbers.Integral) and side > 0 for side in shape
    )
    if not whole or len(shape) != 3:
        raise InputError(f"{name} must be (height, width, channels), received {shape}.")
    return tuple(int(side) for side in shape)


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
            f"{height}x{width}: prepare the images with such a size."
        )
