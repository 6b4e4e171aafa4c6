"""Head phantoms as a data set: MR and CT slices, unpaired for training, paired for testing."""

from functools import lru_cache, partial

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.data.io import image_file
from cyclegan_tf.volumes import intensity
from cyclegan_tf.volumes.phantom import head as phantom
from cyclegan_tf.volumes.slicing import Cut, Scan, dataset
from cyclegan_tf.volumes.volume import Volume


def generated(
    train=24,
    test=6,
    *,
    axis="axial",
    size=128,
    neighbours=0,
    paired=False,
    seed=0,
    progress=True,
):
    """Makes a data set of heads that `phantom.head` draws: MR (A) and CT (B) slices.

    In training no head is in both domains, unless pairs are asked for. In testing each MR slice has
    its CT slice, so that a translation can be compared with the truth, and a label map.

    Args:
        train: How many heads each domain has for training, at least 1.
        test: How many heads are for testing, at least 0; the same for any number for training.
        axis: As for `prepare.from_volumes`.
        size: As for `prepare.from_volumes`.
        neighbours: As for `prepare.from_volumes`.
        paired: Whether the MR and the CT slices for training are of the same heads, too.
        seed: Non-negative integer that fixes the heads.
        progress: Whether to show a bar.

    Returns:
        `npz.Dataset` with `slices`.

    Raises:
        InputError: If an argument cannot be used.
    """
    check_whole("train", train, 1)
    check_whole("test", test, 0)
    check_whole("neighbours", neighbours, 0)
    check_whole("seed", seed, 0)
    cut = Cut(axis, image_file.height_width(size), None, neighbours)
    head = lru_cache(1)(lambda number: phantom.head((seed, number)))

    def volume(kind, number):
        modality = {"ct": "CT", "mr": "MR", "labels": ""}[kind]
        return Volume(getattr(head(number), kind), head(number).affine, modality)

    def scans(kind, numbers):
        return [
            Scan(n, partial(volume, kind, n), partial(volume, "labels", n), f"Head {n}")
            for n in numbers
        ]

    first = range(test, test + train)
    return dataset(
        {
            "train_a": scans("mr", first),
            "train_b": scans("ct", first if paired else range(test + train, test + 2 * train)),
            "test_a": scans("mr", range(test)),
            "test_b": scans("ct", range(test)),
        },
        [intensity.Percentiles(), intensity.Window()],
        [cut, cut],
        paired={"train": paired, "test": True},
        modalities=("MR", "CT"),
        names=("MR", "CT"),
        labels={str(number): name for number, name in phantom.LABELS.items()},
        sources=[f"generated heads, seed {seed}"],
        progress=progress,
    )
