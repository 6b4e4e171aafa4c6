"""`cyclegan-tf prepare`: images to one .npz of two domains."""

import argparse
from pathlib import Path

from cyclegan_tf.cli.arguments import READING, add_reading, reading_of, real, whole
from cyclegan_tf.common.errors import InputError


def run(options):
    """Does what the options say."""
    from cyclegan_tf.data import npz

    npz.check_target(options.output)
    source = next(name for name in _SOURCES if getattr(options, name))
    make, allowed = _SOURCES[source]
    value, shown = getattr(options, source), f"--{source}"
    if source == "digits":
        allowed, shown = _DIGITS.get(value, ("limit",)), f"--digits {value}"
    given = {name: getattr(options, name) for name in (*_CUTTING, "paired", "direction")}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given.keys() - set(allowed):
        raise InputError(f"--{name.replace('_', '-')} has no use with {shown}: leave it out.")
    dataset = make(value, given | reading_of(options, allowed, shown))
    npz.save(options.output, dataset)
    print(f"{options.output}: {dataset}")
    if dataset.slices is not None:
        from cyclegan_tf.volumes import prepare as volumes

        print(volumes.describe(dataset))


def _folders(folders, given):
    from cyclegan_tf.data import prepare

    return prepare.from_folders(*_one_or_two("--folders", folders), **given)


def _pairs(folder, given):
    from cyclegan_tf.data import prepare

    return prepare.from_pairs(folder, **given)


def _tfds(names, given):
    from cyclegan_tf.data import prepare

    return prepare.from_tfds(*_one_or_two("--tfds", names), **given)


def _generated(counts, given):
    from cyclegan_tf.data import prepare

    return prepare.generated(*counts, **given)


def _digits(source, given):
    from cyclegan_tf.data import digits

    if source == "drawn":
        limit, (height, width) = given.pop("limit", 2000), given.pop("size", (28, 28))
        if height != width:
            raise InputError(
                f"--size of drawn digits must be one number, received {height}x{width}."
            )
        return digits.drawn(limit, max(limit // 4, 1), size=height, **given)
    if source in ("keras", "tfds"):
        return {"keras": digits.from_keras, "tfds": digits.from_tfds}[source](**given)
    return digits.from_idx(source, **given)


def _volumes(folders, given):
    from cyclegan_tf.volumes import prepare

    if given.pop("paired_test", False):
        given["paired"] = "test"
    return prepare.from_volumes(*folders, **given)


def _heads(counts, given):
    from cyclegan_tf.volumes.phantom import dataset

    return dataset.generated(*counts, **given)


#: Options of cutting volumes.
_CUTTING = ("axis", "spacing", "intensities", "modalities", "neighbours", "min_body", "patient")
_CUTTING += ("masks", "paired_test")
#: What makes a data set of each source, and which options go with it.
_SOURCES = {
    "folders": (_folders, READING),
    "pairs": (_pairs, (*READING, "direction")),
    "tfds": (_tfds, tuple(name for name in READING if name != "ranges")),
    "generated": (_generated, ("size", "seed", "paired")),
    "digits": (_digits, ()),
    "volumes": (
        _volumes,
        ("size", "names", "test_fraction", "limit", "seed", "paired", *_CUTTING),
    ),
    "heads": (_heads, ("size", "seed", "axis", "neighbours", "paired")),
}
#: Options that go with a source of digits; with any other, `limit` alone.
_DIGITS = {"drawn": ("size", "seed", "limit")}


def _one_or_two(option, names):
    if len(names) > 2:
        raise InputError(f"{option} takes one or two names, received {len(names)}.")
    return names


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
        action="store_const",
        const=True,
        help="of --generated, --volumes and --heads: in training, too, A and B belong together",
    )
    parser.add_argument("--direction", choices=("ab", "ba"), help="of --pairs (default: ab)")
    parser.add_argument("--seed", type=whole(0), help="fixes what is drawn and split (default: 0)")
    _add_cutting(parser)
    add_reading(parser)
    parser.set_defaults(run=run)
