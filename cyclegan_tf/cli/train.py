"""`cyclegan-tf train`: a method, trained into a run's folder.

The options of a method are those that its file under `methods/` declares.
"""

import argparse
import dataclasses
import importlib.util
import os
import shlex
from pathlib import Path

from cyclegan_tf.cli import method_options, words
from cyclegan_tf.cli.arguments import (
    READING,
    above_zero,
    add_data,
    add_measuring,
    add_reading,
    dataset_of,
    examples,
    measuring_of,
    names,
    whole,
)
from cyclegan_tf.cli.terminal import result
from cyclegan_tf.common import renamed
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.silence import import_tensorflow
from cyclegan_tf.methods.names import FAST, METHODS

#: What arguments of `methods.train.train` are called here, beside those of the method.
WORDS = {"steps_per_epoch": "--steps", "batch_size": "--batch", "constant_rate": "--constant-rate"}
WORDS |= {name: f"--{name}" for name in ("minutes", "epochs", "seed", "direction", "images")}

#: What each method is, in a phrase.
WHAT = {
    FAST: "the preset for minutes that suits the data: matched_fast, fsesim_fast, cyclegan_fast"
}
WHAT |= {name: what for name, (_, what) in METHODS.items()}

#: Methods whose runs `sample` takes.
_FROM_NOISE = ("dcgan", "cgan", "vae", "cvae")


def run(options):
    """Does what the options say."""
    _set_up_tensorflow(options.deterministic)
    from cyclegan_tf.training import distribute

    strategy = distribute.strategy(options.devices)
    flags = words.flags(READING) | {n: option.flag for n, option in options.declared.items()}
    with words.of_options(flags | WORDS), distribute.losses_told(strategy):
        _train_on(strategy, options)


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
        result(f"Best       {options.folder / 'best'}")
    result(f"Images     {options.folder / 'epochs'}")
    result(f"Report     {options.folder / 'report.html'}")
    saved = ", ".join(str(options.folder / f"{name}.keras") for name in made[0].saved)
    result(f"Generators {saved}")
    if hint := _next(options.folder, made[0]):
        print(f"Next       {hint}")


def _next(folder, model):
    """A command that shows what was learned; empty where there is none."""
    example = folder / "examples" / "a.png"
    if model.method in _FROM_NOISE:
        return shlex.join(["cyclegan-tf", "sample", str(folder), f"{folder.name}.png"])
    if "ab" in (way for _, way in model.saved.values()) and example.exists():
        words = ["translate", str(folder), str(example), f"{folder.name}.png"]
        return shlex.join(["cyclegan-tf", *words])
    return ""


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
    from cyclegan_tf.evaluation.callback import DIRECTIONS, Evaluate

    ways = {way for _, way in model.saved.values()}
    directions = tuple(way for way in DIRECTIONS if way in ways)
    if not directions:
        raise InputError(
            f"--evaluate scores translations, and {options.method} makes none: leave it out."
        )
    given |= measuring_of(options) | {"directions": directions}
    return [Evaluate(options.folder, dataset, options.evaluate, **given)]


def _set_up_tensorflow(deterministic):
    """On a CPU the two directions run side by side, each on half of the cores."""
    tf = import_tensorflow()
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.threading.set_intra_op_parallelism_threads(max((os.cpu_count() or 2) // 2, 1))


def method_in(arguments):
    """The method that a command line names, the one that it means, and whether it asks for help.

    What options there are depends on it, so it is looked for before anything else.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--method", nargs="?")
    finder.add_argument("--minutes", nargs="?")
    finder.add_argument("-h", "--help", action="store_true")
    known, _ = finder.parse_known_args(arguments)
    return known.method, known.method or (FAST if known.minutes else "cyclegan"), known.help


def refuse_unknown(options, words):
    """Raises InputError if the first of the words that no option took is another method's."""
    from cyclegan_tf.methods import registry

    flag = words[0].partition("=")[0]
    if not flag.startswith("--"):
        return
    name = flag.removeprefix("--").removeprefix("no-").replace("-", "_")
    if name in WORDS:
        raise InputError(f"{flag} is called {WORDS[name]} here.")
    if options.method == FAST and (owners := registry.owners(name)):
        raise InputError(
            f"{flag} is no option of {FAST}, which takes the preset that suits the data: add "
            f"--method with one that has it ({', '.join(owners)}), or leave it out."
        )
    if registry.owners(name):
        registry.checked(options.method, [name], lambda _: flag)


def add(subcommands, arguments=()):
    """Adds the subcommand, with the options of the method that the arguments name.

    Args:
        subcommands: Of `argparse`.
        arguments: The words behind `train`; none where another subcommand is called.
    """
    method, meant, helps = method_in(arguments)
    short = helps and method is None
    found, declared, batch = False, {}, "by method"
    if arguments and not short and meant in (*METHODS, FAST):
        import_tensorflow()
        found, declared, batch = True, *_declared(meant)
    what = f"{meant}, {WHAT[meant]}," if found else "a method"
    named = f" --method {method}" if found and method else ""
    lines = [f"cyclegan-tf train faces.npz saved_models/faces{named} --minutes 10"]
    if short:
        lines.append("cyclegan-tf train photos saved_models/art --data-b paintings --size 64")
    else:
        lines.append(f"cyclegan-tf train faces.npz saved_models/faces{named} --epochs 50")
    parser = subcommands.add_parser(
        "train",
        help="train CycleGAN or another method, or go on with a run",
        usage="cyclegan-tf train DATA FOLDER [--method NAME] [options]",
        description=f"Trains {what} into a folder; the same command again goes on with the run.",
        **examples(*lines, more=_METHODS if short else ""),
    )
    add_data(parser)
    parser.add_argument(
        "folder", type=Path, metavar="folder", help="the run's folder, such as saved_models/faces"
    )
    parser.add_argument(
        "--method",
        choices=WHAT,
        default=meant,
        metavar="NAME",
        help="method or preset (default: cyclegan; with --minutes fast)",
    )
    _add_budget(parser.add_argument_group("budget"), batch)
    _add_run(parser.add_argument_group("run"))
    if found:
        method_options.add(parser, declared)
    shown = len(parser._action_groups)
    add_reading(parser)
    _add_scoring(parser)
    if short:
        del parser._action_groups[shown:]
    parser.set_defaults(run=run, declared=declared)


def _declared(method):
    """What a method declares for the command line, by name; and its batch."""
    from cyclegan_tf.methods import choice, registry

    if method == FAST:
        declared, differ = choice.common()
        by_data, batch = dict.fromkeys(differ, "by the data"), 1
    else:
        found = registry.find(method)
        by_data = dict.fromkeys(found.adapt({}, None) if found.adapt else (), "by the data")
        declared, batch = found.declared, found.batch
    return {
        name: dataclasses.replace(each, default=by_data.get(name, each.default))
        for name, each in declared.items()
        if not each.of_run
    }, batch


_METHODS = "methods (train --method NAME --help lists the options of one):\n" + "\n".join(
    f"  {name:14} {what}" for name, what in WHAT.items()
)


def _add_budget(group, batch):
    """Adds how long to train."""
    group.add_argument(
        "--minutes",
        type=above_zero,
        metavar="X",
        help="time budget of the whole run: some steps are timed on this machine, and as many are "
        "planned as fit",
    )
    group.add_argument(
        "--epochs", type=whole(1), metavar="N", help="(default: 200; with --minutes 10)"
    )
    group.add_argument(
        "--steps",
        type=whole(1),
        metavar="N",
        help="training steps per epoch (default: as many as show the larger domain once)",
    )
    group.add_argument(
        "--batch",
        type=whole(1),
        metavar="N",
        help=f"batch size, on all devices together (default: {batch})",
    )
    group.add_argument(
        "--constant-rate",
        action="store_true",
        help="no decay of the learning rate over the run, which may then be made longer",
    )


def _add_run(group):
    """Adds how to train, whatever the method."""
    group.add_argument(
        "--direction", choices=("ab", "ba"), default="ab", help="ba: exchange both domains"
    )
    augmenting = group.add_mutually_exclusive_group()
    augmenting.add_argument(
        "--augment",
        action="store_true",
        default=None,
        help="data augmentation: random crops and mirroring (default: by method)",
    )
    augmenting.add_argument(
        "--mirror", dest="augment", action="store_const", const="mirror", help="mirroring alone"
    )
    augmenting.add_argument(
        "--no-augment", dest="augment", action="store_false", default=None, help="neither"
    )
    group.add_argument(
        "--images",
        type=whole(1),
        default=6,
        metavar="N",
        help="test images that are shown after each epoch (default: 6)",
    )
    renamed.option(group, "--pictures", "--images", type=whole(1))
    group.add_argument(
        "--tensorboard", action="store_true", help="logs for TensorBoard in FOLDER/tensorboard"
    )
    group.add_argument(
        "--deterministic", action="store_true", help="equal runs on a GPU, too, though slower"
    )
    group.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        metavar="N",
        help="random seed of the initial weights and of every draw (default: 0)",
    )
    group.add_argument(
        "--devices",
        type=lambda text: text if text == "all" else whole(1)(text),
        default=1,
        metavar="N",
        help='data parallelism: so many GPUs of this machine, or "all" (default: 1); over several '
        "machines by TF_CONFIG",
    )
    group.add_argument(
        "--steps-per-execution",
        type=whole(1),
        default=1,
        metavar="N",
        help="steps between two looks at the losses; more save time where steps are short "
        "(default: 1)",
    )
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="print options, sizes of networks and memory, and train nothing",
    )


def _add_scoring(parser):
    """Adds what scores a training after each epoch."""
    group = parser.add_argument_group("scores after each epoch (see also: evaluate --help)")
    group.add_argument("--evaluate", type=names, metavar="NAMES", help="such as kid,ssim")
    group.add_argument(
        "--evaluate-images", type=whole(1), metavar="N", help="of each domain (default: 100)"
    )
    renamed.option(group, "--evaluate-pictures", "--evaluate-images", type=whole(1))
    group.add_argument(
        "--evaluate-every", type=whole(1), metavar="N", help="epochs between them (default: 1)"
    )
    group.add_argument(
        "--monitor", metavar="NAME", help="the score that decides what is best, such as kid_ab"
    )
    group.add_argument(
        "--patience",
        type=whole(1),
        metavar="N",
        help="early stopping: end after so many scorings without a better one",
    )
    add_measuring(group)
