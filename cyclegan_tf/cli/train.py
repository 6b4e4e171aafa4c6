"""`cyclegan-tf train`: a method, trained into a run's folder.

The options of a method are those that its file under `methods/` declares.
"""

import argparse
import importlib.util
import os
import re
from pathlib import Path

from cyclegan_tf.cli.arguments import (
    add_data,
    add_measuring,
    add_reading,
    dataset_of,
    measuring_of,
    names,
    real,
    whole,
)
from cyclegan_tf.common import renamed
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.silence import tensorflow_without_chatter
from cyclegan_tf.methods.names import METHODS

#: What an argument of `methods.train.train` is called here.
WORDS = {"steps_per_epoch": "--steps", "batch_size": "--batch"}


def run(options):
    """Does what the options say."""
    _set_up_tensorflow(options.deterministic)
    from cyclegan_tf.training import distribute

    strategy = distribute.strategy(options.devices)
    try:
        with distribute.losses_told(strategy):
            _train_on(strategy, options)
    except InputError as error:
        raise InputError(_in_words_of_options(str(error), options.declared)) from error


def _train_on(strategy, options):
    from cyclegan_tf.methods.train import train

    given = {name: getattr(options, name, None) for name in options.declared}
    given = {name: value for name, value in given.items() if value is not None}
    made = []  # the model, once there is one

    def callbacks(model, dataset):
        made.append(model)
        return _callbacks(options, model, dataset)

    train(
        options.method,
        dataset_of(options),
        options.folder,
        epochs=options.epochs,
        minutes=options.minutes,
        steps_per_epoch=options.steps,
        batch_size=options.batch,
        constant_rate=options.constant_rate,
        direction=options.direction,
        strategy=strategy,
        callbacks=callbacks,
        dry_run=options.dry_run,
        augment=options.augment,
        images=options.images,
        steps_per_execution=options.steps_per_execution,
        **given | {"seed": options.seed},
    )
    if not made:
        return
    if (options.folder / "best").exists():
        print(f"Best       {options.folder / 'best'}")
    print(f"Images     {options.folder / 'epochs'}")
    print(f"Report     {options.folder / 'report.html'}")
    saved = ", ".join(str(options.folder / f"{name}.keras") for name in made[0].saved)
    print(f"Generators {saved}")


def _callbacks(options, model, dataset):
    callbacks = _evaluate_callback(options, dataset, model)
    if options.tensorboard:
        import keras

        if importlib.util.find_spec("tensorboard") is None:
            raise InputError(
                "--tensorboard needs its package: pip install 'cyclegan_tf[tensorboard]'."
            )
        callbacks.append(keras.callbacks.TensorBoard(options.folder / "tensorboard"))
    return callbacks


def _evaluate_callback(options, dataset, model):
    """The callback that `train --evaluate` asks for, in a list."""
    words = {
        "images": "evaluate_images",
        "every": "evaluate_every",
        "monitor": "monitor",
        "patience": "patience",
    }
    given = {name: getattr(options, word) for name, word in words.items()}
    given = {name: value for name, value in given.items() if value is not None}
    if options.evaluate is None:
        for name in [*given, *measuring_of(options)]:
            option = words.get(name, name).replace("_", "-")
            raise InputError(f"--{option} needs --evaluate: say which scores, such as kid.")
        return []
    from cyclegan_tf.evaluation.evaluate import DIRECTIONS, Evaluate

    ways = {way for _, way in model.saved.values()}
    directions = tuple(way for way in DIRECTIONS if way in ways)
    if not directions:
        raise InputError(
            f"--evaluate scores translations, and {options.method} makes none: leave it out."
        )
    given |= measuring_of(options) | {"directions": directions}
    return [Evaluate(options.folder, dataset, options.evaluate, **given)]


def _in_words_of_options(sentence, declared):
    """A sentence about Python's arguments in the words of the command line."""
    words = {name: option.flag for name, option in declared.items()} | WORDS
    for name, flag in words.items():
        # A name that is a word of English as well is replaced where the sentence is about it.
        at = rf"\b{name}\b" if "_" in name else rf"^{name}\b|\b{name}(?==)"
        sentence = re.sub(at, flag, sentence)
    return sentence


def _set_up_tensorflow(deterministic):
    """On a CPU the two directions run side by side, each on half of the cores."""
    tf = tensorflow_without_chatter()
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.threading.set_intra_op_parallelism_threads(max((os.cpu_count() or 2) // 2, 1))


def method_in(arguments):
    """The method that a command line names, and whether it asks for help.

    What options there are depends on it, so it is looked for before anything else.
    """
    finder = argparse.ArgumentParser(add_help=False)
    finder.add_argument("--method", nargs="?")
    finder.add_argument("-h", "--help", action="store_true")
    known, _ = finder.parse_known_args(arguments)
    return known.method, known.help


def refuse_unknown(options, words):
    """Raises InputError if the first of the words that no option took belongs to other methods."""
    from cyclegan_tf.methods import registry

    name = words[0].partition("=")[0].removeprefix("--").removeprefix("no-").replace("-", "_")
    if words[0].startswith("--") and registry.owners(name):
        flag = words[0].partition("=")[0]
        registry.checked(options.method, [name], lambda _: flag)


def add(subcommands, arguments=()):
    """Adds the subcommand, with the options of the method that the arguments name.

    Args:
        subcommands: Of `argparse`.
        arguments: The words behind `train`; none where another subcommand is called.
    """
    method, helps = method_in(arguments)
    short = helps and method is None
    parser = subcommands.add_parser(
        "train",
        help="train CycleGAN or another method, or go on with a run",
        usage="cyclegan-tf train DATA FOLDER [--method NAME] [options]",
        description="Trains into a folder; the same command again resumes.",
        epilog=_METHODS if short else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data(parser)
    parser.add_argument(
        "folder", type=Path, metavar="folder", help="the run's folder, such as saved_models/faces"
    )
    parser.add_argument(
        "--method", choices=METHODS, default="cyclegan", metavar="NAME", help="(default: cyclegan)"
    )
    _add_run(parser.add_argument_group("run"))
    declared = {}
    if arguments and not short and (method in METHODS or method is None):
        tensorflow_without_chatter()
        from cyclegan_tf.methods import registry

        declared = registry.find(method or "cyclegan").declared
        declared = {name: option for name, option in declared.items() if not option.of_run}
        add_options(parser, declared)
    if not short:
        add_reading(parser)
        _add_scoring(parser)
    else:
        _without_help(parser, add_reading)
        _without_help(parser, _add_scoring)
    parser.set_defaults(run=run, declared=declared)


_METHODS = "methods (train --method NAME --help lists the options of one):\n" + "\n".join(
    f"  {name:14} {what}" for name, (_, what) in METHODS.items()
)


def _without_help(parser, add):
    """Adds options that the short help does not show."""
    before = len(parser._action_groups)
    add(parser)
    del parser._action_groups[before:]


def _add_run(group):
    group.add_argument(
        "--minutes", type=real, metavar="N", help="times some steps, then chooses how many fit"
    )
    group.add_argument(
        "--epochs", type=whole(1), metavar="N", help="(default: 200; with --minutes 10)"
    )
    group.add_argument("--steps", type=whole(1), metavar="N", help="steps per epoch")
    group.add_argument(
        "--batch",
        type=whole(1),
        metavar="N",
        help="images per step, on all devices (default: by method)",
    )
    group.add_argument(
        "--direction", choices=("ab", "ba"), default="ab", help="ba: exchange both domains"
    )
    group.add_argument(
        "--constant-rate", action="store_true", help="no decay of the learning rate to zero"
    )
    augmenting = group.add_mutually_exclusive_group()
    augmenting.add_argument(
        "--augment", action="store_true", default=None, help="crop and mirror (default: by method)"
    )
    augmenting.add_argument(
        "--mirror", dest="augment", action="store_const", const="mirror", help="mirror alone"
    )
    augmenting.add_argument("--no-augment", dest="augment", action="store_false", default=None)
    group.add_argument(
        "--images", type=whole(1), default=6, metavar="N", help="shown after each epoch"
    )
    group.add_argument(
        "--pictures",
        dest="images",
        type=whole(1),
        action=renamed.option("--images"),
        help=argparse.SUPPRESS,
    )
    group.add_argument("--tensorboard", action="store_true", help="also log to FOLDER/tensorboard")
    group.add_argument(
        "--deterministic", action="store_true", help="equal runs on a GPU, too, though slower"
    )
    group.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        metavar="N",
        help="fixes the initial weights and every draw (default: 0)",
    )
    group.add_argument(
        "--devices",
        type=lambda text: text if text == "all" else whole(1)(text),
        default=1,
        metavar="N",
        help='GPUs of this machine, or "all" (default: 1); several machines: TF_CONFIG',
    )
    group.add_argument(
        "--steps-per-execution",
        type=whole(1),
        default=1,
        metavar="N",
        help="steps between two looks at the losses: saves time where steps are short (default: 1)",
    )
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="print options, sizes of networks and memory, and train nothing",
    )


def add_options(parser, declared):
    """Adds the options that a method declares; of those not given the namespace has None.

    Args:
        parser: Of `argparse`.
        declared: `registry.Method.declared`.
    """
    from cyclegan_tf.methods.options import GROUPS

    for group, title in GROUPS.items():
        arguments = parser.add_argument_group(title)
        for option in declared.values():
            if option.group == group:
                _add_option(arguments, option)
                _add_old_name(arguments, option)


def _add_option(group, option):
    default = "" if option.default is None else f" (default: {_said(option.default)})"
    help = (option.help + default).replace("%", "%%")
    if option.kind is bool:
        action = argparse.BooleanOptionalAction
        group.add_argument(option.flag, action=action, default=None, help=help)
    elif option.choices:
        group.add_argument(option.flag, choices=option.choices, help=help)
    else:
        metavar = "N" if option.kind is int else "X"
        group.add_argument(option.flag, type=_type(option), metavar=metavar, help=help)


#: Options that had other names, and how their words are read.
OLD_NAMES = {
    "adversarial_loss": ("--loss", {}),
    "fast_convolutions": ("--convolutions", {"auto": None, "fast": True, "plain": False}),
}


def _add_old_name(group, option):
    if option.name in OLD_NAMES:
        flag, words = OLD_NAMES[option.name]
        group.add_argument(
            flag,
            dest=option.name,
            choices=(*words.values(), *option.choices),
            type=lambda text: words.get(text, text),
            action=renamed.option(option.flag),
            help=argparse.SUPPRESS,
        )


def _said(value):
    """A default as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else value


def _type(option):
    """The type of a number within the option's bounds."""

    def parse(text):
        try:
            return option.check(option.kind(text))
        except (InputError, ValueError):
            raise argparse.ArgumentTypeError(f"must be {option.rule}, received {text!r}") from None

    return parse


def _add_scoring(parser):
    """Adds what scores a training after each epoch."""
    group = parser.add_argument_group("scores after each epoch (see also: evaluate --help)")
    group.add_argument("--evaluate", type=names, metavar="NAMES", help="such as kid,ssim")
    group.add_argument("--evaluate-images", type=whole(1), help="of each domain (default: 100)")
    group.add_argument(
        "--evaluate-pictures",
        dest="evaluate_images",
        type=whole(1),
        action=renamed.option("--evaluate-images"),
        help=argparse.SUPPRESS,
    )
    group.add_argument("--evaluate-every", type=whole(1), help="so many epochs (default: 1)")
    group.add_argument("--monitor", help="which decides what is best, such as kid_ab")
    group.add_argument("--patience", type=whole(1), help="stop after so many epochs without gain")
    add_measuring(group)
