"""`cyclegan-tf prepare`: images to one .npz of two domains."""

import argparse
import shlex
from pathlib import Path

from cyclegan_tf.cli import words
from cyclegan_tf.cli.arguments import READING, add_reading, examples, reading_of, real, say, whole
from cyclegan_tf.cli.terminal import result
from cyclegan_tf.common.errors import InputError

#: Options of cutting volumes, and those that go with a few other sources.
_CUTTING = ("axis", "spacing", "intensities", "modalities", "neighbours", "min_body", "patient")
_CUTTING += ("masks", "paired_test")
_OTHERS = ("paired", "direction", "layout")
#: Pixels that the discriminators of methods need by default.
_LEAST = 24
_OF_ARRAYS = ("names", "ranges", "test_fraction", "limit", "seed", "direction")


def _sources():
    """Of each source, what makes a data set of it, and which options go with it."""
    from cyclegan_tf.data import pairs, prepare
    from cyclegan_tf.volumes.phantom import dataset as heads

    of_volumes = ("size", "names", "test_fraction", "limit", "seed", "paired", *_CUTTING)
    return {
        "folders": (prepare.from_folders, READING),
        "pairs": (prepare.from_pairs, (*READING, "direction", "layout")),
        "pairs npz": (pairs.from_npz, _OF_ARRAYS),
        "tfds": (prepare.from_tfds, tuple(set(READING) - {"ranges", "nodata", "labels"})),
        "generated": (prepare.generated, ("size", "seed", "paired")),
        "digits drawn": (_drawn_digits, ("size", "seed", "limit")),
        "digits": (_digits, ("limit",)),
        "volumes": (_volumes, of_volumes),
        "heads": (heads.generated, ("size", "seed", "axis", "neighbours", "paired")),
    }


def run(options):
    """Does what the options say."""
    from cyclegan_tf.data import npz

    npz.check_target(options.output)
    if options.output.exists() and not options.overwrite:
        raise InputError(f"{options.output} exists: give another name, or --overwrite.")
    if options.size and not options.digits:
        _check_sides(options.size)
    with words.of_options(words.flags((*READING, *_CUTTING, *_OTHERS, "nodata"))):
        dataset = _made(options)
    npz.save(options.output, dataset)
    result(f"{options.output}: {dataset}")
    say(dataset.notes)
    if dataset.slices is not None:
        from cyclegan_tf.volumes import prepare as volumes

        print(volumes.describe(dataset))
    if hint := _next(options.output, dataset):
        print(f"Next: {hint}")


def _next(path, dataset):
    """A command that trains on what was prepared; empty where the images are too small for it."""
    size = min(dataset.image_shape_b[:2])
    if min(dataset.image_shape_a[:2]) < size:  # classes
        method = "cgan"
    elif dataset.slices is not None:
        method = "mri_to_ct"
    else:
        method = "pix2pix" if dataset.paired["train"] else "cyclegan_fast"
    if size < _LEAST and method != "cgan":
        return ""
    run = Path("saved_models", path.stem)
    words = ["train", str(path), str(run), "--method", method, "--minutes", "10"]
    return shlex.join(["cyclegan-tf", *words])


def _made(options):
    """The data set of the source that the options name."""
    sources = _sources()
    source = next(name for name in sources if getattr(options, name, None))
    value = getattr(options, source)
    values = [value] if isinstance(value, str) else value
    if len(values) > 2:
        raise InputError(f"--{source} takes one or two names, received {len(values)}.")
    shown = f"--{source}"
    if source == "digits" or str(values[0]).lower().endswith(".npz"):
        shown += f" {values[0]}"
    kind = "pairs npz" if source == "pairs" and shown.lower().endswith(".npz") else shown[2:]
    make, allowed = sources.get(kind, sources[source])
    if kind == "pairs npz" and len(values) == 2:
        raise InputError(f"{shown} holds both domains: leave out {values[1]}.")
    given = {name: getattr(options, name) for name in (*_CUTTING, *_OTHERS)}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given.keys() - set(allowed):
        raise InputError(f"--{name.replace('_', '-')} has no use with {shown}: leave it out.")
    return make(*values, **given, **reading_of(options, allowed, shown))


def _check_sides(size):
    """Refuses a size that translating networks cannot halve twice; says which near ones they can.

    Python's functions take any: networks that draw images of noise or of a code do.
    """
    sides = [{max(8, side // 4 * 4), max(8, -(-side // 4) * 4)} for side in size]
    if all(side in near for side, near in zip(size, sides, strict=True)):
        return
    near = [f"{min(sides[0])}x{min(sides[1])}", f"{max(sides[0])}x{max(sides[1])}"]
    raise InputError(
        f"--size {size[0]}x{size[1]}: networks take sides that are multiples of 4, of at least 8; "
        f"give {' or '.join(dict.fromkeys(near))}."
    )


def _drawn_digits(_, limit=2000, size=(28, 28), **given):
    from cyclegan_tf.data import digits

    if size[0] != size[1]:
        raise InputError(
            f"--size of drawn digits must be one number, received {size[0]}x{size[1]}."
        )
    return digits.drawn(limit, max(limit // 4, 1), size=size[0], **given)


def _digits(source, **given):
    from cyclegan_tf.data import digits

    if source in ("keras", "tfds"):
        return {"keras": digits.from_keras, "tfds": digits.from_tfds}[source](**given)
    return digits.from_idx(source, **given)


def _volumes(a, b, paired_test=False, **given):
    from cyclegan_tf.volumes import prepare

    return prepare.from_volumes(a, b, **given | ({"paired": "test"} if paired_test else {}))


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
        "prepare",
        help="images to one .npz",
        description="Makes one .npz of two domains.",
        **examples(
            "cyclegan-tf prepare faces.npz --generated 400 40",
            "cyclegan-tf prepare paintings.npz --folders photos paintings --size 128",
        ),
    )
    parser.add_argument("output", type=Path, help="the .npz to write")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--folders",
        nargs="+",
        metavar="FOLDER",
        help="one folder with trainA, trainB (testA, testB), or two folders, A and B",
    )
    source.add_argument(
        "--pairs",
        nargs="+",
        metavar="FOLDER",
        help="folders as for --folders, whose images belong together by name; or one of images "
        "that are A and B side by side; or an .npz with as many images of A as of B",
    )
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
    parser.add_argument(
        "--layout",
        choices=("folders", "side-by-side"),
        help="of --pairs (default: what is there, if there is no doubt)",
    )
    parser.add_argument(
        "--direction",
        choices=("ab", "ba"),
        help="of --pairs side by side: ba if A is the right half (default: ab)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a data set that exists")
    parser.add_argument("--seed", type=whole(0), help="fixes what is drawn and split (default: 0)")
    _add_cutting(parser)
    add_reading(parser)
    parser.set_defaults(run=run)
