"""Generators whose results are known."""

import keras


def identity(channels=3, shape=(None, None)):
    """A generator that gives back what it takes."""
    image = keras.Input((*shape, channels))
    return keras.Model(image, keras.layers.Activation("linear")(image))
