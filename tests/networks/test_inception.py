"""The Inception network of FID and KID.

What `IMAGE` gives with the weights of `drawn` was computed by PyTorch with the TorchScript copy
of the TensorFlow graph (`default_1.pt`, see `pretrained.weights`), its tensors replaced by those:

    module = torch.jit.load("default_1.pt").eval()
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            tensor.copy_(torch.from_numpy(drawn()[name.removeprefix("net.")]))
        planes = [
            np.asarray(Image.fromarray(plane).resize((299, 299), Image.BICUBIC)).clip(0, 255)
            for plane in IMAGE.transpose(2, 0, 1).astype(np.float32)
        ]
        module((torch.from_numpy(np.stack(planes))[None] - 128) / 128)[0, ::290]

inception_shapes.txt lists its convolutions: the name in the PyTorch port, the one in the graph,
and the kernel's shape (filters, channels, height, width).
"""

import pickle
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest

from cyclegan_tf.common import progress
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics import inception_features
from cyclegan_tf.evaluation.metrics.features import clean_resize, legacy_resize
from cyclegan_tf.networks.pretrained import inception, weights

ROWS, COLUMNS = np.mgrid[:40, :56]
IMAGE = np.stack([6 * ROWS, 255 - 4 * COLUMNS, (ROWS * COLUMNS) % 256], -1).astype(np.uint8)
# Each 290th of the 2048 features, so that every branch of the last block is among them.
OF_DRAWN = [0.69373548, 0.00310578, 2.25490451, 0.77611297, 3.00874996, 0.01163566, 0.03256494]
OF_DRAWN += [0.40716243]
OF_PUBLISHED = [1.14434338, 0.30088389, 0.22668946, 0.31477177, 0.37477571, 0.32681429]
OF_PUBLISHED += [0.05335122, 0.66839623]
SHAPES = Path(__file__).parent / "weights" / "inception_shapes.txt"


def convolutions():
    """Yields the PyTorch name, the TensorFlow name and the kernel's shape."""
    for line in SHAPES.read_text().splitlines():
        pytorch, tensorflow, *shape = line.split()
        yield pytorch, f"layers.{tensorflow}", tuple(int(n) for n in shape)


def drawn():
    """Tensors in the layout of the TensorFlow graph, each drawn from its name's own generator."""
    tensors = {}
    for _, name, shape in convolutions():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        he = np.sqrt(2 / np.prod(shape[1:]))
        tensors[f"{name}.weight"] = (rng.standard_normal(shape) * he).astype(np.float32)
        tensors[f"{name}.beta"] = rng.normal(0, 0.1, shape[0]).astype(np.float32)
        tensors[f"{name}.mean"] = rng.normal(0, 0.1, shape[0]).astype(np.float32)
        tensors[f"{name}.var"] = rng.uniform(0.5, 1.5, shape[0]).astype(np.float32)
    return tensors


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A weight file of `drawn`."""
    path = tmp_path_factory.mktemp("weights") / "drawn.pkl"
    path.write_bytes(pickle.dumps(drawn(), 4))
    return path


@pytest.fixture(scope="module")
def extractor(file):
    """The network with the weights of `drawn`."""
    return inception_features.load(file)


@pytest.fixture(scope="module")
def features(extractor):
    """What it gives for `IMAGE`, `(1, 2048)`."""
    return extractor(IMAGE[None])


def test_features_are_those_of_pytorch(features):
    assert features.shape == (1, 2048) and features.dtype == np.float32
    assert features[0, ::290] == pytest.approx(OF_DRAWN, rel=1e-4, abs=1e-5)
    assert features.mean() == pytest.approx(1.2610263, rel=1e-5)


@pytest.mark.slow
def test_the_other_layout_gives_the_same_under_any_policy(features):
    tensors, source = {"module.fc.weight": np.zeros((1008, 2048)), "module.epoch": 1}, drawn()
    rng = np.random.default_rng(0)
    for pytorch, name, shape in convolutions():
        gamma = rng.uniform(0.5, 2, shape[0])
        pytorch = f"module.{pytorch}"
        tensors[f"{pytorch}.conv.weight"] = source[f"{name}.weight"]
        tensors[f"{pytorch}.bn.weight"] = gamma
        tensors[f"{pytorch}.bn.bias"] = source[f"{name}.beta"]
        tensors[f"{pytorch}.bn.running_mean"] = source[f"{name}.mean"]
        # Such that gamma / sqrt(variance + 0.001) is what it is without gamma.
        variance = source[f"{name}.var"].astype(np.float64)
        tensors[f"{pytorch}.bn.running_var"] = gamma**2 * (variance + 1e-3) - 1e-3
        tensors[f"{pytorch}.bn.num_batches_tracked"] = np.array(0)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = inception.network(tensors)
    finally:
        keras.config.set_dtype_policy("float32")
    again = model(clean_resize(IMAGE[None], 299)).numpy()
    np.testing.assert_allclose(again, features, rtol=1e-4, atol=1e-5)


def test_gray_is_three_equal_channels_and_batches_do_not_matter(extractor, monkeypatch):
    monkeypatch.setattr("cyclegan_tf.evaluation.metrics.features.BATCH", 2)
    gray = np.stack([IMAGE[..., :1], IMAGE[..., 1:2], IMAGE[..., 2:]])
    together = extractor(gray)
    assert together.shape == (3, 2048)
    for one, expected in zip(gray, together, strict=True):
        alone = extractor(np.repeat(one[None], 3, axis=-1))[0]
        np.testing.assert_allclose(alone, expected, rtol=1e-4, atol=1e-5)
    assert extractor._features.experimental_get_tracing_count() == 1


def test_progress_counts_images(extractor, capsys, monkeypatch):
    monkeypatch.setattr(progress, "watched", lambda: True)
    extractor(IMAGE[None], progress=True)
    assert "1/1" in (shown := capsys.readouterr().err) and "image" in shown
    extractor(IMAGE[None])
    assert not capsys.readouterr().err


def test_the_protocol_names_the_weights_and_the_resize(extractor, file):
    sha256 = weights.locate("inception", file)[0][1]
    assert extractor.protocol == {
        "features": "Inception 2015-12-05, pool3, 2048-d",
        "weights": sha256,
        "resize": "clean (PIL bicubic, antialias, float)",
    }
    assert extractor.name == "inception" and extractor.key == f"inception {sha256} clean"


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (IMAGE[None].astype(np.float32), "uint8, received float32: FID is defined on 8-bit"),
        (IMAGE[None].astype(np.uint16), "uint8, received uint16: FID is defined on 8-bit"),
        (IMAGE, "images must be images"),
        (IMAGE[None, ..., :2], "1 or 3 channels"),
        (IMAGE[None][:0], "images must be images"),
    ],
)
def test_other_images_are_refused(extractor, images, words):
    with pytest.raises(InputError, match=words):
        extractor(images)


LATE = "layers.mixed_9.tower_1_mixed_conv"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({f"{LATE}.beta": None}, rf"lack {LATE}\.beta"),
        ({f"{LATE}.mean": np.zeros(2)}, r"has shape \(2,\), not \(384,\)"),
        ({f"{LATE}.var": np.full(384, np.nan)}, rf"{LATE}\.var of the Inception weights has NaN"),
        ({"fc.weight": np.zeros((1000, 2048))}, "are those of torchvision"),
        ({"layers.conv.weight": None}, r"lack Conv2d_1a_3x3\.conv\.weight"),
    ],
)
def test_other_weights_are_refused(change, words):
    tensors = {name: values for name, values in (drawn() | change).items() if values is not None}
    with pytest.raises(InputError, match=words):
        inception.network(tensors)


def test_another_resize_is_refused(file):
    with pytest.raises(InputError, match='resize must be "clean" or "legacy", received .area.'):
        inception_features.load(file, resize="area")


def test_clean_resize_has_antialias_and_is_not_rounded():
    checkers = (np.indices((598, 598)).sum(0) % 2 * 255).astype(np.uint8)
    resized = clean_resize(np.repeat(checkers[None, ..., None], 3, axis=-1), 299)
    assert resized.shape == (1, 299, 299, 3) and resized.dtype == np.float32
    # At the border the filter is cut off, and what is left of it does not balance.
    np.testing.assert_allclose(resized[:, 2:-2, 2:-2], 127.5, atol=0.01)
    step = np.repeat(np.repeat([[[[0]], [[255]]]], 2, axis=2), 3, axis=3).astype(np.uint8)
    resized = clean_resize(step, 299)
    assert resized.min() == 0 and resized.max() == 255 and (resized % 1 > 0.01).any()
    assert clean_resize(np.full((1, 5, 9, 3), 7, np.uint8), 299) == pytest.approx(7, abs=1e-4)


def test_legacy_resize_starts_in_the_corner():
    ramp = np.array([0, 100], np.uint8).reshape(1, 1, 2, 1).repeat(3, axis=-1)
    resized = np.asarray(legacy_resize(ramp, 299))
    expected = 100 * np.minimum(np.arange(299) * 2 / 299, 1)
    np.testing.assert_allclose(resized[0, 7, :, 1], expected, atol=1e-3)
    checkers = (np.indices((598, 598)).sum(0) % 2 * 255).astype(np.uint8)
    resized = np.asarray(legacy_resize(checkers[None, ..., None], 299))
    assert resized.max() == 0  # every second pixel of every second row


def test_the_published_weights_give_the_features_of_pytorch():
    download, packaged = weights.PUBLISHED["inception"]
    if not any(
        (weights.cache_folder() / "weights" / f.file).exists() for f in (*download, packaged)
    ):
        pytest.skip("the published Inception weights are not in the cache folder")
    features = inception_features.load()(IMAGE[None])
    assert features[0, ::290] == pytest.approx(OF_PUBLISHED, rel=1e-4, abs=1e-5)
    assert features.mean() == pytest.approx(0.32991683, rel=1e-5)
