"""Winograd convolution: 3x3 kernels by a quarter of the multiplications, the same result.

Winograd's F(4x4, 3x3): tiles of 6x6 pixels and the kernel are each transformed to 36 values,
multiplied there (one matrix product over the channels for each of the 36), and transformed back to
4x4 pixels of the output. Each transform of an axis is one constant matrix, with padding and
tiling in it, so that forward pass and both gradients are matrix products and nothing else:
what a CPU is best at.

Reference: Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks",
https://arxiv.org/abs/1509.09308
"""

import functools

import numpy as np
import tensorflow as tf

TILE = 4  # pixels of the output that a tile gives along an axis
SIZE = TILE + 2  # pixels of the input that it takes, and values that it is transformed to
STRIP = 16  # pixels of the output that one small matrix gives
LONGEST = 80  # pixels of an axis that one large matrix takes
#: Where the polynomials behind the transforms are evaluated, besides infinity. The usual
#: 0, 1, -1, 2, -2 save additions, which a matrix has no use for, and round three times as much.
POINTS = (0.0, 2 / 3, -2 / 3, 3 / 2, -3 / 2)


class Kernel:
    """A kernel transformed once, for all the convolutions of a step.

    The gradients of all these convolutions are found in one product at the end. It serves one
    gradient with respect to the kernel: for another, make another.

    Args:
        kernel: Tensor `(3, 3, channels, filters)`, float32.
        dtype: Type of the products over the channels; the transforms before and after them are
            float32. "bfloat16" is for use, not for training.
    """

    def __init__(self, kernel, dtype="float32"):
        matrix = _kernel_matrix()
        channels, filters = kernel.shape[2:]
        flat = tf.cast(tf.matmul(matrix, tf.reshape(kernel, [9, channels * filters])), dtype)
        self.values = tf.reshape(flat, [SIZE**2, channels, filters])
        self._waiting = []  # (tiles, gradients of their products) of each small convolution
        self._totals = []  # gradients of `values`, of each large one

        @tf.custom_gradient
        def token(kernel):
            def gradient(_):
                totals, self._totals = self._totals, []
                if self._waiting:
                    tiles, products = zip(*self._waiting, strict=True)
                    self._waiting = []
                    totals.append(_outer(tf.concat(tiles, 1), tf.concat(products, 1)))
                flat = tf.reshape(tf.add_n(totals), [SIZE**2, channels * filters])
                return tf.reshape(tf.matmul(matrix, flat, transpose_a=True), kernel.shape)

            return tf.zeros([]), gradient

        # Stands for the kernel on the tape: its gradient is asked for after all the others.
        self.token = token(kernel)

    def add_gradient(self, images, tiles, products, rows, columns):
        """Adds one convolution to what `token` passes on."""
        if products.shape[1] < self.values.shape[1]:
            self._waiting.append((tiles, products))
        else:  # tiles are larger than the kernel: they are made again rather than kept
            with tf.control_dependencies([products]):
                tiles = _to_tiles(tf.identity(images), rows, columns)
            self._totals.append(_outer(tiles, products))


def _outer(tiles, products):
    return tf.matmul(tiles, products, transpose_a=True)


def convolve(images, kernel, padding=0):
    """Convolves with stride 1.

    Args:
        images: Tensor `(batch, height, width, channels)` of a known shape, float32, or any type
            where the kernel is not float32.
        kernel: `Kernel`; gradients flow into the tensor that it was made of.
        padding: Pixels by which the images are enlarged by mirroring on all sides, 0 or 1.

    Returns:
        Tensor `(batch, height + 2 * padding - 2, width + 2 * padding - 2, filters)`.
    """
    height, width = images.shape[1:3]
    if max(height, width) > LONGEST:
        return _convolve_halves(images, kernel, padding)
    if kernel.values.dtype != tf.float32:
        outputs = _convolve_reduced(tf.cast(images, tf.float32), kernel.values, padding)
        return tf.cast(outputs, images.dtype)
    rows, columns = _Axis(height, padding), _Axis(width, padding)

    @tf.custom_gradient
    def product(images, token):
        tiles = _to_tiles(images, rows, columns)
        outputs = _from_tiles(tf.matmul(tiles, kernel.values), rows, columns, images.shape[0])

        def gradients(upstream):
            products = _from_tiles_transposed(upstream, rows, columns)
            kernel.add_gradient(images, tiles, products, rows, columns)
            to_tiles = tf.matmul(products, kernel.values, transpose_b=True)
            return _to_tiles_transposed(to_tiles, rows, columns, images.shape[0]), tf.zeros([])

        return outputs, gradients

    return product(images, kernel.token)


def _convolve_reduced(images, values, padding):
    """Without gradients, the products in the type of `values`."""
    rows, columns = (_Axis(length, padding) for length in images.shape[1:3])
    products = tf.matmul(_to_tiles(images, rows, columns, values.dtype), values)
    return _from_tiles(products, rows, columns, images.shape[0])


def _convolve_halves(images, kernel, padding):
    """Convolves each half of the longer axis by itself, since long axes make large matrices."""
    if padding:
        images = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
    axis = 1 if images.shape[1] >= images.shape[2] else 2
    middle = (images.shape[axis] - 2) // 2 // STRIP * STRIP
    first = images[:, : middle + 2] if axis == 1 else images[:, :, : middle + 2]
    second = images[:, middle:] if axis == 1 else images[:, :, middle:]
    return tf.concat([convolve(first, kernel), convolve(second, kernel)], axis)


class _Axis:
    """How one axis of the images is cut into tiles and put together again."""

    def __init__(self, length, padding):
        self.length, self.outputs = length, length + 2 * padding - 2
        tiles = -(-self.outputs // TILE)
        # What comes out of one tile touches no other: it takes smaller matrices, one per strip.
        self.strips = self.outputs // STRIP if self.outputs % STRIP == 0 else 1
        self.tiles = tiles // self.strips
        self.to_tiles = _tiling(length, padding, self.strips)
        self.from_tiles = _untiling(self.outputs // self.strips)


def _to_tiles(images, rows, columns, dtype=tf.float32):
    """Applies a matrix to each axis: `(batch, h, w, c)` to `(36, batch * tiles, c)`."""
    batch, height, width, channels = images.shape
    x = tf.matmul(rows.to_tiles, tf.reshape(images, [batch, height, width * channels]))
    x = tf.matmul(columns.to_tiles, tf.reshape(x, [-1, width, channels]))
    return _positions_first(tf.cast(x, dtype), rows, columns, batch)


def _to_tiles_transposed(tiles, rows, columns, batch):
    channels = tiles.shape[-1]
    x = _positions_inside(tiles, rows, columns, batch)
    x = tf.reshape(x, [-1, columns.strips * SIZE * columns.tiles, channels])
    x = tf.matmul(columns.to_tiles, x, transpose_a=True)
    x = tf.reshape(x, [batch, rows.strips * SIZE * rows.tiles, columns.length * channels])
    x = tf.matmul(rows.to_tiles, x, transpose_a=True)
    return tf.reshape(x, [batch, rows.length, columns.length, channels])


def _from_tiles(tiles, rows, columns, batch):
    """The way back: `(36, batch * tiles, c)` to `(batch, h, w, c)`."""
    channels = tiles.shape[-1]
    x = tf.cast(_positions_inside(tiles, rows, columns, batch), tf.float32)
    x = tf.matmul(columns.from_tiles, x)
    x = tf.reshape(x, [batch, rows.strips, SIZE * rows.tiles, columns.outputs * channels])
    x = tf.matmul(rows.from_tiles, x)
    return tf.reshape(x, [batch, rows.outputs, columns.outputs, channels])


def _from_tiles_transposed(images, rows, columns):
    batch, height, width, channels = images.shape
    x = tf.reshape(images, [batch, rows.strips, height // rows.strips, width * channels])
    x = tf.matmul(rows.from_tiles, x, transpose_a=True)
    x = tf.reshape(x, [-1, columns.strips, width // columns.strips, channels])
    x = tf.matmul(columns.from_tiles, x, transpose_a=True)
    return _positions_first(x, rows, columns, batch)


def _positions_first(x, rows, columns, batch):
    x = tf.reshape(
        x, [batch, rows.strips, SIZE, rows.tiles, columns.strips, SIZE, columns.tiles, x.shape[-1]]
    )
    x = tf.transpose(x, [2, 5, 0, 1, 3, 4, 6, 7])
    return tf.reshape(x, [SIZE**2, -1, x.shape[-1]])


def _positions_inside(tiles, rows, columns, batch):
    channels = tiles.shape[-1]
    x = tf.reshape(
        tiles, [SIZE, SIZE, batch, rows.strips, rows.tiles, columns.strips, columns.tiles, channels]
    )
    x = tf.transpose(x, [2, 3, 0, 4, 5, 1, 6, 7])
    return tf.reshape(x, [-1, columns.strips, SIZE * columns.tiles, channels])


@functools.cache
def _transforms():
    """The matrices of one axis for input `(6, 6)`, kernel `(6, 3)` and output `(4, 6)`.

    A product of two polynomials is found from their values at five points and at infinity
    (Toom-Cook); convolution is that product's transpose.
    """
    points = np.array(POINTS)

    # Values of a polynomial with so many coefficients at each point; at infinity its last one.
    def values(coefficients):
        finite = points[:, None] ** np.arange(coefficients)
        return np.vstack([finite, np.eye(coefficients)[-1]])

    to_tile = np.linalg.inv(values(SIZE)).T
    # Scaling row i of one transform and its inverse in another changes nothing but rounding.
    scale = np.abs(to_tile).max(axis=1, keepdims=True)
    return to_tile / scale, values(3) * scale, values(TILE).T


@functools.cache
def _kernel_matrix():
    """Both axes of the kernel's transform in one, `(36, 9)`."""
    matrix = _transforms()[1]
    return np.kron(matrix, matrix).astype("float32")


@functools.cache
def _tiling(length, padding, strips):
    """Mirroring, cutting into tiles and transforming: `(strips * 6 * tiles, length)`."""
    to_tile, _, _ = _transforms()
    tiles = -(-(length + 2 * padding - 2) // TILE)
    matrix = np.zeros((tiles, SIZE, length))
    for tile in range(tiles):
        for k in range(SIZE):
            source = abs(tile * TILE + k - padding)
            if source > length - 1 and padding:
                source = 2 * (length - 1) - source
            if 0 <= source < length:  # what lies beyond belongs to no output
                matrix[tile, :, source] += to_tile[:, k]
    matrix = matrix.reshape(strips, -1, SIZE, length).swapaxes(1, 2)
    return matrix.reshape(-1, length).astype("float32")


@functools.cache
def _untiling(outputs):
    """Transforming back and joining the tiles of a strip: `(outputs, 6 * tiles)`."""
    _, _, from_tile = _transforms()
    tiles = -(-outputs // TILE)
    matrix = np.zeros((tiles * TILE, SIZE, tiles))
    for tile in range(tiles):
        matrix[tile * TILE : (tile + 1) * TILE, :, tile] = from_tile
    return matrix[:outputs].reshape(outputs, SIZE * tiles).astype("float32")
