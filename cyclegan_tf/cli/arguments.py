"""What several subcommands share: groups of options, and the words that become values."""

import argparse
import re
from pathlib import Path

from cyclegan_tf.common.errors import InputError


class _Help(argparse.HelpFormatter):
    """Help whose examples keep their lines."""

    def _fill_text(self, text, width, indent):
        if "\n" not in text:
            return super()._fill_text(text, width, indent)
        return "".join(f"{indent}{line}" for line in text.splitlines(keepends=True))


def examples(*lines, more=""):
    """The arguments of a parser that end its help with examples.

    Args:
        *lines: A command each.
        more: What stands below them.
    """
    shown = "\n".join(["examples:", *(f"  {line}" for line in lines)])
    return {"epilog": f"{shown}\n\n{more}" if more else shown, "formatter_class": _Help}


def dataset_of(options):
    """The prepared data set, or images that are read as they are needed.

    Raises:
        InputError: If it cannot be read, or options do not belong to it.
    """
    from cyclegan_tf.data import npz, prepare

    if Path(options.data).is_dir():
        _check_run(options)
        dataset = prepare.stream(options.data, options.data_b, **reading_of(options))
        say(dataset.notes)
        return dataset
    if npz.is_prepared(options.data):
        given = reading_of(options, ("seed",), f"{options.data}, which is prepared")
    else:
        given = reading_of(options, ("seed", "ranges"), f"{options.data}, whose arrays are ready")
    if options.data_b:
        raise InputError("--data-b belongs to a folder as DATA: leave it out.")
    return npz.load(options.data, given.get("ranges"))


def say(notes):
    """Prints how images were found."""
    for note in notes:
        print(f"{note}.")


def _check_run(options):
    """Raises InputError if the folder for the run is one of images: that of domain B, perhaps."""
    from cyclegan_tf.data.io import listing

    run = getattr(options, "folder", None)
    if run is None or not run.is_dir() or (run / "run.json").exists():
        return
    if listing.has_images(run, inside=False):
        raise InputError(
            f"The folder {run} holds images and is no run: if they are domain B, say "
            f"--data-b {run}, and name a folder for the run."
        )


def add_data(parser):
    """Adds what `dataset_of` needs."""
    parser.add_argument(
        "data",
        help="data set: an .npz that prepare wrote; or a folder as for prepare --folders, whose "
        "images are read as they are needed",
    )
    parser.add_argument("--data-b", metavar="FOLDER", help="domain B, where DATA is A's folder")


READING = ("size", "channels", "how", "ranges", "nodata", "labels", "names", "test_fraction")
READING += ("limit", "strict", "seed")


def reading_of(options, allowed=READING, source=""):
    """The options of reading images that were given; those of `prepare` apply otherwise.

    Raises:
        InputError: If one that is not `allowed` was given; `source` says with what.
    """
    given = {name: getattr(options, name) for name in READING}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given.keys() - set(allowed):
        raise InputError(f"--{name.replace('_', '-')} has no use with {source}: leave it out.")
    if "ranges" in given:
        numbers = given["ranges"]
        if len(numbers) not in (2, 4):
            raise InputError(f"--ranges takes 2 numbers, or 4 of A and B, received {len(numbers)}.")
        given["ranges"] = numbers if len(numbers) == 2 else (numbers[:2], numbers[2:])
    if len(given.get("nodata", ())) > 2:
        raise InputError(
            f"--nodata takes 1 number, or 2 of A and B, received {len(given['nodata'])}."
        )
    if len(given.get("nodata", ())) == 1:
        given["nodata"] = given["nodata"][0]
    return given


def add_reading(parser):
    """Adds what `reading_of` takes."""
    accept_numbers(parser)
    group = parser.add_argument_group("reading images")
    group.add_argument(
        "--size", type=size, metavar="HxW", help="pixels: 64, or 64x48 (default: 64)"
    )
    group.add_argument(
        "--channels", type=channels, metavar="N", help="1, 3, ..., or of A and B: 1,3 (default: 3)"
    )
    group.add_argument(
        "--how",
        choices=("crop", "pad", "stretch"),
        help="how images of another aspect ratio are fitted (default: crop)",
    )
    group.add_argument(
        "--ranges",
        nargs="+",
        type=real,
        metavar=("LOW HIGH", "LOW HIGH"),
        help="values of black and white, of both domains or of each (default: the whole range of "
        "a type; of floats those that occur)",
    )
    group.add_argument(
        "--nodata",
        nargs="+",
        type=real,
        metavar="VALUE",
        help="the number that stands for no data, of both domains or of A and of B (default: what "
        "GDAL's tag in a TIFF says)",
    )
    group.add_argument(
        "--labels",
        nargs="?",
        const=True,
        type=str.lower,
        choices=("a", "b"),
        metavar="DOMAIN",
        help="label maps, of both domains or of A or B alone: resized without new values, classes "
        "counted and kept; a palette gives its indices with --channels 1",
    )
    group.add_argument("--names", nargs=2, metavar=("A", "B"), help="names of the domains")
    group.add_argument(
        "--test-fraction",
        type=real,
        metavar="X",
        help="share held out where there is no test split (default: 0.1)",
    )
    group.add_argument(
        "--limit", type=whole(1), metavar="N", help="at most so many images of each folder"
    )
    group.add_argument(
        "--strict", action="store_const", const=True, help="stop at an unreadable image"
    )


def accept_numbers(parser):
    """Lets options of a parser take any number: -3.4e38 is one, too, and no option."""
    parser._negative_number_matcher = re.compile(r"^-\d*\.?\d+([eE][+-]?\d+)?$")


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
        help="features of distances between sets, such as FID and KID (default: inception, where "
        "its weights can be had, and beside it EfficientNet, which random and none leave out, too)",
    )
    group.add_argument(
        "--weights", metavar="FILE", help="weights of Inception (default: cached or downloaded)"
    )
    group.add_argument(
        "--resize",
        choices=("clean", "legacy"),
        help="resizing to Inception's input size (default: clean)",
    )
    group.add_argument(
        "--lpips",
        choices=("alex", "vgg", "none"),
        help="network of LPIPS (default: alex where its weights can be had)",
    )
    group.add_argument(
        "--lpips-weights", metavar="FILE", help="weights of LPIPS (default: cached or downloaded)"
    )


def add_precision(group, remark, default="float32"):
    """Adds the type that networks compute in."""
    group.add_argument(
        "--precision",
        choices=("float32", "mixed_float16", "mixed_bfloat16"),
        default=default,
        help=f"what networks compute in (default: float32); {remark}",
    )


def names(text):
    """The type of names with commas between."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def whole(least, most=None):
    """The type of a whole number of at least `least`, and at most `most` if that is given."""
    bounds = f"of at least {least}" if most is None else f"from {least} to {most}"

    def parse(text):
        number = int(text) if text.strip().isdecimal() else least - 1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"must be a whole number {bounds}, received {text!r}")
        return number

    return parse


def real(text):
    """The type of a number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, received {text!r}") from None


def above_zero(text):
    """The type of a number above 0."""
    number = real(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, received {text!r}")
    return number


def size(text):
    """The type of a size in pixels, (height, width)."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise argparse.ArgumentTypeError(f"must be like 64 or 64x48, received {text!r}")
    return (int(sides[0]), int(sides[-1]))


def channels(text):
    """The type of the channels of both domains."""
    values = text.split(",")
    if len(values) > 2 or not all(value.isdecimal() and int(value) for value in values):
        raise argparse.ArgumentTypeError(f"must be like 3, or like 1,3, received {text!r}")
    return (int(values[0]), int(values[-1]))
