"""Generators compiled for use: graphs of the shapes that come often, kernels transformed once."""

from collections import Counter, OrderedDict
from threading import Lock

import numpy as np
import tensorflow as tf

from cyclegan_tf.networks import generator_file
from cyclegan_tf.networks.layers.convolutions import fast_layers, given_kernels

#: How often a shape must be seen before a graph is made for it alone.
OFTEN = 2
#: How many such graphs are kept, and ten times as many shapes remembered.
GRAPHS = 8


class CompiledGenerator:
    """Calls a generator without Keras's overhead, and fast where a shape keeps coming back.

    The first images of a shape go through one graph that takes any shape. Those after get a
    graph of that shape, with kernels that were transformed beforehand; making it takes about
    a second, which only pays for many images.

    Args:
        generator: `keras.Model` on `(batch, height, width, channels)` in [-1, 1], on noise
            `(batch, dimensions)`, or on both. Its weights are taken as they are at the first call.

    Several threads may call it. The graphs of the shapes that were seen last are kept, so that it
    does not grow with the number of shapes.

    Attributes:
        shapes: `metadata.Shapes` of the generator.
        multiple: Number of pixels that sides must be multiples of.
    """

    name = "keras"

    def __init__(self, generator):
        self.generator = generator
        self.shapes = generator_file.shapes(generator)
        self.multiple = generator_file.size_multiple(generator)
        self._seen = Counter()
        self._graphs = OrderedDict()
        self._tracing = Lock()
        self._kernels = None
        signature = [tf.TensorSpec([None, *x.shape[1:]], tf.float32) for x in generator.inputs]
        self._any = tf.function(self._call, input_signature=signature, autograph=False)

    def __call__(self, *inputs):
        """Translates.

        Args:
            *inputs: float32 arrays as the generator takes them: `(batch, height, width,
                channels)` in [-1, 1], noise `(batch, dimensions)`, or both.

        Returns:
            float32 array `(batch, height, width, channels')` in [-1, 1].
        """
        inputs = [tf.convert_to_tensor(x, tf.float32) for x in inputs]
        shapes = tuple(tuple(x.shape) for x in inputs)
        if self._comes_often(shapes):
            return self.prepare(*shapes)(*inputs).numpy()
        return np.asarray(self._any(*inputs))

    def _comes_often(self, shapes):
        with self._tracing:
            if len(self._seen) > 10 * GRAPHS:
                self._seen.clear()
            self._seen[shapes] += 1
            return self._seen[shapes] > OFTEN or shapes in self._graphs

    def prepare(self, *shapes):
        """Makes the graph for inputs of given shapes, if it is not there yet.

        Args:
            *shapes: One for each input, such as `(batch, height, width, channels)`.

        Returns:
            The graph, a function from tensors to a tensor.
        """
        with self._tracing:  # the kernels are handed over through the layers
            if shapes not in self._graphs:
                self._graphs[shapes] = self._traced(shapes)
                if len(self._graphs) > GRAPHS:
                    self._seen.pop(self._graphs.popitem(last=False)[0], None)
            self._graphs.move_to_end(shapes)
            return self._graphs[shapes]

    def _traced(self, shapes):
        if self._kernels is None:
            layers = fast_layers([self.generator])
            self._kernels = [(layer, layer.transformed_kernel()) for layer in layers]
        with given_kernels(self._kernels):
            graph = tf.function(self._call, autograph=False)
            specifications = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
            return graph.get_concrete_function(*specifications)

    def _call(self, *inputs):
        given = inputs[0] if len(inputs) == 1 else list(inputs)
        return tf.cast(self.generator(given, training=False), tf.float32)
