"""`cyclegan-tf translate`: images and videos through a trained generator."""

import glob
import warnings
from pathlib import Path

from cyclegan_tf.cli.arguments import add_precision, names, whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.inference.formats import RUNTIMES


def run(options):
    """Does what the options say."""
    from cyclegan_tf.data.io import sequences
    from cyclegan_tf.inference import files, load

    translator = load.load(
        options.model,
        options.direction,
        options.precision,
        dropout={"on": True, "off": False, None: None}[options.dropout],
        statistics=options.statistics,
        runtime=options.runtime,
    )
    if _is_volume(translator, options.source):
        _translate_volumes(translator, options)
        return
    for name in _OF_VOLUMES:
        if getattr(options, name) is not None:
            raise InputError(f"--{name} belongs to volumes: leave it out.")
    written, failed = files.translate_files(
        translator,
        options.source,
        options.target,
        options.size,
        options.overwrite,
        seed=options.seed,
        style=options.guide,
        outputs=options.outputs,
        suffix=options.suffix,
    )
    for sentence in failed:
        warnings.warn(sentence, stacklevel=1)
    if failed and not written:
        raise InputError(f"None of the {len(failed)} images in {options.source} could be read.")
    if len(written) == 1 or not Path(options.target).is_dir():  # outputs of one name and a number
        named = ", ".join(map(str, written))
    else:
        named = f"{len(written)} images in {options.target}"
    print(f"Translated {translator}: {named}")
    _print_steadiness(options.source, written[0])
    if options.precision != "float32":
        source = Path(options.source)
        if source.is_dir():
            inside = Path(written[0]).relative_to(options.target)
            alike = (source / inside.parent).glob(f"{glob.escape(inside.stem)}.*")
            source = min(alike, default=source / inside)
        with sequences.opened(source) as images:
            mean, largest = translator.difference(next(iter(images)).image, options.size)
        print(
            f"{options.precision} differs from float32 by {mean:.2%} of the value range on average "
            f"and {largest:.1%} at most ({source})."
        )


def _print_steadiness(source, result):
    """Says of a video or an animation how steady it is."""
    from cyclegan_tf.data.io import sequences
    from cyclegan_tf.evaluation import steadiness

    if Path(source).is_dir() or not sequences.are_several(source):
        return
    with sequences.opened(source) as images:
        if not images.timed:
            return
    try:
        print(steadiness.of_files(source, result))
    except InputError as error:
        warnings.warn(str(error), stacklevel=2)


#: Options that have a meaning for volumes alone, and those that have none for them.
_OF_VOLUMES = ("axes", "dtype", "series")
_OF_IMAGES = {"size": None, "guide": None, "outputs": 1, "seed": 0}


def _is_volume(translator, source):
    """Whether the source is a volume; or a folder of them, if the generator learned from some."""
    from cyclegan_tf.volumes import volume

    folder = Path(source).is_dir()
    if folder and translator.translation.slices is not None:
        return True
    return volume.is_volume(source) and not (
        Path(source).suffix in (".npy", ".npz") and translator.translation.slices is None
    )


def _translate_volumes(translator, options):
    from cyclegan_tf.inference import volumes
    from cyclegan_tf.volumes import volume

    for name, usual in _OF_IMAGES.items():
        if getattr(options, name) != usual:
            raise InputError(f"--{name} has no use with volumes: leave it out.")
    given = {"axes": options.axes, "dtype": options.dtype, "overwrite": options.overwrite}
    failed = []
    if volume.is_volume(options.source):
        given["series"] = options.series
        volumes.translate_file(translator, options.source, options.target, **given)
        named = options.target
    else:
        written, failed = volumes.translate_folder(
            translator, options.source, options.target, **given
        )
        named = f"{len(written)} volumes in {options.target}"
        for sentence in failed:
            warnings.warn(sentence, stacklevel=1)
        if failed and not written:
            raise InputError(
                f"None of the {len(failed)} volumes in {options.source} could be used."
            )
    print(f"Translated {translator}: {named}")
    print("Research software: not for diagnosis.")


def add(subcommands):
    """Adds the subcommand."""
    parser = subcommands.add_parser(
        "translate",
        help="translate images and videos with a trained generator",
        description="Translates an image, an animation, a video, or a folder of them, at their own "
        "size.",
    )
    parser.add_argument(
        "model",
        nargs="?",
        help="a run's folder, or a generator's file (default: sketch ↔ cartoon, built in)",
    )
    parser.add_argument("source", help="an image, a video, a volume (NIfTI, DICOM) or a folder")
    parser.add_argument("target", help="a folder, or a file's name for one image or volume")
    parser.add_argument("--direction", choices=("ab", "ba"), help="of a run's folder (default: ab)")
    parser.add_argument("--overwrite", action="store_true", help="replace results that exist")
    parser.add_argument(
        "--size",
        type=lambda text: text if text == "native" else whole(8)(text),
        help='shorter side while translating: pixels or "native" (default: as in training)',
    )
    parser.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        help="which translation, where an image has several (default: 0)",
    )
    parser.add_argument(
        "--dropout", choices=("on", "off"), help="of pix2pix (default: as trained, which is on)"
    )
    parser.add_argument(
        "--statistics",
        type=lambda text: "image" if text == "picture" else text,
        choices=("image", "running"),
        help="what batch norms of pix2pix go by: the image's own, or averages of the training "
        "(default: image)",
    )
    parser.add_argument(
        "--outputs", type=whole(1), default=1, metavar="N", help="translations of each image"
    )
    parser.add_argument(
        "--suffix",
        type=str.lower,
        help="of results in a folder, such as .npy or .tif (default: that of each source)",
    )
    parser.add_argument("--guide", metavar="FILE", help="munit: the image whose style to take")
    parser.add_argument(
        "--runtime",
        choices=RUNTIMES,
        default="auto",
        help="fastest: measured here, once; auto: the fastest if that was measured, else keras "
        "(default: auto)",
    )
    group = parser.add_argument_group("volumes (research software: not for diagnosis)")
    group.add_argument(
        "--axes",
        type=names,
        metavar="NAMES",
        help="axial,coronal,sagittal: the mean of several (default: that of the training)",
    )
    group.add_argument(
        "--dtype", choices=("int16", "float32"), help="of the values (default: int16 for CT)"
    )
    group.add_argument("--series", help="which series of a folder that has several: its number")
    add_precision(parser, "faster on new CPUs and on GPUs, differs by what is then printed")
    parser.set_defaults(run=run)
