"""Videos, animations and pages through a generator: every frame, in the same style."""

import itertools
from pathlib import Path

import numpy as np

from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.data.io import formats, sequences

#: How many frames are in memory at a time.
BATCH = 8


def translate_file(translator, source, target, size=None, seed=0, style=None, progress=True):
    """Translates every image of a file that holds several into another such file.

    Frames are read, translated and written a few at a time. All have the same seed or style, so
    that nothing flickers by draw. Number of frames, times, size and sound are those of the source;
    a TIFF keeps the values of the target, other files 8 bits.

    Args:
        translator: A `Translator`.
        source: A video, an animation, or a TIFF with pages.
        target: The file to write, whose suffix is among `sequences.WRITABLE`.
        size: As in `Translator.__call__`.
        seed: As in `Translator.__call__`; one for all frames.
        style: As in `Translator.__call__`; one for all frames.
        progress: Whether to show a bar.

    Raises:
        InputError: If the source cannot be read to its end, or the target holds one image alone.
    """
    target = Path(target)
    if target.suffix.lower() not in sequences.WRITABLE:
        raise InputError(
            f"{source} holds several images, and a {target.suffix} one alone: give a name that "
            f"ends in {', '.join(sequences.WRITABLE[:-1])} or {sequences.WRITABLE[-1]}."
        )
    if style is not None and np.ndim(style) != 1:
        style = translator.style(style)
    exact = formats.of(target).name == "TIFF"
    with sequences.opened(source) as images, replacing(target) as temporary:
        bar = tqdm(images, total=images.count, unit="frame", leave=False, disable=not progress)
        frames = _translated(translator, bar, size, seed, style, exact)
        sequences.write(temporary, frames, like=images)


def _translated(translator, images, size, seed, style, exact):
    """Yields each `Frame` translated; of 8 bits unless `exact`."""
    images = iter(images)
    while batch := list(itertools.islice(images, BATCH)):
        results = translator.several([i.image for i in batch], size, [seed] * len(batch), style)
        for frame, result in zip(batch, results, strict=True):
            if not exact:
                result = np.asarray(translator.to_pil(result, eight_bit=True))
            yield frame._replace(image=result if result.ndim == 3 else result[..., None])
