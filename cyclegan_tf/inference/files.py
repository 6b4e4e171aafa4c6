"""Translate files: one image or video, or a folder of them, each under its own name."""

import collections
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.errors import InputError, NotWritten, PartlyDone
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.common.telling import warn
from cyclegan_tf.data.io import formats, image_file, listing, pillow, video, video_writing
from cyclegan_tf.data.io.sequences import are_several
from cyclegan_tf.inference import sequences

#: Suffixes of what is written.
WRITABLE = formats.WRITABLE + video_writing.WRITABLE


def translate_files(
    translator,
    sources,
    target,
    size=None,
    overwrite=False,
    progress=True,
    seed=0,
    style=None,
    outputs=1,
    suffix=None,
    skip_existing=False,
    nodata=None,
    hint=None,
):
    """Translates files into a folder, each under its own name.

    Args:
        translator: A `Translator`.
        sources: An image as `image_file.read` reads it; a video, an animation or a TIFF with pages,
            all of whose images are translated; or a folder, or a list, of these.
        target: The folder to write to (made if missing); for a single file also the name of
            another, whose suffix is among `WRITABLE`. Arrays (which become `.npy`) and TIFFs keep
            the target's type and values, and PNGs 16 bits, but not both gray and transparent.
            Other files have 8 bits, to which the target's range is mapped.
        size: As in `Translator.__call__`.
        overwrite: Whether to replace files that exist; sources are never replaced.
        progress: Whether to show a progress bar.
        seed: As in `Translator.__call__`; the same for all files.
        style: As in `Translator.__call__`; the same for all files.
        outputs: Number of translations of each image: of `seed`, the next, and so on. More than
            one are numbered, as in "face_1.png".
        suffix: Of the files in a folder, such as ".npy"; by default those of the sources. Videos
            stay videos unless it is that of another, or of a GIF or WebP.
        skip_existing: Whether files that exist are left as they are, and only the others made.
        nodata: As in `image_file.read`.
        hint: As in `Translator.__call__`; of one image.

    Returns:
        `(written, failed)`: a list of paths, and a list of sentences about files that could not
        be translated (a single image that cannot be raises instead).

    Raises:
        InputError: If `sources` holds nothing, or writing would replace a file.
        PartlyDone: If the place to write to is full or closed after some files.
    """
    target = Path(target)
    listed = isinstance(sources, (list, tuple))
    sources = [Path(path) for path in sources] if listed else Path(sources)
    tasks = _tasks(translator, sources, target, seed, style, outputs, suffix)
    if hint is not None:
        _check_one(sources, style)
    for source, path, _ in tasks:
        check_replaceable(path, overwrite or skip_existing, source)
    if skip_existing:
        missing = [task for task in tasks if not task[1].exists()]
        if there := len(tasks) - len(missing):
            warn(f"{there} of {len(tasks)} results are there already and stay as they are.")
        tasks = missing
    if style is not None and np.ndim(style) != 1:
        style = translator.style(style)
    _warn_of_8_bits(translator, [path for _, path, _ in tasks])
    written, failed = [], []
    for source, path, seed in tqdm(tasks, unit="image", disable=not progress):
        try:
            _translate_file(translator, source, path, size, seed, style, progress, nodata, hint)
            written.append(path)
        except NotWritten as error:
            raise stopped(error, len(written), len(tasks)) from error
        except InputError as error:
            if source == sources:
                raise
            named = "" if str(source) in str(error) else f"{source}: "
            failed.append(f"{named}{error}")
    return written, failed


def _tasks(translator, sources, target, seed, style, outputs, suffix):
    """What is to be done: a source, the path of its result, and a seed, of each."""
    of_target = target.suffix.lower()
    named = formats.is_image_name(target) or video.is_video(target)
    is_file = named and not target.is_dir()
    writable = ", ".join(WRITABLE)
    if suffix is not None and (is_file or suffix not in WRITABLE):
        raise InputError(
            f"suffix must be one of {writable}, and target a folder, received {suffix!r} and "
            f"{target}."
        )
    several = "they are several" if isinstance(sources, list) else f"{sources} is"
    if (isinstance(sources, list) or sources.is_dir()) and (is_file or target.is_file()):
        raise InputError(f"target must be a folder, since {several}, received {target}.")
    if (is_file or target.is_file()) and of_target not in WRITABLE:
        raise InputError(f"target must be a folder or end in {writable}, received {target}.")
    if isinstance(sources, list):
        for folder in filter(Path.is_dir, sources):
            raise InputError(f"sources must be files where they are several, received {folder}.")
        pairs = [(path, target / path.name) for path in sources]
    elif sources.is_dir():
        # Of a target inside the source, what was written there before is no source.
        inside = target.resolve()
        found = listing.images(sources, video.READABLE)
        if sources.resolve() in inside.parents:
            found = [path for path in found if inside not in path.resolve().parents]
        pairs = [(path, target / path.relative_to(sources)) for path in found]
    else:
        pairs = [(sources, target if is_file else target / sources.name)]
    if not is_file:
        pairs = [(source, path.with_suffix(_suffix_of(source, suffix))) for source, path in pairs]
    if len({path for _, path in pairs}) < len(pairs):
        counts = collections.Counter(path for _, path in pairs)
        twice = next(path for path, count in counts.items() if count > 1)
        raise InputError(f"{twice} would be the name of two results: rename one of the sources.")
    if outputs > 1 and (not translator.has_styles or style is not None):
        raise InputError(
            f"outputs must be 1 where an image has one translation, received {outputs}: leave "
            "it out."
        )
    return [
        (source, path if outputs == 1 else path.with_stem(f"{path.stem}_{i + 1}"), seed + i)
        for source, path in pairs
        for i in range(outputs)
    ]


def check_replaceable(path, overwrite, source=None):
    """Raises InputError if a file is there that may not be replaced: a source never may."""
    is_source = path.exists() and source is not None and path.samefile(source)
    if is_source or (path.exists() and not overwrite):
        raise InputError(
            f"{path} exists and would be replaced: give another target"
            + ("." if is_source else ", or say overwrite=True.")
        )


def stopped(error, done, count):
    """What `NotWritten` becomes where `done` of `count` results are written: `PartlyDone`."""
    if not done:
        return error
    return PartlyDone(
        f"{error} {done} of {count} are done; the same with skip_existing=True goes on with the "
        "others."
    )


def fit_for(image, suffix):
    """Brings an image to what a kind of file can hold.

    Args:
        image: `PIL.Image`.
        suffix: One of `formats.IMAGES`.

    Returns:
        `PIL.Image`, on white where the file has no transparency.
    """
    if image.mode in ("LA", "RGBA") and not formats.of(f"x{suffix}").alpha:
        values = image_file.laid_over(np.asarray(image))
        image = Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)
    return image


def _suffix_of(source, wanted):
    """The suffix of a result in a folder."""
    own = source.suffix
    if video.is_video(source):
        own = own if own.lower() in video_writing.WRITABLE else ".mp4"
        return wanted if wanted in (*video_writing.WRITABLE, ".gif", ".webp") else own
    return wanted or (".npy" if own.lower() == ".npz" else own)


def _check_one(sources, style):
    """Raises InputError unless a hint can be taken: for one image, without a style."""
    if style is not None:
        raise InputError("hint and style decide the same: give one of them.")
    if isinstance(sources, list) or sources.is_dir() or are_several(sources):
        raise InputError(
            "hint belongs to one image, and the sources are several: translate that one alone."
        )


def _translate_file(translator, source, path, size, seed, style, progress, nodata, hint):
    suffix = path.suffix.lower()
    if are_several(source):
        sequences.translate_file(translator, source, path, size, seed, style, progress)
        return
    if video.is_video(path):
        raise InputError(f"{source} holds one image, and {path} is a video: give another name.")
    result = translator(image_file.read(source, nodata=nodata), size, seed, style, hint)
    data = formats.encode(result, suffix)
    if data is None and result.dtype.kind == "f" and result.shape[-1] == 2:
        data = formats.encode(result[..., :1], suffix)  # values before transparency
    if data is None:
        image = fit_for(translator.to_pil(result, eight_bit=True), suffix)
    with replacing(path) as temporary:
        if data is None:
            pillow.save(image, temporary, quality=95)
        else:
            temporary.write_bytes(data)


def _warn_of_8_bits(translator, paths):
    """Says once where what is asked for cannot hold floats."""
    dtype, (low, high) = translator.translation.dtype, translator.translation.target_range
    lossy = [p for p in paths if not formats.of(p).keeps("float32")]
    if lossy and np.dtype(dtype).kind == "f":
        warnings.warn(
            f"{lossy[0].name} holds 8 bits, so that {low:g} to {high:g} of "
            f"{translator.translation.target} become 0 to 255: ask for .npy or .tif to keep the "
            "values.",
            stacklevel=3,
        )
