"""What several subcommands share: groups of options, and the words that become values."""

import argparse
import os
import sys
from pathlib import Path

from cyclegan_tf.errors import InputError


def tensorflow_without_chatter():
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


def dataset_of(options):
    """The prepared data set, or pictures that are read as they are needed.

    Raises:
        InputError: If it cannot be read, or options do not belong to it.
    """
    from cyclegan_tf.data import npz, prepare

    if Path(options.data).is_dir():
        return prepare.stream(options.data, options.data_b, **reading_of(options))
    reading_of(options, ("seed",), f"{options.data}, which is prepared")
    if options.data_b:
        raise InputError("--data-b belongs to a folder as DATA: leave it out.")
    return npz.load(options.data)


def add_data(parser):
    """Adds what `dataset_of` needs."""
    parser.add_argument(
        "data", help="the .npz; or, to read pictures as they are needed, a folder as in prepare"
    )
    parser.add_argument("--data-b", metavar="FOLDER", help="domain B, where DATA is A's folder")


_READING = ("size", "channels", "how", "ranges", "names", "test_fraction", "limit", "strict")
_READING += ("seed",)


def reading_of(options, allowed=_READING, source=""):
    """The options of reading pictures that were given; those of `prepare` apply otherwise.

    Raises:
        InputError: If one that is not `allowed` was given; `source` says with what.
    """
    given = {name: getattr(options, name) for name in _READING}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given.keys() - set(allowed):
        raise InputError(f"--{name.replace('_', '-')} has no use with {source}: leave it out.")
    if "ranges" in given:
        numbers = given["ranges"]
        if len(numbers) not in (2, 4):
            raise InputError(f"--ranges takes 2 numbers, or 4 of A and B, received {len(numbers)}.")
        given["ranges"] = numbers if len(numbers) == 2 else (numbers[:2], numbers[2:])
    return given


def add_reading(parser):
    """Adds what `reading_of` takes."""
    group = parser.add_argument_group("reading pictures")
    group.add_argument("--size", type=size, help="pixels: 64 or 64x48 (HxW; default: 64)")
    group.add_argument("--channels", type=channels, help="1, 3, ..., or A,B: 1,3 (default: 3)")
    group.add_argument(
        "--how", choices=("crop", "pad", "stretch"), help="how to fit other aspects (default: crop)"
    )
    group.add_argument(
        "--ranges",
        nargs="+",
        type=real,
        metavar=("LOW HIGH", "LOW HIGH"),
        help="values of black and white, of both domains or of each (default: the whole range of "
        "a type; of floats those that occur)",
    )
    group.add_argument("--names", nargs=2, metavar=("A", "B"), help="names of the domains")
    group.add_argument("--test-fraction", type=real, help="where no test is given (default: 0.1)")
    group.add_argument("--limit", type=whole(1), help="at most so many pictures of each folder")
    group.add_argument(
        "--strict", action="store_const", const=True, help="stop at an unreadable picture"
    )


def add_devices(parser):
    """Adds on how many devices to train, and how closely to watch them."""
    group = parser.add_argument_group("devices (several machines: TF_CONFIG, see README)")
    group.add_argument(
        "--devices",
        type=lambda text: text if text == "all" else whole(1)(text),
        default=1,
        metavar="N",
        help='GPUs of this machine, or "all" (default: 1)',
    )
    group.add_argument(
        "--steps-per-execution",
        type=whole(1),
        default=1,
        metavar="N",
        help="steps between two looks at the losses: saves time where steps are short (default: 1)",
    )
    group.add_argument(
        "--convolutions",
        dest="fast_convolutions",
        type=convolutions,
        metavar="{auto,fast,plain}",
        help="fast: by Winograd, in float32 (default: auto, which is fast without a GPU)",
    )


def measuring_of(options):
    """The options of measuring that were given."""
    names = ("features", "weights", "resize", "lpips", "lpips_weights")
    given = {name: getattr(options, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def add_measuring(group):
    """Adds what `measuring_of` takes."""
    group.add_argument(
        "--features",
        choices=("inception", "random", "none"),
        help="for distances between sets (default: inception where its weights can be had)",
    )
    group.add_argument("--weights", metavar="FILE", help="Inception weights (default: cache, web)")
    group.add_argument(
        "--resize", choices=("clean", "legacy"), help="to Inception's size (default: clean)"
    )
    group.add_argument(
        "--lpips", choices=("alex", "vgg", "none"), help="(default: alex where it can be had)"
    )
    group.add_argument(
        "--lpips-weights", metavar="FILE", help="LPIPS weights (default: cache, web)"
    )


def add_saving_memory(parser):
    """Adds what makes a step of training smaller."""
    group = parser.add_argument_group("when memory is short")
    group.add_argument(
        "--accumulate",
        type=whole(1),
        metavar="N",
        help="compute each batch in N pieces, one after another",
    )
    group.add_argument(
        "--recompute",
        action="store_true",
        default=None,
        help="a third more work, far fewer numbers kept",
    )
    add_precision(group, "reduced ones are meant for a GPU", default=None)


def add_precision(group, remark, default="float32"):
    """Adds the type that networks compute in."""
    group.add_argument(
        "--precision",
        choices=("float32", "mixed_float16", "mixed_bfloat16"),
        default=default,
        help=f"what networks compute in (default: float32); {remark}",
    )


def add_scoring(parser):
    """Adds what scores a training after each epoch."""
    group = parser.add_argument_group("scores after each epoch (see also: evaluate --help)")
    group.add_argument("--evaluate", type=names, metavar="NAMES", help="such as kid,ssim")
    group.add_argument("--evaluate-pictures", type=whole(1), help="of each domain (default: 100)")
    group.add_argument("--evaluate-every", type=whole(1), help="so many epochs (default: 1)")
    group.add_argument("--monitor", help="which decides what is best, such as kid_ab")
    group.add_argument("--patience", type=whole(1), help="stop after so many epochs without gain")
    add_measuring(group)


def names(text):
    """The type of names with commas between."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def whole(least):
    """The type of a whole number of at least `least`."""

    def parse(text):
        if not text.strip().isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"must be a whole number of at least {least}, received {text!r}"
            )
        return int(text)

    return parse


def real(text):
    """The type of a number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, received {text!r}") from None


def size(text):
    """The type of a size in pixels, (height, width)."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise argparse.ArgumentTypeError(f"must be like 64 or 64x48, received {text!r}")
    return (int(sides[0]), int(sides[-1]))


def convolutions(text):
    """The type of how convolutions are computed: fast or not, None for either."""
    words = {"auto": None, "fast": True, "plain": False}
    if text not in words:
        raise argparse.ArgumentTypeError(f"must be auto, fast or plain, received {text!r}")
    return words[text]


def channels(text):
    """The type of the channels of both domains."""
    values = text.split(",")
    if len(values) > 2 or not all(value.isdecimal() and int(value) for value in values):
        raise argparse.ArgumentTypeError(f"must be like 3, or like 1,3, received {text!r}")
    return (int(values[0]), int(values[-1]))
