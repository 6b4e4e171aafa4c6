"""Gradient accumulation: a large batch in the memory of a small one."""

import tensorflow as tf


def in_pieces(part, count):
    """A part of the training step, computed on one piece of the batch after another.

    Where every loss is a mean over images that do not see each other, the mean over the pieces
    is the same number, and so is its gradient, rounding aside. Only one piece's
    activations are in memory at a time.

    Args:
        part: Function from tensors `(batch, ...)`, nested in tuples, to `(losses, gradients,
            *made)`: a dictionary of scalars, a list of tensors, and tensors `(batch, ...)`.
        count: Number of pieces, which divides the batch.

    Returns:
        Function of the same arguments and results.
    """
    if count == 1:
        return part
    part = tf.function(part)

    def call(*batch):
        pieces = tf.nest.map_structure(
            lambda x: tf.reshape(x, [count, x.shape[0] // count, *x.shape[1:]]), batch
        )
        specification = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape[1:], x.dtype), pieces)
        results = part.get_concrete_function(*specification).structured_outputs
        (losses, gradients), made = results[:2], results[2:]
        sums = tf.nest.map_structure(lambda x: tf.zeros(x.shape, x.dtype), (losses, gradients))
        rows = [tf.TensorArray(x.dtype, count) for x in tf.nest.flatten(made)]

        def one_more(i, sums, rows):
            results = part(*tf.nest.map_structure(lambda x: x[i], pieces))
            sums = tf.nest.map_structure(tf.add, sums, tuple(results[:2]))
            flat = tf.nest.flatten(results[2:])
            return i + 1, sums, [row.write(i, x) for row, x in zip(rows, flat, strict=True)]

        # A loop that runs piece by piece: pieces side by side would all be in memory.
        _, sums, rows = tf.while_loop(
            lambda i, *_: i < count,
            one_more,
            (0, sums, rows),
            parallel_iterations=1,
            maximum_iterations=count,
        )
        losses, gradients = tf.nest.map_structure(lambda x: x / count, sums)
        whole = [tf.concat(tf.unstack(row.stack(), count), 0) for row in rows]
        return losses, gradients, *tf.nest.pack_sequence_as(made, whole)

    return call
