"""LPIPS against values computed by PyTorch.

Those of `drawn` weights were computed by the PyTorch package lpips 0.1.4, whose `LPIPS(net=...)`
had its state dict replaced by `drawn(network)`:

    x, y = (torch.from_numpy(z.transpose(0, 3, 1, 2).copy()) for z in (X, Y))
    model(x, y).ravel()
"""

import pickle

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics.perceptual import load, lpips
from cyclegan_tf.networks.pretrained import weights
from support.classifiers import NETWORKS, drawn

ROWS, COLUMNS = np.mgrid[:33, :40]
STORED = np.stack([7 * ROWS, 255 - 6 * COLUMNS, (ROWS * COLUMNS) % 256], -1).astype(np.uint8)
X = np.stack([STORED, STORED[::-1]]).astype(np.float32) / 127.5 - 1
Y = np.stack([STORED[:, ::-1], STORED]).astype(np.float32) / 127.5 - 1

OF_DRAWN = {"alex": [0.91477001, 1.06563044], "vgg": [0.74099779, 0.95445865]}
OF_PUBLISHED = {"alex": [0.20841198, 0.13207524], "vgg": [0.78884929, 0.54591513]}


def as_flax(network):
    """`drawn` in the layout of the Flax port, nested."""
    convolutions, _, flax = NETWORKS[network]
    state = drawn(network)
    kernels = [name for name in state if name.startswith("net.") and name.endswith(".weight")]
    nested = {flax: {}}
    for number, (name, _) in enumerate(zip(kernels, convolutions, strict=True)):
        bias = state[name.replace(".weight", ".bias")]
        kernel = np.ascontiguousarray(state[name].transpose(2, 3, 1, 0))
        nested[flax][f"Conv_{number}"] = {"kernel": kernel, "bias": bias}
    for number in range(5):
        head = state[f"lin{number}.model.1.weight"].transpose(2, 3, 1, 0)
        nested[f"NetLinLayer_{number}"] = {"Conv_0": {"kernel": np.ascontiguousarray(head)}}
    return nested


def save(path, tensors):
    path.write_bytes(pickle.dumps(tensors, 4))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weight files of both networks."""
    path = tmp_path_factory.mktemp("weights")
    for network in NETWORKS:
        save(path / f"{network}.pkl", drawn(network))
    return path


@pytest.fixture(scope="module")
def alex(folder):
    """LPIPS with the smaller network and drawn weights."""
    return load("alex", folder / "alex.pkl")


@pytest.mark.parametrize("network", NETWORKS)
def test_distances_are_those_of_pytorch(folder, network):
    distances = load(network, folder / f"{network}.pkl")(X, Y)
    assert distances.dtype == np.float64
    assert distances == pytest.approx(OF_DRAWN[network], rel=1e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_layout_gives_the_same(tmp_path, network):
    state = drawn(network)
    trunk = {
        f"features.{name.split('.', 2)[2]}": values
        for name, values in state.items()
        if name.startswith("net.")
    }
    heads = {name: values for name, values in state.items() if name.startswith("lin")}
    both = [save(tmp_path / "trunk.pkl", trunk), save(tmp_path / "heads.pkl", heads)]
    flax = save(tmp_path / "flax.pkl", as_flax(network))
    for files in (both, flax):
        assert load(network, files)(X, Y) == pytest.approx(OF_DRAWN[network], rel=1e-5)


def test_stored_values_and_their_range(folder):
    file = folder / "alex.pkl"
    x, y = (np.rint((z + 1) * 127.5).astype(np.uint8) for z in (X, Y))
    assert lpips(x, y, weights=file) == pytest.approx(OF_DRAWN["alex"], rel=1e-5)
    quarter = lpips(x / 1020, y / 1020, (0, 0.25), weights=file)
    assert quarter == pytest.approx(OF_DRAWN["alex"], rel=1e-4)


def test_a_distance_is_zero_for_equal_images_and_symmetric(alex):
    np.testing.assert_array_equal(alex(X, X), [0, 0])
    np.testing.assert_allclose(alex(X, Y), alex(Y, X), rtol=1e-6)


def test_gray_is_three_equal_channels(alex):
    gray = X[..., :1]
    np.testing.assert_array_equal(alex(gray, Y), alex(np.repeat(gray, 3, axis=-1), Y))


def test_more_than_one_batch_and_progress(alex, capsys):
    x, y = np.tile(X, (5, 1, 1, 1)), np.tile(Y, (5, 1, 1, 1))
    assert alex(x, y, progress=True) == pytest.approx(OF_DRAWN["alex"] * 5, rel=1e-5)
    assert "10/10" in capsys.readouterr().err


def test_the_protocol_names_network_and_weights(alex, folder):
    sha256 = weights.locate("alex", folder / "alex.pkl")[0][1]
    assert alex.protocol == {"network": "LPIPS 0.1, alex", "weights": sha256}


def test_the_smallest_images(alex, folder):
    assert alex(X[:, :31, :31], Y[:, :31, :31]).min() > 0
    with pytest.raises(InputError, match="alex needs images of at least 31 pixels.*40x30"):
        alex(X.transpose(0, 2, 1, 3)[:, :, :30], Y.transpose(0, 2, 1, 3)[:, :, :30])
    vgg = load("vgg", folder / "vgg.pkl")
    assert vgg(X[:, :16, :16], Y[:, :16, :16]).min() > 0
    with pytest.raises(InputError, match="vgg needs images of at least 16 pixels"):
        vgg(X[:, :15], Y[:, :15])


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (STORED[None], STORED[None], r"x must hold floats in \[-1, 1\], received uint8"),
        (X * 255, Y * 255, r"x must hold floats in \[-1, 1\], received float32 from -255.0 to"),
        (X, Y[:1], "pairs of images of one shape"),
        (X, np.full_like(Y, np.nan), "y holds NaN"),
        (X[..., :2], Y[..., :2], "1 or 3 channels"),
    ],
)
def test_other_images_are_refused(alex, x, y, words):
    with pytest.raises(InputError, match=words):
        alex(x, y)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"net.slice2.3.bias": None}, r"lack AlexNet_0\.Conv_1\.bias or features\.3\.bias or"),
        ({"lin4.model.1.weight": None}, r"lack .* or lin4\.model\.1\.weight: give .* heads"),
        ({"net.slice2.3.weight": np.zeros((1, 2, 3, 4))}, r"\(5, 5, 64, 192\) finite numbers"),
        ({"net.slice2.3.bias": np.full(192, np.inf)}, r"\(192,\) finite numbers"),
    ],
)
def test_other_weights_are_refused(tmp_path, change, words):
    tensors = {name: v for name, v in (drawn("alex") | change).items() if v is not None}
    with pytest.raises(InputError, match=words):
        load("alex", save(tmp_path / "changed.pkl", tensors))


def test_another_network_is_refused():
    with pytest.raises(InputError, match='must be "alex" or "vgg", received .squeeze.'):
        load("squeeze")


@pytest.mark.long
@pytest.mark.parametrize("network", NETWORKS)
def test_the_published_weights_give_the_distances_of_pytorch(network):
    folder = weights.cache_folder() / "weights"
    download, packaged = weights.PUBLISHED[network]
    if not (folder / packaged.file).exists() and not all(
        (folder / f.file).exists() for f in download
    ):
        pytest.skip(f"the published {network} weights are not in the cache folder")
    assert load(network)(X, Y) == pytest.approx(OF_PUBLISHED[network], rel=1e-5)
