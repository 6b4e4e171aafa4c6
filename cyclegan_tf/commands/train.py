"""`cyclegan-tf train`: a method's recipe, trained into a run's folder."""

import argparse
import importlib.util
import inspect
import os
from pathlib import Path

from cyclegan_tf.data import likeness
from cyclegan_tf.errors import InputError
from cyclegan_tf.options import (
    add_data,
    add_devices,
    add_reading,
    add_saving_memory,
    add_scoring,
    dataset_of,
    measuring_of,
    real,
    tensorflow_without_chatter,
    whole,
)

#: Recipes by their names, in the order of the help, and the batch of their papers.
METHODS = {
    "cyclegan": 1,
    "cyclegan_fast": 1,
    "mri_to_ct": 1,
    "cut": 1,
    "fastcut": 1,
    "fsesim": 1,
    "fsesim_fast": 1,
    "unit": 1,
    "munit": 1,
    "pix2pix": 1,
    "dcgan": 128,
    "cgan": 100,
    "autoencoder": 100,
    "vae": 100,
    "cvae": 4,  # what suits pictures; no paper says
}


def run(options):
    """Does what the options say."""
    _set_up_tensorflow(options.deterministic)
    from cyclegan_tf import devices

    strategy = devices.strategy(options.devices)
    with devices.losses_told(strategy):
        _train_on(strategy, options)


def _train_on(strategy, options):
    from cyclegan_tf import devices
    from cyclegan_tf.data import pipeline
    from cyclegan_tf.recipes.fast import EPOCHS
    from cyclegan_tf.training_run import train

    dataset = dataset_of(options)
    if options.direction == "ba":
        dataset = dataset.swapped()
    batch = options.batch or METHODS[options.method]
    if options.minutes is None:
        epochs = options.epochs or 200
        steps = options.steps or pipeline.steps_per_epoch(dataset, batch)
        total_steps = None if options.constant_rate else epochs * steps
        model = _model(options, dataset, strategy, total_steps=total_steps)
    else:
        for name in ("steps", "constant_rate"):
            if getattr(options, name):
                option = name.replace("_", "-")
                raise InputError(f"--{option} has no use with --minutes: leave it out.")
        budget = {"folder": options.folder, "batch_size": batch}
        model = _model(options, dataset, strategy, **budget)
        epochs = options.epochs or EPOCHS
        steps = max(model.arguments["total_steps"] // epochs, 1)
    chief = devices.is_chief(model.strategy)
    callbacks = _evaluate_callback(options, dataset, model) if chief else []
    if options.tensorboard:
        import keras

        if importlib.util.find_spec("tensorboard") is None:
            raise InputError(
                "--tensorboard needs its package: pip install 'cyclegan_tf[tensorboard]'."
            )
        callbacks.append(keras.callbacks.TensorBoard(options.folder / "tensorboard"))
    train(
        model,
        dataset,
        options.folder,
        epochs,
        batch_size=batch,
        steps_per_epoch=steps,
        augment=options.augment,
        pictures=options.pictures,
        callbacks=callbacks,
        steps_per_execution=options.steps_per_execution,
    )
    if not chief:
        return
    if (options.folder / "best").exists():
        print(f"Best       {options.folder / 'best'}")
    print(f"Pictures   {options.folder / 'epochs'}")
    print(f"Report     {options.folder / 'report.html'}")
    saved = ", ".join(str(options.folder / f"{name}.keras") for name in model.saved)
    print(f"Generators {saved}")


def _model(options, dataset, strategy, **chosen):
    """The model that the method's recipe makes of the options that were given, and of `chosen`.

    Raises:
        InputError: If one was given that the method has no use for.
    """
    from cyclegan_tf import recipes

    recipe = getattr(recipes, options.method)
    known = inspect.signature(recipe).parameters
    given = {name: getattr(options, name) for name in options.of_recipes}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in known:
            option = options.of_recipes[name]
            raise InputError(f"{option} has no use with --method {options.method}: leave it out.")
    if options.method == "cyclegan_fast" and options.residual is None:
        given["residual"] = _starts_as_copy(dataset)
    shapes = {
        "image_shape_a": dataset.image_shape_a,
        "image_shape_b": dataset.image_shape_b,
        "image_shape": dataset.image_shape_b,  # of methods for one domain, which is then B
    }
    shapes = {name: shape for name, shape in shapes.items() if name in known}
    return recipe(**shapes, **given, **chosen, seed=options.seed, strategy=strategy)


def _starts_as_copy(dataset):
    """Whether generators are to start as copies of their input, said with the reason."""
    gap, alike = likeness.gap(dataset), likeness.alike(dataset)
    if gap is not None:
        print(
            f"Mean pictures of both domains are {gap:.2g} variances apart: generators "
            + ("start as copies of their input." if alike else "draw anew.")
        )
    return alike


def _evaluate_callback(options, dataset, model):
    """The callback that `train --evaluate` asks for, in a list."""
    words = {
        "pictures": "evaluate_pictures",
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
    from cyclegan_tf.evaluate import DIRECTIONS, Evaluate

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
    tf = tensorflow_without_chatter()
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.threading.set_intra_op_parallelism_threads(max((os.cpu_count() or 2) // 2, 1))


def add(subcommands):
    """Adds the subcommand."""
    parser = subcommands.add_parser(
        "train",
        help="train CycleGAN or another method, or go on with a run",
        description="Trains into a folder; the same command again resumes.",
    )
    add_data(parser)
    parser.add_argument("folder", type=Path, help="the run's folder, such as saved_models/faces")
    parser.add_argument("--method", choices=METHODS, default="cyclegan", help="(default: cyclegan)")
    parser.add_argument("--epochs", type=whole(1), help="(default: 200; with --minutes 10)")
    parser.add_argument("--steps", type=whole(1), help="steps per epoch")
    parser.add_argument(
        "--batch", type=whole(1), help="pictures per step, on all devices (default: by method)"
    )
    parser.add_argument(
        "--direction", choices=("ab", "ba"), default="ab", help="ba: exchange both domains"
    )
    parser.add_argument("--constant-rate", action="store_true", help="no decay to zero")
    augmenting = parser.add_mutually_exclusive_group()
    augmenting.add_argument(
        "--augment", action="store_true", default=None, help="crop and mirror (default: by method)"
    )
    augmenting.add_argument(
        "--mirror", dest="augment", action="store_const", const="mirror", help="mirror alone"
    )
    augmenting.add_argument("--no-augment", dest="augment", action="store_false", default=None)
    parser.add_argument("--pictures", type=whole(1), default=6, help="shown after each epoch")
    parser.add_argument("--tensorboard", action="store_true", help="also log to FOLDER/tensorboard")
    parser.add_argument(
        "--deterministic", action="store_true", help="equal runs on a GPU, too, though slower"
    )
    parser.add_argument("--seed", type=whole(0), default=0)
    known = {action.dest for action in parser._actions}
    parser.add_argument(
        "--minutes", type=real, help="of ..._fast: times a few steps, then chooses steps and size"
    )
    _add_networks(parser.add_argument_group("networks (those of the paper by default)"))
    _add_losses(parser.add_argument_group("losses and learning (as in the paper by default)"))
    _add_autoencoding(parser.add_argument_group("autoencoders"))
    add_devices(parser)
    add_saving_memory(parser)
    of_recipes = {
        action.dest: action.option_strings[0]
        for action in parser._actions
        if action.dest not in known | {"devices", "steps_per_execution"}
    }
    add_reading(parser)
    add_scoring(parser)
    parser.set_defaults(run=run, of_recipes=of_recipes)


# Each option of these has the name of the recipe's argument that it sets, and no default: those
# of the recipes apply.


def _add_networks(group):
    group.add_argument("--generator", choices=("resnet", "unet"))
    group.add_argument("--blocks", type=whole(0), help="residual blocks")
    group.add_argument("--filters", type=whole(1), help="fewer than 64: smaller and faster")
    group.add_argument("--upsampling", choices=("transposed", "resize", "bilinear"))
    group.add_argument(
        "--residual",
        action=argparse.BooleanOptionalAction,
        help="generators start as copies (default: cyclegan_fast where the domains are alike)",
    )
    group.add_argument(
        "--no-dropout", dest="dropout", action="store_const", const=False, help="no noise inside"
    )
    group.add_argument("--network", choices=("maxout", "dense", "convolutional", "unet"))
    group.add_argument("--noise-size", type=whole(1), help="numbers that a sample is made from")
    group.add_argument("--disc-layers", type=whole(0), help="3: 70x70 patches; 0: single pixels")
    group.add_argument(
        "--disc-norm", choices=("instance", "spectral"), help="spectral: sees colours as they are"
    )
    group.add_argument(
        "--disc-features",
        choices=("alex", "vgg"),
        help="judge by a trained network's features, too",
    )
    group.add_argument("--disc-scales", type=whole(1), help="unit, munit: sizes that are judged")
    group.add_argument("--shared-blocks", type=whole(0), help="unit: of both domains")
    group.add_argument("--style-dims", type=whole(1), help="munit: numbers in a style")


def _add_losses(group):
    group.add_argument(
        "--loss", dest="adversarial_loss", choices=("least_squares", "binary_crossentropy", "hinge")
    )
    group.add_argument(
        "--generator-loss", choices=("non_saturating", "minimax"), help="of dcgan and cgan"
    )
    group.add_argument("--adversarial-weight", type=real)
    group.add_argument("--cycle-weight", type=real)
    group.add_argument("--identity-weight", type=real, help="default: half the cycle weight")
    group.add_argument(
        "--paired-weight", type=real, help="cyclegan: L1 to the true picture, of pairs"
    )
    group.add_argument("--gradient-weight", type=real, help="cyclegan: difference of the edges")
    group.add_argument("--l1-weight", type=real, help="of the difference to the true picture")
    group.add_argument("--reconstruction-weight", type=real)
    group.add_argument("--nce-weight", type=real, help="cut: of the contrasts between patches")
    group.add_argument("--spatial-weight", type=real, help="fsesim: that likeness stays in place")
    group.add_argument(
        "--no-binarize", dest="binarize", action="store_const", const=False, help="keep gray pixels"
    )
    group.add_argument("--kl-weight", type=real)
    group.add_argument("--cycle-kl-weight", type=real)
    group.add_argument("--style-weight", type=real)
    group.add_argument("--content-weight", type=real)
    group.add_argument("--l2-weight", type=real, help="unit, munit: weight decay of Adam")
    group.add_argument("--pool-size", type=whole(0))
    group.add_argument("--learning-rate", type=real)
    group.add_argument("--beta-2", type=real, help="Adam's second decay rate (default: 0.999)")
    group.add_argument("--disc-learning-rate", type=real, help="of the discriminators")
    group.add_argument(
        "--decay-from", type=real, help="share of the run after which the rate falls to zero"
    )
    group.add_argument(
        "--ema-decay",
        type=real,
        metavar="D",
        help="such as 0.999: show, score and save averaged generators (default: by method)",
    )


def _add_autoencoding(group):
    group.add_argument("--latent", type=whole(1), metavar="N", help="numbers in a code")
    group.add_argument("--prior", choices=("learned", "standard"), help="of cvae")
    group.add_argument("--likelihood", choices=("bernoulli", "gaussian", "laplace"))
    group.add_argument("--spread", type=real, help="of a gaussian or laplace pixel in [-1, 1]")
    group.add_argument("--brightness", type=real, help="of a pixel at the start, in (0, 1)")
