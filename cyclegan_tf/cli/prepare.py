"""`cyclegan-tf prepare`: images to one .npz of two domains."""

import argparse
from pathlib import Path

from cyclegan_tf.cli.arguments import add_reading, reading_of, real, whole
from cyclegan_tf.common.errors import InputError


def run(options):
    """Does what the options say."""
    from cyclegan_tf.data import npz, prepare

    npz.check_target(options.output)
    if options.direction and not options.pairs:
        raise InputError("--direction belongs to --pairs: leave it out.")
    if options.paired and not (options.generated or options.volumes or options.heads):
        raise InputError("--paired belongs to --generated, --volumes and --heads: leave it out.")
    if options.volumes or options.heads:
        dataset = _of_volumes(options)
    elif given := _cutting_of(options):
        raise InputError(
            f"--{next(iter(given)).replace('_', '-')} belongs to --volumes: leave it out."
        )
    elif options.folders:
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
    if dataset.slices is not None:
        from cyclegan_tf.volumes import prepare as of_volumes

        print(of_volumes.describe(dataset))


def _of_volumes(options):
    """A data set of the slices of volumes, or of generated heads."""
    from cyclegan_tf.volumes import prepare
    from cyclegan_tf.volumes.phantom import dataset as heads

    given = _cutting_of(options)
    if options.heads:
        for name in given.keys() - {"axis", "neighbours"}:
            option = name.replace("_", "-")
            raise InputError(f"--{option} has no use with --heads: leave it out.")
        reading = reading_of(options, ("size", "seed"), "--heads")
        return heads.generated(*options.heads, paired=options.paired, **given, **reading)
    allowed = ("size", "names", "test_fraction", "limit", "seed")
    reading = reading_of(options, allowed, "--volumes")
    paired = "test" if given.pop("paired_test", False) else options.paired
    return prepare.from_volumes(*options.volumes, paired=paired, **given, **reading)


#: Options of cutting volumes, by the names of `volumes.prepare.from_volumes`.
_CUTTING = (
    "axis",
    "spacing",
    "intensities",
    "modalities",
    "neighbours",
    "min_body",
    "paired_test",
    "patient",
    "masks",
)


def _cutting_of(options):
    given = {name: getattr(options, name) for name in _CUTTING}
    return {name: value for name, value in given.items() if value is not None}


def _add_cutting(parser):
    group = parser.add_argument_group("volumes (research software: not for diagnosis)")
    group.add_argument("--axis", choices=("axial", "coronal", "sagittal"), help="(default: axial)")
    group.add_argument("--spacing", type=real, metavar="MM", help="pixels (default: all fits)")
    group.add_argument(
        "--intensities",
        nargs=2,
        metavar=("A", "B"),
        help="window:-1000,2000 (HU), percentiles:0.5,99.5 or z-score:4 (default: by modality)",
    )
    group.add_argument(
        "--modalities", nargs=2, choices=("CT", "MR"), metavar=("A", "B"), help="of NIfTI: MR CT"
    )
    group.add_argument(
        "--neighbours", type=neighbours, metavar="N", help="slices on either side that are channels"
    )
    group.add_argument("--min-body", type=real, help="share of a slice (default: 0.05)")
    group.add_argument(
        "--paired-test",
        action="store_const",
        const=True,
        help="both scans of a patient are aligned, and used so for testing alone",
    )
    group.add_argument("--patient", metavar="REGEX", help="finds the patient in a volume's path")
    group.add_argument("--masks", nargs=2, metavar=("A", "B"), help="folders with label maps")


def neighbours(text):
    """The type of the neighbours of both domains: 1, or 1,0."""
    values = text.split(",")
    if len(values) > 2 or not all(value.isdecimal() for value in values):
        raise argparse.ArgumentTypeError(f"must be like 1 or 1,0, received {text!r}")
    return int(values[0]), int(values[-1])


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
        "prepare", help="images to one .npz", description="Makes one .npz of two domains."
    )
    parser.add_argument("output", type=Path, help="the .npz to write")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--folders",
        nargs="+",
        metavar="FOLDER",
        help="one folder with trainA, trainB (testA, testB), or two folders, A and B",
    )
    source.add_argument("--pairs", metavar="FOLDER", help="images that are A and B side by side")
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
    source.add_argument(
        "--volumes", nargs=2, metavar=("A", "B"), help="folders of NIfTI or DICOM volumes: MR, CT"
    )
    source.add_argument(
        "--heads",
        nargs=2,
        type=whole(0),
        metavar=("TRAIN", "TEST"),
        help="generated heads, MR and CT: how many to train and test",
    )
    parser.add_argument(
        "--paired",
        action="store_true",
        help="of --generated, --volumes and --heads: in training, too, A and B belong together",
    )
    parser.add_argument("--direction", choices=("ab", "ba"), help="of --pairs (default: ab)")
    parser.add_argument("--seed", type=whole(0), help="fixes what is drawn and split (default: 0)")
    _add_cutting(parser)
    add_reading(parser)
    parser.set_defaults(run=run)
