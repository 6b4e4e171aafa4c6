"""The command `cyclegan-tf`: the functions of the package, one subcommand each.

Bad input ends with one sentence and exit status 2, anything unforeseen with one sentence and
status 1 (set CYCLEGAN_TF_DEBUG=1 for the traceback).
"""

import argparse
import importlib.util
import os
import sys
import warnings
from pathlib import Path

from cyclegan_tf.errors import InputError


def main(arguments=None):
    """Runs the command line.

    Args:
        arguments: List of words; those of the process by default.

    Returns:
        The exit status: 0, or 1 (unforeseen), 2 (bad input), 130 (stopped by the user).
    """
    warnings.showwarning = lambda message, *_, **__: _say(f"warning: {message}")
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except InputError as error:
        return _fail(error, 2)
    except KeyboardInterrupt:
        return _fail("stopped; the same command goes on from the last finished epoch.", 130)
    except MemoryError:
        return _fail("out of memory: give a smaller --size or fewer pictures.", 1)
    except Exception as error:
        return _fail(_unforeseen(error), 1)
    return 0


def _unforeseen(error):
    """One sentence for an exception that is not about the input."""
    from cyclegan_tf.health import TrainingDiverged

    if os.environ.get("CYCLEGAN_TF_DEBUG"):
        raise error
    if isinstance(error, (TrainingDiverged, OSError)):
        return error
    if type(error).__name__ == "ResourceExhaustedError":
        return "out of memory: give a smaller --batch, --filters or --size."
    line = (str(error).strip() or "no message").splitlines()[0][:300]
    return f"unforeseen {type(error).__name__}: {line} (CYCLEGAN_TF_DEBUG=1 shows where)."


def _fail(message, status):
    _say(message)
    return status


def _say(message):
    print(f"cyclegan-tf: {message}", file=sys.stderr)


def _tensorflow_without_chatter():
    """Imports TensorFlow, whose libraries greet on the error stream whatever the log level."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    error_stream = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        os.dup2(error_stream, 2)
        os.close(error_stream)
    return tf


# --- prepare -------------------------------------------------------------------------------


def _prepare(options):
    from cyclegan_tf.data import npz, prepare

    for option, given in (("--folders", options.folders), ("--tfds", options.tfds)):
        if given and len(given) > 2:
            raise InputError(f"{option} takes one or two names, received {len(given)}.")
    npz.check_target(options.output)
    common = {
        "size": options.size,
        "channels": options.channels,
        "how": options.how,
        "strict": options.strict,
        "limit": options.limit,
        "names": options.names,
        "seed": options.seed,
    }
    if options.tfds:
        dataset = prepare.from_tfds(*options.tfds, test_fraction=options.test_fraction, **common)
    elif options.pairs:
        dataset = prepare.from_pairs(
            options.pairs,
            direction=options.direction,
            test_fraction=options.test_fraction,
            **common,
        )
    elif options.folders:
        dataset = prepare.from_folders(
            *options.folders, test_fraction=options.test_fraction, **common
        )
    else:
        dataset = prepare.generated(
            options.generated[0], options.generated[1], size=options.size, seed=options.seed
        )
    npz.save(options.output, dataset)
    print(f"{options.output}: {dataset}")


def _add_prepare(subcommands):
    parser = subcommands.add_parser(
        "prepare", help="pictures to one .npz", description="Makes one .npz of two domains."
    )
    parser.add_argument("output", type=Path, help="the .npz to write")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--folders",
        nargs="+",
        metavar="FOLDER",
        help="one folder with trainA, trainB (testA, testB), or two folders, A and B",
    )
    source.add_argument("--pairs", metavar="FOLDER", help="pictures that are A and B side by side")
    source.add_argument(
        "--tfds", nargs="+", metavar="NAME", help="TensorFlow Datasets: cycle_gan/NAME, or A and B"
    )
    source.add_argument(
        "--generated",
        nargs=2,
        type=int,
        metavar=("TRAIN", "TEST"),
        help="drawn cartoon faces and their sketches: how many to train and test",
    )
    parser.add_argument("--size", type=_size, default=(64, 64), help="pixels: 64 or 64x48 (HxW)")
    parser.add_argument("--channels", type=_channels, default=3, help="1 or 3, or A,B such as 1,3")
    parser.add_argument(
        "--how", choices=("crop", "pad", "stretch"), default="crop", help="fit other aspects how"
    )
    parser.add_argument("--names", nargs=2, metavar=("A", "B"), help="names of the domains")
    parser.add_argument("--test-fraction", type=float, default=0.1, help="where no test is given")
    parser.add_argument("--direction", choices=("ab", "ba"), default="ab", help="of --pairs")
    parser.add_argument("--limit", type=int, help="take at most so many pictures per folder")
    parser.add_argument("--strict", action="store_true", help="stop at an unreadable picture")
    parser.add_argument("--seed", type=int, default=0, help="fixes what is drawn and split")
    parser.set_defaults(run=_prepare)


# --- train ---------------------------------------------------------------------------------


def _train(options):
    _use_both_directions_at_once()
    from cyclegan_tf import recipes
    from cyclegan_tf.data import npz, pipeline, prepare
    from cyclegan_tf.training_run import train

    if Path(options.data).is_dir():
        dataset = prepare.stream(
            options.data, options.data_b, size=options.size, channels=options.channels
        )
    else:
        dataset = npz.load(options.data)
    steps = options.steps or pipeline.steps_per_epoch(dataset, options.batch)
    model = recipes.cyclegan(
        dataset.image_shape_a,
        dataset.image_shape_b,
        generator=options.generator,
        blocks=options.blocks,
        filters=options.filters,
        upsampling=options.upsampling,
        disc_layers=options.disc_layers,
        adversarial_loss=options.loss,
        cycle_weight=options.cycle_weight,
        identity_weight=options.identity_weight,
        pool_size=options.pool_size,
        learning_rate=options.learning_rate,
        total_steps=None if options.constant_rate else options.epochs * steps,
        seed=options.seed,
    )
    callbacks = []
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
        options.epochs,
        batch_size=options.batch,
        steps_per_epoch=steps,
        augment=options.augment,
        pictures=options.pictures,
        callbacks=callbacks,
    )
    print(f"Pictures   {options.folder / 'epochs'}")
    print(f"Report     {options.folder / 'report.html'}")
    print(f"Generators {options.folder / 'gen_ab.keras'}, {options.folder / 'gen_ba.keras'}")


def _use_both_directions_at_once():
    """On a CPU the two directions run side by side on a thread each; on more cores, on more."""
    tf = _tensorflow_without_chatter()
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.threading.set_intra_op_parallelism_threads(max((os.cpu_count() or 2) // 2, 1))


def _add_train(subcommands):
    parser = subcommands.add_parser(
        "train",
        help="train CycleGAN, or go on with a run",
        description="Trains into a folder; the same command again resumes.",
    )
    parser.add_argument(
        "data", help="the .npz; or, to read pictures as they are needed, a folder as in prepare"
    )
    parser.add_argument("folder", type=Path, help="the run's folder, such as saved_models/faces")
    parser.add_argument("--epochs", type=_positive, default=200)
    parser.add_argument("--steps", type=_positive, help="steps per epoch")
    parser.add_argument("--batch", type=_positive, default=1, help="pictures per step")
    parser.add_argument("--generator", choices=("resnet", "unet"), default="resnet")
    parser.add_argument("--blocks", type=int, help="residual blocks")
    parser.add_argument("--filters", type=_positive, default=64, help="fewer: smaller and faster")
    parser.add_argument("--upsampling", choices=("transposed", "resize"), default="transposed")
    parser.add_argument("--disc-layers", type=int, default=3, help="3: 70x70 patches; 0: pixels")
    parser.add_argument(
        "--loss", choices=("least_squares", "binary_crossentropy"), default="least_squares"
    )
    parser.add_argument("--cycle-weight", type=float, default=10.0)
    parser.add_argument("--identity-weight", type=float, help="default: half the cycle weight")
    parser.add_argument("--pool-size", type=int, default=50)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--constant-rate", action="store_true", help="no decay to zero")
    parser.add_argument("--no-augment", dest="augment", action="store_false")
    parser.add_argument("--pictures", type=_positive, default=6, help="shown after each epoch")
    parser.add_argument("--tensorboard", action="store_true", help="also log to FOLDER/tensorboard")
    parser.add_argument("--data-b", metavar="FOLDER", help="domain B, where DATA is A's folder")
    parser.add_argument("--size", type=_size, default=(64, 64), help="of pictures from folders")
    parser.add_argument("--channels", type=_channels, default=3, help="of pictures from folders")
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(run=_train)


# --- translate -----------------------------------------------------------------------------


def _translate(options):
    _tensorflow_without_chatter()
    from cyclegan_tf import translate

    translator = translate.load(options.model, options.direction)
    written, failed = translate.translate_files(
        translator, options.source, options.target, size=options.size
    )
    for sentence in failed:
        _say(f"warning: {sentence}")
    if failed and not written:
        raise InputError(f"None of the {len(failed)} pictures in {options.source} could be read.")
    named = written[0] if len(written) == 1 else f"{len(written)} pictures in {options.target}"
    print(f"Translated {translator}: {named}")


def _add_translate(subcommands):
    parser = subcommands.add_parser(
        "translate",
        help="translate pictures with a trained generator",
        description="Translates a picture, or a folder of them, at their own size.",
    )
    parser.add_argument("model", help="a run's folder, or a .keras or .h5 file")
    parser.add_argument("source", help="a picture or a folder")
    parser.add_argument("target", help="a folder, or a file's name for one picture")
    parser.add_argument("--direction", choices=("ab", "ba"), default="ab", help="of a run's folder")
    parser.add_argument(
        "--size",
        type=lambda text: text if text == "native" else int(text),
        help='shorter side while translating: pixels or "native" (default: as in training)',
    )
    parser.set_defaults(run=_translate)


# --- words to values -----------------------------------------------------------------------


def _parser():
    parser = argparse.ArgumentParser(
        prog="cyclegan-tf", description="CycleGAN: prepare pictures, train, translate."
    )
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_prepare(subcommands)
    _add_train(subcommands)
    _add_translate(subcommands)
    return parser


def _positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, received {value}")
    return value


def _size(text):
    sides = [int(side) for side in text.lower().split("x")]
    if len(sides) > 2 or min(sides) < 1:
        raise argparse.ArgumentTypeError(f"must be like 64 or 64x48, received {text}")
    return (sides[0], sides[-1])


def _channels(text):
    values = [int(value) for value in text.split(",")]
    if len(values) > 2:
        raise argparse.ArgumentTypeError(f"must be like 3 or 1,3, received {text}")
    return (values[0], values[-1])
