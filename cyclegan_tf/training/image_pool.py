"""The image pool: a history of generated images for the discriminators."""

import keras
import tensorflow as tf

from cyclegan_tf.training import distribute


class ImagePool(keras.layers.Layer):
    """A history of generated images, shown to the discriminator in place of the newest.

    Until the pool is full it stores each image and returns it. Then, with probability
    one half per image, it returns a random stored one and keeps the new one in its
    place; otherwise it returns the new one.

    The pool is a variable, so that it is saved and restored with the model, and its
    draws depend on `seed` alone.

    Under a `tf.distribute` strategy it is the pool of the whole batch, however many replicas
    share the work: each holds a copy, gathers the images of all replicas in their order and
    treats them as one device would. All copies start equal, see equal images and draw equal
    numbers, so that they stay equal; each replica is shown its own part of what is returned.

    Args:
        image_shape: `(height, width, channels)` of the images.
        size: Number of images kept; 0 returns every batch as it is.

    Reference:
        Shrivastava et al. 2017, "Learning from Simulated and Unsupervised Images through
        Adversarial Training", section 2.3, https://arxiv.org/abs/1612.07828
    """

    def __init__(self, image_shape, size=50, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        # Each replica writes its own copy; the first is saved, and all are restored from it.
        copies = {"synchronization": "on_read", "aggregation": "only_first_replica"}
        self.images = keras.Variable(
            "zeros", (size, *image_shape), trainable=False, name="images", **copies
        )
        self.filled = keras.Variable("zeros", (), "int32", trainable=False, name="filled", **copies)
        self.built = True

    def call(self, batch, seed):
        """Returns what the discriminator is to see instead of `batch`.

        Args:
            batch: Images `(batch, height, width, channels)` with a fixed batch size; under a
                strategy, those of one replica, as many on each.
            seed: Two integers, a tensor of shape `(2,)`: the key of this call's draws.

        Returns:
            Tensor of the same shape as `batch`.
        """
        if self.size == 0:
            return batch
        batch = distribute.of_all_replicas(batch)
        count = batch.shape[0]
        fold_in = tf.random.experimental.stateless_fold_in
        swap_draws = tf.random.stateless_uniform((count,), fold_in(seed, 0))
        slot_draws = tf.random.stateless_uniform((count,), fold_in(seed, 1), 0, self.size, tf.int32)
        returned = []
        for image, swap_draw, random_slot in zip(
            tf.unstack(batch), tf.unstack(swap_draws), tf.unstack(slot_draws), strict=True
        ):
            full = self.filled.value >= self.size
            swap = full & (swap_draw > 0.5)
            slot = tf.where(full, random_slot, self.filled.value)
            # By handle: a variable with copies offers neither reading nor writing of a part.
            stored = tf.raw_ops.ResourceGather(
                resource=self.images.handle, indices=slot, dtype=batch.dtype
            )
            returned.append(tf.where(swap, stored, image))
            kept = tf.where(full & ~swap, stored, image)
            tf.raw_ops.ResourceScatterNdUpdate(
                ref=self.images.handle, indices=[[slot]], updates=kept[None]
            )
            self.filled.assign(tf.minimum(self.filled.value + 1, self.size))
        return distribute.part_of_replica(tf.stack(returned))
