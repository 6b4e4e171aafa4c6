"""The package's contenders: training, a generator in use, the data pipeline, and scoring."""

import inspect
import os
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import truth

from cyclegan_tf import recipes
from cyclegan_tf.data import npz, pipeline, prepare
from cyclegan_tf.inference import load
from cyclegan_tf.inference.compiled import OFTEN
from cyclegan_tf.networks import generator_file, generators
from cyclegan_tf.networks.precision import in_precision


def as_the_command_trains():
    """Sets the threads as `cyclegan-tf train` does."""
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.threading.set_intra_op_parallelism_threads(max((os.cpu_count() or 2) // 2, 1))


def noise(count, size, batch):
    """Returns images in [-1, 1], a tuple of `count` tensors NHWC."""
    shape = (count, batch, size, size, 3)
    return tuple(tf.constant(np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")))


def cyclegan(shape_a, shape_b=None, filters=64, blocks=9, **choices):
    """Returns the recipe's model; refuses a choice that the recipe does not know."""
    for name in choices.keys() - inspect.signature(recipes.cyclegan).parameters.keys():
        raise ValueError(f"recipes.cyclegan has no argument {name}.")
    return recipes.cyclegan(shape_a, shape_b, filters=filters, blocks=blocks, **choices)


class Training:
    """Training steps as `fit` takes them, on the same noise over and over.

    Args:
        size: Height and width in pixels.
        batch: Images of each domain.
        **choices: Further arguments of `recipes.cyclegan`.
    """

    def __init__(self, size, batch=1, **choices):
        as_the_command_trains()
        self.model = cyclegan((size, size, 3), **choices)
        self.model.make_train_function()
        self.batches = iter(tf.data.Dataset.from_tensors(noise(2, size, batch)).repeat())

    def step(self):
        """Updates every network once."""
        for value in self.model.train_function(self.batches).values():
            value.numpy()

    def errors(self, path):
        """Compares one step from the weights in a truth file."""
        with np.load(path) as file:
            for name in truth.NETWORKS:
                getattr(self.model, name).set_weights(truth.weights(file, name))
            output = self.model.gen_ab(file["a"], training=False).numpy()
            pair = (tf.constant(file["a"]), tf.constant(file["b"]))
            gradients = gradients_of_a_step(self.model, pair)
            return truth.errors(file, output, gradients)


def gradients_of_a_step(model, pair):
    """Takes a step on `(a, b)` and returns what it gave Adam for the generators' weights.

    With beta_1 = 0.5 the first moment of a step that starts from zero is half the gradient, to
    the bit: so the step is that of training, and nothing in it had to be changed to look inside.
    """
    moments = model.gen_optimizer._momentums
    for moment in moments:
        moment.assign(tf.zeros(moment.shape))
    model.train_function(iter(tf.data.Dataset.from_tensors(pair)))
    return [2 * np.asarray(moment) for moment in moments]


class Translation:
    """A generator in use.

    Args:
        size: Height and width in pixels.
        batch: Images at once.
        way: "call" (the network, eagerly), "predict" (Keras's) or "translator" (the package's,
            from 8 bits to 8 bits).
        precision: Of the Translator.
    """

    def __init__(self, size, batch=1, way="call", precision="float32"):
        generator = generators.resnet_generator(seed=0)
        if way == "translator":
            translator = load.Translator(
                in_precision(generator, precision), generator_file.Translation(size=(size, size))
            )
            shape = (batch, size, size, 3)
            images = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
            for _ in range(OFTEN):  # from then on this size has a graph of its own
                translator(images)
            mean, largest = translator.difference(images)
            self.step = lambda: through(translator, images) or {"off": [mean, largest]}
        else:
            (images,) = noise(1, size, batch)
            if way == "predict":
                images = images.numpy()
                self.step = lambda: nothing(generator.predict(images, batch, verbose=0))
            else:
                self.step = lambda: nothing(generator(images, training=False).numpy())


def through(translator, images):
    """The package's way from stored images to stored translations. Returns nothing."""
    translator(images)


def nothing(_):
    """Drops a result."""


def dataset_at(source, size):
    """Returns a prepared data set, or one that is read from folders `a` and `b` as needed."""
    if source.endswith(".npz"):
        return npz.load(source)
    return prepare.stream(f"{source}/a", f"{source}/b", size=size, progress=False)


class Pipeline:
    """Batches of one pair, augmented as in training, and nothing else.

    Args:
        source: An `.npz`, or a folder with the folders `a` and `b`.
        size: Height and width in pixels.
        pairs: How many of them make a step.
    """

    def __init__(self, source, size, pairs=100):
        as_the_command_trains()
        steps = pairs * 1000
        self.batches = iter(pipeline.batches(dataset_at(source, size), steps=steps))
        self.pairs = pairs

    def step(self):
        """Takes the next pairs; returns the number of images."""
        for _ in range(self.pairs):
            next(self.batches)
        return {"images": 2 * self.pairs}


class FedTraining:
    """Training steps from a real source.

    Args:
        source: As for `Pipeline`; gray images in A and colour in B may come from an `.npz`.
        size: Height and width in pixels.
        steps: How many training steps make a step.
        **choices: Further arguments of `recipes.cyclegan`.
    """

    def __init__(self, source, size, steps=10, **choices):
        as_the_command_trains()
        dataset = dataset_at(source, size)
        self.batches = iter(pipeline.batches(dataset, steps=steps * 1000))
        model = cyclegan(dataset.image_shape_a, dataset.image_shape_b, **choices)
        self.take, self.steps = tf.function(model.train_step), steps

    def step(self):
        """Trains; returns the seconds that it waited for data."""
        waited = 0.0
        for _ in range(self.steps):
            began = time.perf_counter()
            batch = next(self.batches)
            waited += time.perf_counter() - began
            for value in self.take(batch).values():
                value.numpy()
        return {"waited": waited}


class Evaluation:
    """Scores of two generators on features that need no file.

    Args:
        source: An `.npz`.
        filters: Channels after the generators' first convolution.
        blocks: Residual blocks of the generators.
    """

    def __init__(self, source, filters=64, blocks=9):
        self.dataset = npz.load(source)
        shapes = (self.dataset.image_shape_a, self.dataset.image_shape_b)
        self.model = cyclegan(*shapes, filters=filters, blocks=blocks)

    def step(self):
        """Scores both directions; returns the number of images scored."""
        from cyclegan_tf.evaluation.evaluate import evaluate

        with tempfile.TemporaryDirectory() as folder:
            os.environ["CYCLEGAN_TF_CACHE"] = folder  # nothing is known from the step before
            evaluate(self.model, self.dataset, features="random", lpips="none", progress=False)
        return {"images": len(self.dataset.test_a) + len(self.dataset.test_b)}


def save_generator(path, size=64):
    """Writes a generator that was not trained, as a run would."""
    generator_file.save(
        path, generators.resnet_generator(seed=0), generator_file.Translation(size=(size, size))
    )
