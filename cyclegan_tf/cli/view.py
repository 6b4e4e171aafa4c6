"""`cyclegan-tf view`: an image of a volume, or of two and where they differ."""

from pathlib import Path

from cyclegan_tf.cli.arguments import examples, real
from cyclegan_tf.cli.terminal import result
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes.windows import WINDOWS


def run(options):
    """Does what the options say."""
    output = Path(options.output)
    if output.suffix.lower() != ".png":
        raise InputError(f"--output must end in .png, received {output}.")
    if output.exists() and not options.overwrite:
        raise InputError(f"{output} exists: give another name, or --overwrite.")
    from cyclegan_tf.common.atomic_files import replacing
    from cyclegan_tf.volumes import viewer
    from cyclegan_tf.volumes.volume import read

    volume = read(options.volume, options.series)
    other = None if options.other is None else read(options.other)
    # Names of files may be names of people: the image calls the volumes by their modalities.
    image = viewer.planes_image(
        volume, other, at=options.at, window=options.window or options.preset
    )
    with replacing(output) as temporary:
        image.save(temporary, "PNG")
    result(f"Drew {output} ({image.width}x{image.height}).")


def add(subcommands):
    """Adds the subcommand."""
    parser = subcommands.add_parser(
        "view",
        help="draw slices of a volume, or of two and their difference",
        description="Draws the axial, coronal and sagittal slice through one point of a volume; of "
        "another on the same grid, too, and the other minus the first. Research only, not for "
        "diagnosis.",
        **examples(
            "cyclegan-tf view head.nii.gz --output head.png",
            "cyclegan-tf view ct.nii.gz sct.nii.gz --output difference.png --preset bone",
        ),
    )
    parser.add_argument("volume", help=".nii, .nii.gz, a folder of DICOM, .npy or .npz")
    parser.add_argument("other", nargs="?", help="another on the same grid")
    parser.add_argument("--output", required=True, metavar="FILE", help="the image (.png)")
    parser.add_argument(
        "--at",
        nargs=3,
        type=real,
        metavar=("X", "Y", "Z"),
        help="mm to the patient's right, front and head (default: the centre of the body)",
    )
    window = parser.add_mutually_exclusive_group()
    window.add_argument(
        "--window",
        nargs=2,
        type=real,
        metavar=("LOW", "HIGH"),
        help="values that are black and white (default: -200 1000 for CT, percentiles for others)",
    )
    window.add_argument(
        "--preset", choices=(*WINDOWS, "full"), help="a usual window of CT, or all values"
    )
    parser.add_argument(
        "--series", help="which of a folder of DICOM as VOLUME: its number, or the end of its UID"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an image that exists")
    parser.set_defaults(run=run)
