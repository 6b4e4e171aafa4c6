"""pix2pix: its networks, its losses on toys known by hand, parity with PyTorch, and its runs."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cyclegan_tf import cli as commands
from cyclegan_tf import recipes
from cyclegan_tf.cli import main
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import denormalize, normalize
from cyclegan_tf.data import npz
from cyclegan_tf.inference import load
from cyclegan_tf.methods.pix2pix import Pix2Pix, Pix2PixOptions, unet
from cyclegan_tf.networks import generator_file
from cyclegan_tf.networks.discriminators import patch_discriminator, pixel_discriminator
from cyclegan_tf.networks.layers.dropout import Dropout, set_test_time
from cyclegan_tf.networks.layers.normalization import BatchNormalization
from cyclegan_tf.training.run import train
from support.datasets import make_dataset

SHAPE = (4, 4, 1)


def trainable(network):
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (lambda: unet(), 54_413_955),
        (lambda: patch_discriminator((None, None, 6), norm="batch"), 2_768_705),
        # Without a discriminator's norm: 1x1 kernels of 6 to 64 (with bias), 128, 1 channels,
        # and the gamma and beta of 128.
        (
            lambda: pixel_discriminator((None, None, 6), norm="batch"),
            6 * 64 + 64 + 64 * 128 + 2 * 128 + 128,
        ),
        # One level fewer: a 512 convolution down, a 1024 to 512 up, and two norms of 512 go.
        (
            lambda: unet(depth=7),
            54_413_955 - 16 * 512 * 512 - 16 * 1024 * 512 - 4 * 512,
        ),
    ],
)
def test_parameter_counts_equal_the_published_ones(network, count):
    assert trainable(network()) == count


@pytest.mark.parametrize(("depth", "levels"), [(8, [5, 4, 3]), (7, [4, 3]), (6, [3]), (5, [])])
def test_dropout_is_where_the_authors_have_it(depth, levels):
    network = unet(filters=1, depth=depth)
    dropouts = [layer for layer in network.layers if isinstance(layer, Dropout)]
    assert [layer.number for layer in dropouts] == levels
    assert {layer.output.shape[-1] for layer in dropouts} <= {8}  # the widest
    assert len(network.inputs) == (2 if levels else 1)


def test_norms_leave_out_the_outermost_and_the_innermost_level():
    layers = unet(filters=1, depth=4).layers
    # Down at levels 1 and 2 of 0..3, up at levels 2, 1 and 0; the last convolution has none.
    assert sum(isinstance(layer, BatchNormalization) for layer in layers) == 5
    biased = [layer for layer in layers if getattr(layer, "use_bias", False)]
    assert biased == [layers[-2]]


def test_initial_weights_follow_the_reference_and_the_seed():
    one, same, other = (unet(filters=16, depth=6, seed=s) for s in (1, 1, 2))
    kernels = np.concatenate([np.ravel(w) for w in one.weights if w.path.endswith("kernel")])
    gammas = np.concatenate([np.ravel(w) for w in one.weights if w.path.endswith("gamma")])
    assert abs(kernels.mean()) < 2e-4 and abs(kernels.std() - 0.02) < 2e-4
    assert abs(gammas.mean() - 1) < 3e-3 and abs(gammas.std() - 0.02) < 3e-3
    assert all(np.array_equal(a, b) for a, b in zip(one.weights, same.weights, strict=True))
    assert not np.array_equal(one.weights[0], other.weights[0])


def test_a_image_depends_on_its_own_noise_alone():
    rng = np.random.default_rng(0)
    network = unet((None, None, 1), filters=2, depth=6, seed=0)
    a = rng.uniform(-1, 1, (3, 64, 64, 1)).astype("float32")
    z = rng.normal(size=(3, 1)).astype("float32")
    together, alone = np.asarray(network([a, z])), np.asarray(network([a[1:2], z[1:2]]))
    np.testing.assert_allclose(together[1:2], alone, atol=1e-6)
    other = np.asarray(network([a[1:2], z[:1]]))
    assert np.abs(other - alone).max() > 1e-3


def scale(by):
    """The generator x -> by * x, with one trainable weight."""
    image = keras.Input(SHAPE)
    layer = keras.layers.Conv2D(1, 1, use_bias=False)
    model = keras.Model(image, layer(image))
    layer.kernel.assign(np.full((1, 1, 1, 1), by))
    return model


def judge(by_a, by_b):
    """The discriminator (a, b) -> by_a * a + by_b * b."""
    image = keras.Input((None, None, 2))
    layer = keras.layers.Conv2D(1, 1, use_bias=False)
    model = keras.Model(image, layer(image))
    layer.kernel.assign(np.reshape([by_a, by_b], (1, 1, 2, 1)))
    return model


def toy(gen=1.0, disc=(1.0, 1.0), **options):
    networks = {"gen_ab": scale(gen)} | ({"disc_b": judge(*disc)} if disc else {})
    model = Pix2Pix(Pix2PixOptions(**options), (SHAPE, SHAPE), networks=networks)
    optimizers = [keras.optimizers.SGD(0.0) for _ in range(2 if disc else 1)]
    model.compile(*optimizers)
    return model


def constant(value):
    return tf.fill((1, *SHAPE), float(value))


def softplus(x):
    return np.log1p(np.exp(x))


def test_losses_by_hand():
    # gen(a) = 2 a; D = 3 a + b. With a = 0.1 and b = 0.5: fake 0.2, logits 0.8 real, 0.5 fake.
    model = toy(2.0, (3.0, 1.0))
    batch = constant(0.1), constant(0.5)
    gen, fake = model.generator_losses(batch)
    disc = model.discriminator_losses(batch, fake)
    losses = {name: float(value) for name, value in (gen | disc).items()}
    assert losses == {
        "l1_ab": pytest.approx(100 * 0.3, rel=1e-6),
        "adv_ab": pytest.approx(softplus(-0.5), rel=1e-6),
        "disc_b": pytest.approx(0.5 * (softplus(-0.8) + softplus(0.5)), rel=1e-6),
    }
    assert set(losses) == set(model.loss_names)


def test_weights_and_the_other_adversarial_loss():
    model = toy(
        2.0, (3.0, 1.0), adversarial_loss="least_squares", adversarial_weight=2, l1_weight=7
    )
    gen, _ = model.generator_losses((constant(0.1), constant(0.5)))
    assert float(gen["l1_ab"]) == pytest.approx(7 * 0.3, rel=1e-6)
    assert float(gen["adv_ab"]) == pytest.approx(2 * 0.5**2, rel=1e-6)


def test_gradients_by_hand():
    model = toy(2.0, (3.0, 1.0), adversarial_loss="least_squares", l1_weight=10)
    batch = constant(0.1), constant(0.5)
    _, (d_gen,), fake = model._generators_part(batch)
    # l1: -a; adversarial: 2 (0.5 - 1) a, through b's channel only.
    assert float(d_gen[0, 0, 0, 0]) == pytest.approx(-10 * 0.1 + 2 * -0.5 * 0.1, rel=1e-5)
    _, (d_disc,) = model._discriminators_part(batch, fake)
    by_a, by_b = np.ravel(d_disc)
    # 0.5 ((r - 1)^2 + f^2) with r = 0.8 and f = 0.5: (r - 1) (a, b) + f (a, fake).
    assert by_a == pytest.approx(-0.2 * 0.1 + 0.5 * 0.1, rel=1e-5)
    assert by_b == pytest.approx(-0.2 * 0.5 + 0.5 * 0.2, abs=1e-6)


def test_l1_alone_has_no_discriminator():
    model = toy(2.0, None, adversarial_weight=0)
    assert model.discriminators == [] and model.loss_names == ("l1_ab",)
    assert model.discriminator_losses((constant(0), constant(0)), None) == {}
    logs = model.train_step((constant(0.1), constant(0.5)))
    assert {name: float(v) for name, v in logs.items()} == {"l1_ab": pytest.approx(30, rel=1e-6)}


def test_real_and_made_images_have_statistics_of_their_own():
    # Real 0.9 and made 0.1 in one batch would be normalized to +1 and -1; alone both become 0.
    image = keras.Input((None, None, 2))
    norm = BatchNormalization()
    networks = {"gen_ab": scale(0.1), "disc_b": keras.Model(image, norm(image)[..., 1:])}
    model = Pix2Pix(Pix2PixOptions(), (SHAPE, SHAPE), networks=networks)
    losses = model.discriminator_losses((constant(1), constant(0.9)), constant(0.1))
    assert float(losses["disc_b"]) == pytest.approx(np.log(2), abs=1e-4)


def test_networks_that_do_not_fit_are_named():
    model = toy()
    model.disc_b = scale(1.0)  # takes B alone
    with pytest.raises(ValueError, match="expected axis -1 .* to have value 1"):
        model.generator_losses((constant(0), constant(0)))
    with pytest.raises(ValueError, match="gen_ab must take 3 channels and give 1, received 1 and"):
        Pix2Pix(Pix2PixOptions(), ((4, 4, 3), SHAPE), networks={"gen_ab": scale(1.0)})


# --- parity --------------------------------------------------------------------------------


def as_torch(torch, network):
    """The network's trainable weights in order, as PyTorch lays them out, wanting gradients."""
    weights = []
    for variable in network.trainable_variables:
        value = np.asarray(variable)
        # (h, w, in, out) and the transposed (h, w, out, in) become what PyTorch has for each.
        value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value
        weights.append(torch.tensor(np.ascontiguousarray(value), requires_grad=True))
    return weights


def torch_unet(torch, weights, x, depth):
    """The authors' U-Net without dropout, as a function of its weights in our order."""
    f, weights, skips = torch.nn.functional, iter(weights), []

    def norm(x):
        return f.batch_norm(x, None, None, next(weights), next(weights), training=True)

    for level in range(depth):
        if level:
            skips.append(x)
            x = f.leaky_relu(x, 0.2)
        x = f.conv2d(x, next(weights), stride=2, padding=1)
        if 0 < level < depth - 1:
            x = norm(x)
    for _ in range(depth - 1):
        x = norm(f.conv_transpose2d(f.relu(x), next(weights), stride=2, padding=1))
        x = torch.cat([skips.pop(), x], 1)
    kernel, bias = weights
    return torch.tanh(f.conv_transpose2d(f.relu(x), kernel, bias, stride=2, padding=1))


def torch_patch(torch, weights, x, layers):
    """The authors' PatchGAN with batch norm, as a function of its weights in our order."""
    f, weights = torch.nn.functional, iter(weights)
    x = f.leaky_relu(f.conv2d(x, next(weights), next(weights), stride=2, padding=1), 0.2)
    for level in range(1, layers + 1):
        x = f.conv2d(x, next(weights), stride=2 if level < layers else 1, padding=1)
        x = f.batch_norm(x, None, None, next(weights), next(weights), training=True)
        x = f.leaky_relu(x, 0.2)
    kernel, bias = weights
    return f.conv2d(x, kernel, bias, padding=1)


def test_images_losses_and_gradients_equal_pytorch():
    torch = pytest.importorskip("torch")
    depth, layers, size = 6, 2, 64
    model = recipes.pix2pix(
        (size, size, 3), (size, size, 1), filters=4, dropout=False, disc_layers=layers, seed=3
    )
    rng = np.random.default_rng(0)
    # Initial weights are small: what the innermost levels do would hardly be seen.
    for network in (model.gen_ab, model.disc_b):
        for weight in network.trainable_variables:
            weight.assign(np.asarray(weight) + rng.normal(0, 0.1, weight.shape))
    a, b = (rng.uniform(-1, 1, (2, size, size, c)).astype("float32") for c in (3, 1))
    gen, disc = as_torch(torch, model.gen_ab), as_torch(torch, model.disc_b)
    losses, gen_gradients, fake = model._generators_part((tf.constant(a), tf.constant(b)))
    disc_losses, disc_gradients = model._discriminators_part((a, b), fake)
    losses |= disc_losses

    ta, tb = (torch.tensor(x.transpose(0, 3, 1, 2)) for x in (a, b))
    tfake = torch_unet(torch, gen, ta, depth)
    np.testing.assert_allclose(
        np.asarray(fake).transpose(0, 3, 1, 2), tfake.detach().numpy(), atol=2e-5
    )
    bce = torch.nn.functional.binary_cross_entropy_with_logits

    def loss(image, target):
        logits = torch_patch(torch, disc, torch.cat([ta, image], 1), layers)
        return bce(logits, torch.full_like(logits, target))

    l1 = 100 * (tfake - tb).abs().mean()
    adversarial = loss(tfake, 1.0)
    judged = 0.5 * (loss(tb, 1.0) + loss(tfake.detach(), 0.0))
    for name, value in (("l1_ab", l1), ("adv_ab", adversarial), ("disc_b", judged)):
        assert float(losses[name]) == pytest.approx(value.item(), rel=1e-4), name
    for ours, theirs in (
        (gen_gradients, torch.autograd.grad(l1 + adversarial, gen)),
        (disc_gradients, torch.autograd.grad(judged, disc)),
    ):
        for mine, other in zip(ours, theirs, strict=True):
            other = other.numpy()
            other = other.transpose(2, 3, 1, 0) if other.ndim == 4 else other
            np.testing.assert_allclose(mine, other, atol=2e-3 * np.abs(other).max() + 1e-7)


# --- runs ----------------------------------------------------------------------------------


def make_model(dataset, **options):
    """The smallest pix2pix with dropout: 64 pixels are halved six times."""
    options = {"filters": 2, "disc_layers": 1} | options
    return recipes.pix2pix(dataset.image_shape_a, dataset.image_shape_b, **options)


@pytest.fixture(scope="module")
def pairs():
    return make_dataset(3, 3, size=64, paired=True)


@pytest.mark.slow
def test_a_run_translates_and_its_choices_can_be_changed(pairs, tmp_path):
    model = make_model(pairs)
    train(model, pairs, tmp_path / "run", 1, verbose=0)
    a = np.asarray(pairs.test_a)

    def translated(**options):
        seed = options.pop("seed", 0)
        return load.load(tmp_path / "run", **options)(a, seed=seed).astype(float)

    default = translated()
    assert default.shape == pairs.test_b.shape
    np.testing.assert_array_equal(default, translated(seed=0))
    assert np.abs(default - translated(seed=1)).max() > 0
    off = translated(dropout=False)
    np.testing.assert_array_equal(off, translated(dropout=False, seed=1))
    assert np.abs(default - off).max() > 0
    assert np.abs(off - translated(dropout=False, statistics="running")).max() > 0


def test_the_choices_are_kept_in_files(pairs, tmp_path):
    network = make_model(pairs).gen_ab
    set_test_time(network, dropout=False, statistics="running")
    generator_file.save(tmp_path / "g.keras", network, generator_file.translation(pairs, "ab"))
    again, _ = generator_file.load(tmp_path / "g.keras")
    kinds = {Dropout: ("always", False), BatchNormalization: ("statistics", "running")}
    for kind, (name, value) in kinds.items():
        assert {getattr(layer, name) for layer in again.layers if isinstance(layer, kind)} == {
            value
        }


def test_a_image_of_the_training_size_is_translated_without_a_border(pairs):
    # Pixels beyond the image would count in its statistics.
    network = make_model(pairs).gen_ab
    translator = load.Translator(network, generator_file.translation(pairs, "ab"))
    x = normalize(pairs.test_a[:1].astype("float32"), (0, 255))
    y = np.asarray(network([x, generator_file.noise(network, 1)]))
    expected = denormalize(y, (0, 255), "uint8").astype(int)
    assert np.abs(translator(pairs.test_a[:1]) - expected).max() <= 1  # rounding


@pytest.mark.slow
def test_the_command_line_trains_and_translates(pairs, tmp_path, capsys, monkeypatch):
    # TensorFlow takes thread settings only before its first operation.
    monkeypatch.setattr(commands.train, "_set_up_tensorflow", lambda deterministic: None)
    data, run, image = (str(tmp_path / name) for name in ("x.npz", "run", "a.png"))
    npz.save(data, pairs)
    Image.fromarray(pairs.test_a[0, ..., 0]).save(image)
    words = ["--method", "pix2pix", "--filters", "2", "--disc-layers", "1", "--epochs", "1"]
    assert main.main(["train", data, run, *words, "--l1-weight", "10", "--steps", "2"]) == 0
    for name, given in {"on": [], "off": ["--dropout", "off", "--statistics", "running"]}.items():
        assert main.main(["translate", run, image, str(tmp_path / f"{name}.png"), *given]) == 0
    on, off = (np.asarray(Image.open(tmp_path / f"{name}.png"), int) for name in ("on", "off"))
    assert on.shape == (64, 64, 3) and np.abs(on - off).max() > 0
    capsys.readouterr()
    assert main.main(["train", data, str(tmp_path / "other"), *words, "--cycle-weight", "5"]) == 2
    assert (
        "--cycle-weight is no option of pix2pix: it belongs to cyclegan," in capsys.readouterr().err
    )


def test_unpaired_data_are_refused(tmp_path):
    unpaired = make_dataset(3, 3, size=16)
    with pytest.raises(InputError, match="pair"):
        train(make_model(unpaired), unpaired, tmp_path / "run", 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adversarial_loss": "hinge"}, "adversarial_loss must be .* received 'hinge'"),
        ({"l1_weight": -1.0}, "l1_weight must be a number of at least 0, received -1.0"),
        ({"adversarial_weight": 0, "l1_weight": 0}, "both 0"),
        ({"disc_layers": 5}, "disc_layers=5 needs images of at least 96 pixels"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(InputError, match=message):
        recipes.pix2pix((64, 64, 1), **options)
