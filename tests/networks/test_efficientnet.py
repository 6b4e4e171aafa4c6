"""EfficientNet-Lite0, whose features are the second family.

What `IMAGE` gives was computed by PyTorch 2.13 with the network of efficientnet_lite_pytorch 0.1.0,
with the weights of `drawn` and with the published ones:

    network = EfficientNet.from_name("efficientnet-lite0").eval()
    tensors = {name: torch.from_numpy(array) for name, array in drawn().items()}
    network.load_state_dict(tensors, strict=False)
    planes = [
        np.asarray(Image.fromarray(plane).resize((224, 224), Image.BICUBIC)).clip(0, 255)
        for plane in IMAGE.transpose(2, 0, 1).astype(np.float32)
    ]
    network.extract_features((torch.from_numpy(np.stack(planes))[None] - 127) / 128).mean((2, 3))
"""

import pickle
import zlib

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics import efficientnet_features
from cyclegan_tf.networks.pretrained import efficientnet, weights

ROWS, COLUMNS = np.mgrid[:40, :56]
IMAGE = np.stack([6 * ROWS, 255 - 4 * COLUMNS, (ROWS * COLUMNS) % 256], -1).astype(np.uint8)
# Each 180th of the 1280 features, and the mean of all.
OF_DRAWN = [5.64274979, 1.80431223, 5.15101528, 0.42082772, 1.86440086, 2.39034653]
OF_DRAWN += [3.13910961, 4.8287878, 1.87857592]
OF_PUBLISHED = [0.23031603, 0, 0.26402441, 0, 0, 1.56043494, 0, 0.00859516, 0.23457904]


def convolutions():
    """Yields the names of a convolution and its normalization, and the kernel's shape."""
    yield "_conv_stem", "_bn0", (32, 3, 3, 3)
    number, depth = 0, 32
    for blocks, size, _, expansion, filters in efficientnet.STAGES:
        for _ in range(blocks):
            name, inner = f"_blocks.{number}.", expansion * depth
            if expansion > 1:
                yield f"{name}_expand_conv", f"{name}_bn0", (inner, depth, 1, 1)
            yield f"{name}_depthwise_conv", f"{name}_bn1", (inner, 1, size, size)
            yield f"{name}_project_conv", f"{name}_bn2", (filters, inner, 1, 1)
            number, depth = number + 1, filters
    yield "_conv_head", "_bn1", (1280, 320, 1, 1)


def drawn():
    """Tensors, each drawn from its convolution's own generator."""
    tensors = {}
    for name, norm, shape in convolutions():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        he = np.sqrt(2 / np.prod(shape[1:]))
        tensors[f"{name}.weight"] = (rng.standard_normal(shape) * he).astype(np.float32)
        for part, low, high in (
            ("weight", 0.5, 1.5),
            ("bias", 0, 1),
            ("running_mean", -0.1, 0.1),
            ("running_var", 0.5, 1.5),
        ):
            tensors[f"{norm}.{part}"] = rng.uniform(low, high, shape[0]).astype(np.float32)
    return tensors


def check(features, expected):
    assert features.shape == (1, 1280) and features.dtype == np.float32
    found = [*features[0, ::180], features.mean()]
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_features_are_those_of_pytorch(tmp_path):
    (tmp_path / "drawn.pkl").write_bytes(pickle.dumps(drawn(), 4))
    extractor = efficientnet_features.load(tmp_path / "drawn.pkl")
    check(extractor(IMAGE[None]), OF_DRAWN)
    sha256 = weights.locate("efficientnet", tmp_path / "drawn.pkl")[0][1]
    assert extractor.protocol == {
        "efficientnet": {
            "features": "EfficientNet-Lite0 (ImageNet), pooled, 1280-d",
            "weights": sha256,
            "resize": "clean (PIL bicubic, antialias, float)",
        }
    }
    assert extractor.key == f"efficientnet {sha256} clean"


def test_other_weights_are_refused():
    late = {"_bn1.running_var": np.full(1280, np.nan), "_conv_head.weight": np.zeros(2)}
    for name, words in zip(late, ("has NaN", r"has shape \(2,\)"), strict=True):
        with pytest.raises(InputError, match=f"{name} of the EfficientNet-Lite0 weights {words}"):
            efficientnet.network(drawn() | {name: late[name]})


def test_the_published_weights_give_the_features_of_pytorch():
    (file,), _ = weights.PUBLISHED["efficientnet"]
    if not (weights.cache_folder() / "weights" / file.file).exists():
        pytest.skip("the published EfficientNet weights are not in the cache folder")
    check(efficientnet_features.load()(IMAGE[None]), OF_PUBLISHED)
