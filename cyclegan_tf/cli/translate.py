"""`cyclegan-tf translate`: images and videos through a trained generator."""

import glob
import shlex
import warnings
from pathlib import Path

from cyclegan_tf.cli import terminal
from cyclegan_tf.cli.arguments import accept_numbers, add_precision, examples, names, real, whole
from cyclegan_tf.common.errors import InputError, PartlyDone
from cyclegan_tf.common.wording import counted
from cyclegan_tf.inference.formats import RUNTIMES

#: What the words mean that are no options.
USAGE = "[MODEL] SOURCE... TARGET"


def run(options):
    """Does what the options say."""
    from cyclegan_tf.inference import files, load

    model, sources, target = _meant(options.words)
    translator = load.load(
        model,
        options.direction,
        options.precision,
        dropout={"on": True, "off": False, None: None}[options.dropout],
        statistics=options.statistics,
        runtime=options.runtime,
    )
    source = sources[0] if len(sources) == 1 else sources
    for word in sources:
        if _is_volume(translator, word):
            if len(sources) > 1:
                raise InputError(f"{word} is a volume: name one at a time, or their folder.")
            _translate_volumes(translator, source, target, options)
            return
    for name in _OF_VOLUMES:
        if getattr(options, name) is not None:
            raise InputError(f"--{name} belongs to volumes: leave it out.")
    written, failed = files.translate_files(
        translator,
        source,
        target,
        options.size,
        options.overwrite,
        seed=options.seed,
        style=options.guide,
        outputs=options.outputs,
        suffix=options.suffix,
        skip_existing=options.skip_existing,
        nodata=options.nodata,
        hint=options.hint,
    )
    if written:
        if len(written) == 1 or not Path(target).is_dir():  # outputs of one name and a number
            named = ", ".join(map(str, written))
        else:
            named = f"{counted(len(written), 'image')} in {target}"
        terminal.result(f"Translated {translator}: {named}")
    _tell_failed(written, failed, "image", sources)
    if not written or len(sources) > 1:
        return
    try:
        _print_steadiness(source, written[0])
        if options.precision != "float32":
            _print_difference(translator, source, target, written[0], options)
    except InputError as error:  # what was asked for is done
        warnings.warn(str(error), stacklevel=1)


def _meant(words):
    """Which of the words is the generator (None: the built-in pair), the sources, the target.

    A word is a generator if it is one, wherever it stands: a word that was forgotten makes no other
    of it.

    Raises:
        InputError: If a word is missing, or stands where it cannot.
    """
    from cyclegan_tf.inference.source import is_generator

    if len(words) < 2 or "" in words:
        raise InputError(f"translate {USAGE}: received {shlex.join(words) or 'nothing'}.")
    model = words[0] if is_generator(words[0]) else None
    *sources, target = words[1:] if model else words
    if not sources:
        raise InputError(
            f"translate {USAGE}: {model} is a generator, and beside it there is {target} alone; "
            "name what to translate and what to write."
        )
    for word in (*sources, target):
        if is_generator(word):
            raise InputError(
                f"translate {USAGE}: {word} is a generator, which comes first: move it there, or "
                "name other images."
            )
    for word in sources:
        if not Path(word).exists():
            what = "file or folder" if model or word != sources[0] else "generator, file or folder"
            raise InputError(f"There is no {what} {word}: check its name.")
        if len(sources) > 1 and Path(word).is_dir():
            what = "" if model or word != sources[0] else " and no run's (it has no run.json)"
            raise InputError(
                f"{word} is a folder{what}: name one folder, or files, before the target {target}."
            )
    for run in () if model else Path(sources[0]).glob("*/run.json"):
        raise InputError(
            f"{sources[0]} is a folder of runs: name one, such as {run.parent}, then the images."
        )
    return model, sources, target


def _tell_failed(written, failed, noun, sources):
    """Names what could not be translated; the exit status says whether anything could."""
    for sentence in failed:
        terminal.complain(sentence)
    if failed and not written:
        raise InputError(
            f"Of {counted(len(failed), noun)} in {', '.join(sources)} none could be translated."
        )
    if failed:
        raise PartlyDone(
            f"{len(written)} of {counted(len(written) + len(failed), noun)} translated; "
            f"{len(failed)} could not be (named above)."
        )


def _print_difference(translator, source, target, written, options):
    from cyclegan_tf.data.io import sequences

    source = Path(source)
    if source.is_dir():
        inside = Path(written).relative_to(target)
        alike = (source / inside.parent).glob(f"{glob.escape(inside.stem)}.*")
        source = min(alike, default=source / inside)
    with sequences.opened(source) as images:
        mean, largest = translator.difference(next(iter(images)).image, options.size)
    terminal.result(
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
    terminal.result(steadiness.of_files(source, result))


#: Options that have a meaning for volumes alone, and those that have none for them.
_OF_VOLUMES = ("axes", "dtype", "series")
_OF_IMAGES = {"size": None, "guide": None, "hint": None, "outputs": 1, "seed": 0, "nodata": None}


def _is_volume(translator, source):
    """Whether the source is a volume; or a folder of them, if the generator learned from some."""
    from cyclegan_tf.volumes import volume

    folder = Path(source).is_dir()
    if folder and translator.translation.slices is not None:
        return True
    return volume.is_volume(source) and not (
        Path(source).suffix in (".npy", ".npz") and translator.translation.slices is None
    )


def _translate_volumes(translator, source, target, options):
    from cyclegan_tf.inference import volumes
    from cyclegan_tf.volumes import volume

    for name, usual in _OF_IMAGES.items():
        if getattr(options, name) != usual:
            raise InputError(f"--{name} has no use with volumes: leave it out.")
    if translator.translation.slices is None:
        raise InputError(
            f"{source} is a volume, and {translator} was trained on images: give a run whose data "
            "was prepared with --volumes."
        )
    given = {"axes": options.axes, "dtype": options.dtype, "overwrite": options.overwrite}
    written, failed, named = [], [], target
    if not volume.is_volume(source):
        given["skip_existing"] = options.skip_existing
        written, failed = volumes.translate_folder(translator, source, target, **given)
        named = f"{counted(len(written), 'volume')} in {target}"
    elif options.skip_existing and Path(target).exists():
        warnings.warn(f"{target} is there already and stays as it is.", stacklevel=1)
    else:
        given["series"] = options.series
        written = [volumes.translate_file(translator, source, target, **given)]
    if written:
        terminal.result(f"Translated {translator}: {named}")
        print("Research software: not for diagnosis.")
    _tell_failed(written, failed, "volume", [source])


def add(subcommands):
    """Adds the subcommand."""
    parser = subcommands.add_parser(
        "translate",
        help="translate images and videos with a trained generator",
        usage=f"cyclegan-tf translate {USAGE} [options]",
        **examples(
            "cyclegan-tf translate drawing.png cartoon.png",
            "cyclegan-tf translate saved_models/faces photos translated --skip-existing",
            more="Exit status: 0 if all are translated, 3 if some could not be, 2 if none.",
        ),
        description="Translates an image, an animation, a video, or a folder of them, at their own "
        "size.",
    )
    accept_numbers(parser)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="PATH",
        help="MODEL: a run's folder, or a generator's file (default: sketch ↔ cartoon, built in). "
        "SOURCE: an image, a video, a volume (NIfTI, DICOM), a folder of them, or several files. "
        "TARGET: a folder, or the name of the file to write",
    )
    parser.add_argument("--direction", choices=("ab", "ba"), help="of a run's folder (default: ab)")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace results that exist")
    existing.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave results that exist as they are, and go on with the others",
    )
    parser.add_argument(
        "--nodata",
        type=real,
        metavar="VALUE",
        help="the number that stands for no data (default: as in training, or what GDAL's tag in "
        "a TIFF says)",
    )
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
        "--hint",
        metavar="FILE",
        help="matched: colours that are wanted, a PNG as large as the image and transparent "
        "elsewhere",
    )
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
