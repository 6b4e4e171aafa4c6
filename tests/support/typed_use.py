"""Uses the public API as its types say: `make types` checks it, nothing runs it."""

import numpy as np
from PIL import Image
from typing_extensions import assert_type

import cyclegan_tf as cg
from cyclegan_tf.data.npz import Dataset
from cyclegan_tf.evaluation.result import Evaluation
from cyclegan_tf.inference.translator import Translator


def walk(photo: Image.Image, array: np.ndarray) -> None:
    data = cg.prepare.from_folders("photos", "drawings", size=(64, 48), channels=(1, 3))
    assert_type(data, Dataset)
    assert_type(cg.prepare.from_pairs("pairs", ranges=((0, 1), (0, 255))), Dataset)
    assert_type(cg.prepare.generated(10, 2, paired=True), Dataset)
    assert_type(cg.train("cyclegan", data, "run", epochs=2, filters=8), list[dict[str, float]])
    translator = cg.load("run", "ba", runtime="keras")
    assert_type(translator, Translator)
    assert_type(translator(photo), Image.Image)
    assert_type(translator(array, size="native"), np.ndarray)
    translator("photo.jpg").save("drawing.png")
    assert_type(cg.evaluate(translator, data, metrics=["ssim"]), Evaluation)


def wrong() -> None:
    cg.load("run", "up")  # type: ignore[arg-type]
    cg.prepare.from_folders("photos", how="cut")  # type: ignore[arg-type]
    cg.train("cyclegan", "data.npz", "run", epoch_count="2", images="6")  # type: ignore[arg-type]
    raise cg.InputError("said")
