"""The methods and presets by name, and what makes a model of one.

Adding a method: its file in this folder, and a line in `names.METHODS`.
"""

import dataclasses
import difflib
import importlib
import inspect
from dataclasses import dataclass, field

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods.names import METHODS
from cyclegan_tf.methods.options import GROUPS, check_shape, declarations
from cyclegan_tf.training import distribute, time_budget


@dataclass(frozen=True)
class Method:
    """A method, or a preset of one.

    Attributes:
        name: Its name, such as "cyclegan_fast".
        model: The class, a `training.model.GenerativeModel`; its `method` is the method's name.
        options: The class of its options.
        batch: Images per step in the paper.
        defaults: In what a preset departs from its method, by name.
        adapt: Function of `(given, dataset)` that returns more such defaults, which depend on
            what was given and on the data; `dataset` is None where it is not known.
        one_domain: Whether only images of B are learned.
        chooses_filters: Whether a budget of minutes may take another number of filters.
    """

    name: str
    model: type
    options: type
    batch: int = 1
    defaults: dict = field(default_factory=dict)
    adapt: object = None
    one_domain: bool = False
    chooses_filters: bool = False

    @property
    def shapes(self):
        """What the image shapes are called."""
        return ("image_shape",) if self.one_domain else ("image_shape_a", "image_shape_b")

    @property
    def declared(self):
        """The options by name, with this method's or preset's defaults: `Declaration` each."""
        return {
            name: dataclasses.replace(each, default=self.defaults.get(name, each.default))
            for name, each in declarations(self.options).items()
        }

    def with_defaults(self, given, dataset=None):
        """The options that were given, and this preset's where they were not."""
        adapted = self.adapt(given, dataset) if self.adapt else {}
        return self.defaults | adapted | given


_FOUND = {}


def method(name, options, *, batch=1, one_domain=False):
    """Decorates the class of a method: see `Method` for the arguments."""

    def register(model):
        model.method = name
        _FOUND[name] = Method(name, model, options, batch, one_domain=one_domain)
        return model

    return register


def preset(name, of, adapt=None, chooses_filters=False, **defaults):
    """Declares a method with other defaults: see `Method` for the arguments."""
    base = _FOUND[of]
    declared = declarations(base.options)
    for key, value in defaults.items():
        declared[key].check(value)
    _FOUND[name] = dataclasses.replace(
        base, name=name, defaults=defaults, adapt=adapt, chooses_filters=chooses_filters
    )


def find(name):
    """The `Method` of a name.

    Raises:
        InputError: If there is none.
    """
    if name not in METHODS:
        raise InputError(f"method must be among {', '.join(METHODS)}, received {name!r}.")
    importlib.import_module(f"cyclegan_tf.methods.{METHODS[name][0]}")
    return _FOUND[name]


def owners(option):
    """The names of the methods that have an option, without presets."""
    names = [name for name, (module, _) in METHODS.items() if name == module]
    return [name for name in names if option in declarations(find(name).options)]


def checked(name, words, said=str):
    """Raises InputError if one of the words is no option of the method.

    Args:
        name: Of a method or preset.
        words: Names of options.
        said: Function from an option's name to what the user calls it.
    """
    known = find(name).declared
    for word in words:
        if word in known:
            continue
        if others := owners(word):
            advice = f"it belongs to {', '.join(others)}; leave it out."
        else:
            near = difflib.get_close_matches(word, known, 1)
            advice = f"did you mean {said(near[0])}?" if near else "leave it out."
        raise InputError(f"{said(word)} is no option of {name}: {advice}")


def make(
    name,
    *shapes,
    strategy=None,
    dataset=None,
    minutes=None,
    folder=None,
    batch_size=1,
    epochs=time_budget.EPOCHS,
    **options,
):
    """Makes a compiled model, ready for `training.run.train` or `fit`.

    Args:
        name: Of a method or preset.
        *shapes: `(height, width, channels)` of the training images of A and of B, A's for both if
            only one is given; of methods for one domain, that of B.
        strategy: `tf.distribute.Strategy` for more than one device, as
            `training.distribute.strategy` makes it.
        dataset: What it will be trained on, where a preset looks at the data.
        minutes: How long a run may take on this machine, from this call to its last epoch's files:
            some steps are timed, and `arguments["total_steps"]` says how many fit.
        folder: The run's folder. Where it holds a run, what was chosen for it is taken again.
        batch_size: Images of each domain per step that the run will have.
        epochs: Number of epochs of a run of so many minutes.
        **options: As the method declares them.

    Returns:
        A compiled `GenerativeModel`; `method` and `arguments` on it say how it was made.

    Raises:
        InputError: If there is no such method or option, or a value is out of its range.

    Example:
        >>> model = make("pix2pix", (64, 64, 3), filters=32)
    """
    found, given = find(name), options
    checked(name, options)
    strategy = distribute.outside_of_scope(strategy)
    options = found.with_defaults(options, dataset)
    augments = options.pop("augments", None)
    if len(shapes) == 1 and not found.one_domain:
        shapes = shapes * 2
    if len(shapes) != len(found.shapes):
        raise InputError(
            f"{name} takes {' and '.join(found.shapes)}, received {len(shapes)} shapes."
        )
    shapes = [check_shape(*each) for each in zip(found.shapes, shapes, strict=True)]

    def of(**chosen):
        own = found.options(**options | chosen)
        model = found.model(own, (*[None] * found.one_domain, *shapes), strategy=strategy)
        model.compile_by_options()
        model.arguments = dict(zip(found.shapes, shapes, strict=True)) | own.recorded()
        return model

    chosen = {}
    if minutes is not None:
        if options.get("total_steps") is not None:
            raise InputError("total_steps has no use with minutes, which decide it: leave it out.")
        sizes = time_budget.SIZES if found.chooses_filters and "filters" not in given else ()
        begun = time_budget.begun(folder, epochs, sizes)
        chosen = begun or time_budget.choose(of, minutes, batch_size, epochs, sizes, strategy)
    model = of(**chosen)
    model.planned_steps = chosen.get("total_steps")
    if augments is not None:
        model.augments = augments
    return model


def function(name):
    """The function that makes models of a method: what `recipes.<name>` is.

    Its signature and docstring come from the options that the method declares.
    """
    found = find(name)

    def recipe(*args, **options):
        named = (options.pop(shape, None) for shape in found.shapes[len(args) :])
        return make(name, *(shape for shape in (*args, *named) if shape is not None), **options)

    keyword = inspect.Parameter.KEYWORD_ONLY
    first, *others = (
        inspect.Parameter(shape, inspect.Parameter.POSITIONAL_OR_KEYWORD) for shape in found.shapes
    )
    of_run = {"strategy": None, "minutes": None, "folder": None, "batch_size": 1}
    defaults = {option.name: option.default for option in found.declared.values()} | of_run
    recipe.__signature__ = inspect.Signature(
        [
            first,
            *(other.replace(default=None) for other in others),
            *(inspect.Parameter(key, keyword, default=value) for key, value in defaults.items()),
        ]
    )
    recipe.__name__ = recipe.__qualname__ = name
    recipe.__doc__ = _docstring(found)
    return recipe


def _docstring(found):
    """The docstring of a method's function, of what its options declare."""
    lines = [f"{found.name}: {METHODS[found.name][1]}.", "", "Args:"]
    for shape in found.shapes:
        lines.append(f"    {shape}: `(height, width, channels)` of the training images.")
    for group, title in GROUPS.items():
        for option in found.declared.values():
            if option.group == group:
                default = "" if option.default is None else f"; default: {option.default!r}"
                lines.append(f"    {option.name}: {option.help} ({title}{default}).")
    lines += [
        "    strategy: As for `methods.registry.make`; so are minutes, folder and batch_size.",
        "",
        "Returns:",
        f"    A compiled `{found.model.__name__}`; `arguments` and `method` say how it was made.",
        "",
        "Raises:",
        "    InputError: If an argument is out of its range.",
    ]
    return "\n".join(lines) + "\n"
