"""Input pipeline: from a data set to batches in [-1, 1], as a pure function of (seed, step).

Nothing here remembers where it was: sample k of a run is computed from the seed and k, so a
resumed run starts its pipeline at its step and sees what it would have seen.
"""

import numpy as np
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import normalize

#: The reference enlarges 256 pixels to 286 before it crops 256.
ENLARGE = 286 / 256


def steps_per_epoch(dataset, batch_size=1):
    """Number of batches in which the larger domain is seen once (at least one)."""
    return max(max(len(dataset.train_a), len(dataset.train_b)) // batch_size, 1)


def part_of_batch(batch_size, replicas):
    """Number of images of each batch that one of `replicas` devices takes.

    Raises:
        InputError: If the batch cannot be divided.
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, received {batch_size}.")
    if batch_size % replicas:
        raise InputError(
            f"batch_size must be a multiple of {replicas}, the number of devices that share each "
            f"batch, received {batch_size}."
        )
    return batch_size // replicas


def batches(
    dataset,
    batch_size=1,
    *,
    steps=None,
    start=0,
    seed=0,
    augment=True,
    pairs=None,
    partners=None,
    replicas=1,
    worker=(0, 1),
):
    """Makes the training batches from step `start` on.

    Each domain is walked in an order of its own, shuffled anew at each pass; where pairs are
    wanted both follow one order, one crop and one flip. Augmentation is the
    reference's: enlarge by 286/256 (bicubic), crop at random, mirror with probability 0.5.

    Where several replicas share each batch, replica i of R has the i-th R-th of it, and a worker
    makes the parts of its own replicas only, one after the other.

    Args:
        dataset: `npz.Dataset`, its arrays in memory or decoded on access.
        batch_size: Images of each domain per batch.
        steps: Number of batches to make; None never ends.
        start: Number of the first batch.
        seed: Non-negative integer key of order and augmentation.
        augment: Whether to enlarge, crop and mirror; "mirror" to mirror alone.
        pairs: Whether image i of A comes with image i of B; by default in a dataset that is
            paired in training.
        partners: For each image of A the number of the image of B that comes with it, as
            `matching.partners` finds it, in place of pairs.
        replicas: Into how many parts each batch is divided.
        worker: `(number, of)`: whose parts to make, all workers having as many replicas.

    Returns:
        `tf.data.Dataset` of `steps` tuples `(a, b)`, for each replica of the worker: float32
        tensors `(batch_size / replicas, height, width, channels)` in [-1, 1].

    Raises:
        InputError: If `batch_size` is below 1, or `replicas` does not divide it.
    """
    part = part_of_batch(batch_size, replicas)
    number, of = worker
    share = batch_size // of  # of the worker in each batch
    paired = dataset.paired["train"] if pairs is None else pairs
    together = paired or partners is not None
    domain_a = _sampler(dataset.train_a, dataset.ranges[0], 2 * seed, augment)
    domain_b = _sampler(
        dataset.train_b, dataset.ranges[1], 2 * seed + (not together), augment, partners
    )
    end = tf.int64.max if steps is None else (start + steps) * share
    return (
        tf.data.Dataset.range(start * share, end)
        .map(lambda n: n // share * batch_size + number * share + n % share)
        .map(lambda k: (domain_a(k), domain_b(k)), tf.data.AUTOTUNE, deterministic=True)
        .batch(part, drop_remainder=True)
        .prefetch(2)
    )


def fixed_images(dataset, count):
    """The first images of the test split (of the training split where that is empty).

    Slices follow one another, head by head: of those, each next one is taken from a further head,
    and further up.

    Args:
        dataset: `npz.Dataset`.
        count: How many of each domain, at most.

    Returns:
        Two float32 arrays of equal length in [-1, 1].
    """
    domains = [
        test if len(test) else train
        for test, train in ((dataset.test_a, dataset.train_a), (dataset.test_b, dataset.train_b))
    ]
    count = min(count, *map(len, domains))

    def chosen(images):
        numbers = np.arange(count)
        if dataset.slices is not None:
            numbers = np.intp((numbers + (numbers + 0.5) / count) * len(images) / count)
        return np.asarray(images[numbers])

    return tuple(
        normalize(chosen(images), value_range)
        for images, value_range in zip(domains, dataset.ranges, strict=True)
    )


def _sampler(images, value_range, key, augment, numbers=None):
    """Returns the function from a sample's number (int64 scalar) to its image.

    With `numbers` it walks through them, and takes the images that they name.
    """
    count = len(images) if numbers is None else len(numbers)
    fetch = _fetcher(images)
    # Wrapped to what two 32-bit words can hold; distinct for every sensible seed.
    key = tf.constant(key % 2**31, tf.int32)

    def sample(k):
        walk = tf.stack([key, tf.cast(k // count, tf.int32)])
        index = tf.random.experimental.index_shuffle(k % count, tf.cast(walk, tf.uint32), count - 1)
        if numbers is not None:
            index = tf.gather(tf.constant(numbers, tf.int64), index)
        image = normalize(tf.cast(fetch(index), tf.float32), value_range)
        if not augment:
            return image
        draw = tf.random.stateless_uniform((3,), tf.stack([key, tf.cast(k, tf.int32)]))
        if augment != "mirror":
            image = _cropped(image, draw[:2])
        return tf.where(draw[2] < 0.5, tf.reverse(image, [1]), image)

    return sample


def _fetcher(images):
    """Returns the function from an index to the stored image, as a tensor of fixed shape."""
    if isinstance(images, np.ndarray):
        with tf.device("CPU"):  # a GPU's memory is for the networks
            stored = tf.constant(images)
        return lambda index: tf.gather(stored, index)

    def read(index):
        return images[np.array([index])][0]

    def fetch(index):
        image = tf.numpy_function(read, [index], images.dtype)
        return tf.ensure_shape(image, images.shape[1:])

    return fetch


def _cropped(image, draw):
    """Enlarged, and cut at a place that two numbers in [0, 1) say."""
    height, width, channels = image.shape
    enlarged = tf.cast([round(height * ENLARGE), round(width * ENLARGE)], tf.int32)
    image = tf.clip_by_value(tf.image.resize(image, enlarged, "bicubic"), -1.0, 1.0)
    room = tf.cast(enlarged - [height, width] + 1, tf.float32)
    top_left = tf.cast(draw * room, tf.int32)
    return tf.slice(image, tf.concat([top_left, [0]], 0), [height, width, channels])
