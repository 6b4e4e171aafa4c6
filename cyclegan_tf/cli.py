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
from cyclegan_tf.options import (
    add_data,
    add_devices,
    add_measuring,
    add_precision,
    add_reading,
    add_saving_memory,
    add_scoring,
    dataset_of,
    measuring_of,
    names,
    reading_of,
    real,
    tensorflow_without_chatter,
    whole,
)


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
        goes_on = "; the same command goes on from the last finished epoch"
        return _fail(f"stopped{goes_on if options.run is _train else ''}.", 130)
    except BrokenPipeError:  # of `cyclegan-tf ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
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
        return str(error).partition("\n")[0]
    if type(error).__name__ == "ResourceExhaustedError":
        return "out of memory: give a smaller --batch, or --accumulate, --recompute, --size."
    line = (str(error).strip() or "no message").splitlines()[0][:300]
    return f"unforeseen {type(error).__name__}: {line} (CYCLEGAN_TF_DEBUG=1 shows where)."


def _fail(message, status):
    _say(message)
    return status


def _say(message):
    print(f"cyclegan-tf: {message}", file=sys.stderr)


# --- prepare -------------------------------------------------------------------------------


def _prepare(options):
    from cyclegan_tf.data import npz, prepare

    npz.check_target(options.output)
    if options.direction and not options.pairs:
        raise InputError("--direction belongs to --pairs: leave it out.")
    if options.folders:
        dataset = prepare.from_folders(
            *_one_or_two("--folders", options.folders), **reading_of(options)
        )
    elif options.tfds:
        dataset = prepare.from_tfds(*_one_or_two("--tfds", options.tfds), **reading_of(options))
    elif options.pairs:
        direction = options.direction or "ab"
        dataset = prepare.from_pairs(options.pairs, direction=direction, **reading_of(options))
    else:
        reading = reading_of(options, ("size", "seed"), "--generated")
        dataset = prepare.generated(*options.generated, **reading)
    npz.save(options.output, dataset)
    print(f"{options.output}: {dataset}")


def _one_or_two(option, names):
    if len(names) > 2:
        raise InputError(f"{option} takes one or two names, received {len(names)}.")
    return names


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
        type=whole(0),
        metavar=("TRAIN", "TEST"),
        help="drawn cartoon faces and their sketches: how many to train and test",
    )
    parser.add_argument("--direction", choices=("ab", "ba"), help="of --pairs (default: ab)")
    parser.add_argument("--seed", type=whole(0), help="fixes what is drawn and split (default: 0)")
    add_reading(parser)
    parser.set_defaults(run=_prepare)


# --- train ---------------------------------------------------------------------------------


def _train(options):
    _set_up_tensorflow(options.deterministic)
    from cyclegan_tf import devices

    strategy = devices.strategy(options.devices)
    with devices.losses_told(strategy):
        _train_on(strategy, options)


def _train_on(strategy, options):
    from cyclegan_tf import devices, recipes
    from cyclegan_tf.data import pipeline
    from cyclegan_tf.training_run import train

    dataset = dataset_of(options)
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
        fast_convolutions={"auto": None, "fast": True, "plain": False}[options.convolutions],
        precision=options.precision,
        accumulate=options.accumulate,
        recompute=options.recompute,
        strategy=strategy,
    )
    chief = devices.is_chief(model.strategy)
    callbacks = _evaluate_callback(options, dataset) if chief else []
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
        steps_per_execution=options.steps_per_execution,
    )
    if not chief:
        return
    if (options.folder / "best").exists():
        print(f"Best       {options.folder / 'best'}")
    print(f"Pictures   {options.folder / 'epochs'}")
    print(f"Report     {options.folder / 'report.html'}")
    print(f"Generators {options.folder / 'gen_ab.keras'}, {options.folder / 'gen_ba.keras'}")


def _evaluate_callback(options, dataset):
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
    from cyclegan_tf.evaluate import Evaluate

    return [Evaluate(options.folder, dataset, options.evaluate, **given, **measuring_of(options))]


def _set_up_tensorflow(deterministic):
    """On a CPU the two directions run side by side, each on half of the cores."""
    tf = tensorflow_without_chatter()
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.threading.set_intra_op_parallelism_threads(max((os.cpu_count() or 2) // 2, 1))


def _add_train(subcommands):
    parser = subcommands.add_parser(
        "train",
        help="train CycleGAN, or go on with a run",
        description="Trains into a folder; the same command again resumes.",
    )
    add_data(parser)
    parser.add_argument("folder", type=Path, help="the run's folder, such as saved_models/faces")
    parser.add_argument("--epochs", type=whole(1), default=200)
    parser.add_argument("--steps", type=whole(1), help="steps per epoch")
    parser.add_argument(
        "--batch", type=whole(1), default=1, help="pictures per step, on all devices"
    )
    parser.add_argument("--generator", choices=("resnet", "unet"), default="resnet")
    parser.add_argument("--blocks", type=whole(0), help="residual blocks")
    parser.add_argument("--filters", type=whole(1), default=64, help="fewer: smaller and faster")
    parser.add_argument("--upsampling", choices=("transposed", "resize"), default="transposed")
    parser.add_argument(
        "--disc-layers", type=whole(0), default=3, help="3: 70x70 patches; 0: single pixels"
    )
    parser.add_argument(
        "--loss", choices=("least_squares", "binary_crossentropy"), default="least_squares"
    )
    parser.add_argument("--cycle-weight", type=real, default=10.0)
    parser.add_argument("--identity-weight", type=real, help="default: half the cycle weight")
    parser.add_argument("--pool-size", type=whole(0), default=50)
    parser.add_argument("--learning-rate", type=real, default=2e-4)
    parser.add_argument("--constant-rate", action="store_true", help="no decay to zero")
    parser.add_argument("--no-augment", dest="augment", action="store_false")
    parser.add_argument("--pictures", type=whole(1), default=6, help="shown after each epoch")
    parser.add_argument("--tensorboard", action="store_true", help="also log to FOLDER/tensorboard")
    parser.add_argument(
        "--deterministic", action="store_true", help="equal runs on a GPU, too, though slower"
    )
    parser.add_argument("--seed", type=whole(0), default=0)
    add_devices(parser)
    add_reading(parser)
    add_saving_memory(parser)
    add_scoring(parser)
    parser.set_defaults(run=_train)


# --- translate -----------------------------------------------------------------------------


def _translate(options):
    tensorflow_without_chatter()
    from cyclegan_tf import translate

    translator = translate.load(options.model, options.direction, options.precision)
    written, failed = translate.translate_files(
        translator, options.source, options.target, options.size, options.overwrite
    )
    for sentence in failed:
        _say(f"warning: {sentence}")
    if failed and not written:
        raise InputError(f"None of the {len(failed)} pictures in {options.source} could be read.")
    named = written[0] if len(written) == 1 else f"{len(written)} pictures in {options.target}"
    print(f"Translated {translator}: {named}")
    if options.precision != "float32":
        source = Path(options.source)
        if source.is_dir():
            source /= Path(written[0]).relative_to(options.target)
        mean, largest = translator.difference(source, options.size)
        print(
            f"{options.precision} differs from float32 by {mean:.2%} of the value range on average "
            f"and {largest:.1%} at most ({source})."
        )


def _add_translate(subcommands):
    parser = subcommands.add_parser(
        "translate",
        help="translate pictures with a trained generator",
        description="Translates a picture, or a folder of them, at their own size.",
    )
    parser.add_argument("model", help="a run's folder, or a .keras or .h5 file")
    parser.add_argument("source", help="a picture or a folder")
    parser.add_argument("target", help="a folder, or a file's name for one picture")
    parser.add_argument("--direction", choices=("ab", "ba"), help="of a run's folder (default: ab)")
    parser.add_argument("--overwrite", action="store_true", help="replace results that exist")
    parser.add_argument(
        "--size",
        type=lambda text: text if text == "native" else whole(8)(text),
        help='shorter side while translating: pixels or "native" (default: as in training)',
    )
    add_precision(parser, "faster on new CPUs and on GPUs, differs by what is then printed")
    parser.set_defaults(run=_translate)


# --- evaluate ------------------------------------------------------------------------------


def _evaluate(options):
    tensorflow_without_chatter()
    from cyclegan_tf import report
    from cyclegan_tf.callbacks import read_history
    from cyclegan_tf.evaluate import evaluate
    from cyclegan_tf.scoring import METRICS

    model = Path(options.model)
    if options.back and model.is_dir():
        raise InputError(
            f"--back belongs to a generator's file, and {model} is a folder: leave it out."
        )
    if options.rank_by not in (None, *METRICS):
        raise InputError(
            f"--rank-by must be among {', '.join(METRICS)}, received {options.rank_by}."
        )
    folder = options.output
    if folder is None:
        folder = model / "evaluation" if model.is_dir() else model.with_suffix(".evaluation")
    evaluation = evaluate(
        (model, options.back) if options.back else model,
        dataset_of(options),
        split=options.split,
        metrics=options.metrics,
        pictures=options.pictures,
        seed=options.seed,
        **measuring_of(options),
    )
    print(evaluation)
    evaluation.save(folder, options.rank_by)
    if (model / "run.json").exists():
        report.write(model, read_history(model))
    print()
    print(f"Tables   {folder / 'evaluation.md'}")
    print(f"Numbers  {folder / 'evaluation.json'}")
    print(f"Pictures {folder / 'evaluation.png'}")


def _add_evaluate(subcommands):
    parser = subcommands.add_parser(
        "evaluate",
        help="score a run on held-out pictures",
        description="Scores translations beside a floor and a ceiling: tables, JSON, pictures.",
    )
    parser.add_argument("model", help="a run's folder, its best/ folder, or a generator's file")
    add_data(parser)
    parser.add_argument("--back", metavar="FILE", help="the generator of the way back to a file")
    parser.add_argument(
        "--split", choices=("test", "train"), default="test", help="train: not held out"
    )
    parser.add_argument(
        "--metrics", type=names, metavar="NAMES", help="fid,ssim (default: all that apply)"
    )
    parser.add_argument("--pictures", type=whole(1), help="at most so many of each domain")
    parser.add_argument("--rank-by", metavar="NAME", help="the score that tells best from worst")
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="default: in the run's folder"
    )
    parser.add_argument("--seed", type=whole(0), default=0, help="of what is drawn (default: 0)")
    add_measuring(parser)
    add_reading(parser)
    parser.set_defaults(run=_evaluate)


def _parser():
    parser = argparse.ArgumentParser(
        prog="cyclegan-tf", description="CycleGAN: prepare pictures, train, evaluate, translate."
    )
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_prepare(subcommands)
    _add_train(subcommands)
    _add_evaluate(subcommands)
    _add_translate(subcommands)
    return parser
