"""A generator made ready for use: its weights stay as they are, so what can be prepared is."""

from collections import Counter

import numpy as np
import tensorflow as tf

from cyclegan_tf.convolutions import fast_layers, given_kernels

#: How often a shape must be seen before a graph is made for it alone.
OFTEN = 2


class Inference:
    """Calls a generator without Keras's overhead, and fast where a shape keeps coming back.

    The first pictures of a shape go through one graph that takes any shape. Those after get a
    graph of that shape, with kernels that were transformed beforehand; making it takes about
    a second, which only pays for many pictures.

    Args:
        generator: `keras.Model` on `(batch, height, width, channels)` in [-1, 1]. Its weights are
            taken as they are at the first call.
    """

    def __init__(self, generator):
        self.generator = generator
        self._seen = Counter()
        self._graphs = {}
        self._kernels = None
        shape = [None, *generator.input_shape[1:]]
        self._any = tf.function(
            self._call, input_signature=[tf.TensorSpec(shape, tf.float32)], autograph=False
        )

    def __call__(self, images):
        """Translates.

        Args:
            images: float32 array `(batch, height, width, channels)` in [-1, 1].

        Returns:
            float32 array `(batch, height, width, channels')` in [-1, 1].
        """
        images = tf.convert_to_tensor(images, tf.float32)
        shape = tuple(images.shape)
        self._seen[shape] += 1
        if self._seen[shape] > OFTEN:
            return self.prepare(shape)(images).numpy()
        return np.asarray(self._any(images))

    def prepare(self, shape):
        """Makes the graph for pictures of one shape, if it is not there yet.

        Args:
            shape: `(batch, height, width, channels)`.

        Returns:
            The graph, a function from tensor to tensor.
        """
        if shape not in self._graphs:
            if self._kernels is None:
                layers = fast_layers([self.generator])
                self._kernels = [(layer, layer.transformed_kernel()) for layer in layers]
            with given_kernels(self._kernels):
                graph = tf.function(self._call, autograph=False)
                self._graphs[shape] = graph.get_concrete_function(tf.TensorSpec(shape, tf.float32))
        return self._graphs[shape]

    def _call(self, images):
        return tf.cast(self.generator(images, training=False), tf.float32)
