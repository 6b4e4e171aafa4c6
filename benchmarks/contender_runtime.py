"""The contenders of `runtimes.py`: one generator in one runtime. Imports what it needs, no more."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np


class Runtime:
    """A generator in use, from floats to floats.

    Args:
        path: Its file: `.keras`, or an exported one.
        reference: `.npz` with its inputs "0" (and "1", the noise), and "y", what Keras gives.
        precision: Of OpenVINO: "f32" or "bf16".
    """

    def __init__(self, path, reference, precision=None):
        if path.endswith(".keras"):
            from cyclegan_tf.inference.compiled import CompiledGenerator
            from cyclegan_tf.networks import generator_file

            self.run = CompiledGenerator(generator_file.load(path)[0])
        elif precision:
            from cyclegan_tf.inference.runtimes import OpenVINO

            self.run = OpenVINO(path, precision=precision)
        else:
            from cyclegan_tf.inference.runtimes import load

            self.run = load(path)
        with np.load(reference) as file:
            self.inputs = [file[name] for name in ("0", "1") if name in file.files]

    def step(self):
        """Translates."""
        self.run(*self.inputs)

    def errors(self, path):
        """How far it is from Keras, in grey levels of 255."""
        with np.load(path) as file:
            off = 127.5 * np.abs(self.run(*self.inputs) - file["y"])
        return {"mean": float(off.mean()), "largest": float(off.max())}
