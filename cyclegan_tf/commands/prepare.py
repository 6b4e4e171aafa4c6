"""`cyclegan-tf prepare`: pictures to one .npz of two domains."""

from pathlib import Path

from cyclegan_tf.errors import InputError
from cyclegan_tf.options import add_reading, reading_of, whole


def run(options):
    """Does what the options say."""
    from cyclegan_tf.data import npz, prepare

    npz.check_target(options.output)
    if options.direction and not options.pairs:
        raise InputError("--direction belongs to --pairs: leave it out.")
    if options.paired and not options.generated:
        raise InputError("--paired belongs to --generated: leave it out.")
    if options.folders:
        dataset = prepare.from_folders(
            *_one_or_two("--folders", options.folders), **reading_of(options)
        )
    elif options.tfds:
        allowed = ("size", "channels", "how", "names", "test_fraction", "limit", "strict", "seed")
        reading = reading_of(options, allowed, "--tfds")
        dataset = prepare.from_tfds(*_one_or_two("--tfds", options.tfds), **reading)
    elif options.pairs:
        direction = options.direction or "ab"
        dataset = prepare.from_pairs(options.pairs, direction=direction, **reading_of(options))
    elif options.digits:
        allowed = ("size", "seed") if options.digits == "drawn" else ("limit",)
        reading = reading_of(options, (*allowed, "limit"), f"--digits {options.digits}")
        dataset = _digits(options.digits, reading)
    else:
        reading = reading_of(options, ("size", "seed"), "--generated")
        dataset = prepare.generated(*options.generated, paired=options.paired, **reading)
    npz.save(options.output, dataset)
    print(f"{options.output}: {dataset}")


def _digits(source, reading):
    from cyclegan_tf.data import digits

    if source == "drawn":
        limit, (height, width) = reading.pop("limit", 2000), reading.pop("size", (28, 28))
        if height != width:
            raise InputError(
                f"--size of drawn digits must be one number, received {height}x{width}."
            )
        return digits.drawn(limit, max(limit // 4, 1), size=height, **reading)
    if source in ("keras", "tfds"):
        return {"keras": digits.from_keras, "tfds": digits.from_tfds}[source](**reading)
    return digits.from_idx(source, **reading)


def _one_or_two(option, names):
    if len(names) > 2:
        raise InputError(f"{option} takes one or two names, received {len(names)}.")
    return names


def add(subcommands):
    """Adds the subcommand."""
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
    source.add_argument(
        "--digits",
        metavar="FOLDER",
        help="labelled digits: MNIST's four files in a folder, or keras, tfds, drawn",
    )
    parser.add_argument(
        "--paired", action="store_true", help="of --generated: each sketch with its own cartoon"
    )
    parser.add_argument("--direction", choices=("ab", "ba"), help="of --pairs (default: ab)")
    parser.add_argument("--seed", type=whole(0), help="fixes what is drawn and split (default: 0)")
    add_reading(parser)
    parser.set_defaults(run=run)
