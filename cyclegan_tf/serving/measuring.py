"""Measures, beside the service, which runtime is the fastest for its generators."""

import os
import subprocess
import sys

from cyclegan_tf.inference import autotune, formats, source

_MEASURE = "import sys; from cyclegan_tf.inference import autotune; autotune.choose(sys.argv[1])"


def needed(file, runtime):
    """Whether a generator must be measured before it can run in `runtime`.

    Args:
        file: The generator's file.
        runtime: As for `load.load`.
    """
    if runtime in ("auto", "keras") or formats.of(file) or source.locate(file).styles.is_file():
        return False
    return autotune.recorded(file) is None


class Measurement:
    """One generator, measured in a process of its own, so that the service goes on answering.

    Args:
        file: The generator's file. The result is kept where `autotune.recorded` finds it.
    """

    def __init__(self, file):
        self.file = file
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MEASURE, str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A GPU has no room for two that each take all of it.
            env={"TF_FORCE_GPU_ALLOW_GROWTH": "true", **os.environ},
        )

    @property
    def done(self):
        """Whether it has ended, well or not."""
        return self._process.poll() is not None

    def stop(self):
        """Ends it, wherever it is."""
        self._process.kill()
        self._process.wait()
