"""The train command: its help, its options by method, its words, budgets of minutes."""

import json
import re
import subprocess
import sys

import pytest

from cyclegan_tf.cli import main
from cyclegan_tf.cli import train as train_command
from cyclegan_tf.data import npz
from cyclegan_tf.methods import registry
from cyclegan_tf.methods.names import METHODS
from cyclegan_tf.methods.train import train
from cyclegan_tf.networks.pretrained import weights
from cyclegan_tf.training import time_budget
from support.classifiers import drawn
from support.datasets import make_dataset, make_digits

LATENT = {"filters": 2, "blocks": 1, "disc_layers": 1, "disc_scales": 1}
PATCHES = {"filters": 2, "blocks": 1, "disc_layers": 1, "patches": 4}
#: Options of small models, where a method's own defaults are large.
SMALL = {
    "cyclegan": {"filters": 2, "blocks": 1, "disc_layers": 1},
    "cut": PATCHES,
    "fsesim": PATCHES,
    "matched": PATCHES,
    "unit": LATENT,
    "munit": LATENT | {"hidden": 4},
    "pix2pix": {"filters": 2, "disc_layers": 1},
    "dcgan": {"filters": 2},
    "cgan": {"filters": 2},
    "autoencoder": {"latent": 2},
    "vae": {"latent": 2},
    "cvae": {"filters": 2, "latent": 2},
}


@pytest.fixture(autouse=True)
def threads_stay_as_they_are(monkeypatch):
    """TensorFlow takes thread settings only before its first operation."""
    monkeypatch.setattr(train_command, "_set_up_tensorflow", lambda deterministic: None)


@pytest.fixture
def timed(monkeypatch):
    """Models that were timed: a step takes half a minute, and so one fits into each epoch."""
    models = []

    def trial(model, batch_size=1):
        models.append((model.method, batch_size))
        return time_budget.Trial(0.0, 30.0)

    monkeypatch.setattr(time_budget, "trial", trial)
    return models


def run(*words):
    return main.main([str(word) for word in words])


def as_words(options):
    return [
        word for name, value in options.items() for word in ("--" + name.replace("_", "-"), value)
    ]


def flags(text):
    """The options that a help text lists, those that switch something off aside."""
    return set(re.findall(r"^ +(--[a-z0-9-]+)", text, re.MULTILINE))


def help_of(capsys, *words):
    with pytest.raises(SystemExit, match="0"):
        run("train", *words, "--help")
    return capsys.readouterr().out


def test_help_is_short_and_quick():
    code = (
        "import sys; from cyclegan_tf.cli import main\n"
        "try: main.main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'keras', 'PIL'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) < 80 and set(METHODS) <= set(done.stdout.split())
    assert {"--data-b", "--method", "--minutes", "--epochs"} <= flags(done.stdout)
    assert not {"--filters", "--size", "--evaluate", "--pictures"} & flags(done.stdout)


@pytest.mark.parametrize("method", METHODS)
def test_help_of_a_method_has_its_options_and_no_others(method, capsys):
    shown = flags(help_of(capsys, "--method", method))
    own = {each.flag for each in registry.find(method).declared.values() if not each.of_run}
    of_others = {
        each.flag for name in METHODS for each in registry.find(name).declared.values()
    } - own
    assert own <= shown and not shown & (of_others - {"--seed"})
    assert {"--size", "--evaluate"} <= shown and not {"--loss", "--convolutions"} & shown


def test_help_shows_a_presets_defaults(capsys):
    plain, fast = (
        " ".join(help_of(capsys, "--method", name).split())
        for name in ("cyclegan", "cyclegan_fast")
    )
    assert "each network (default: 64)" in plain and "each network (default: 16)" in fast
    assert "6 up to 128 pixels and 9 above" in plain and "9 above" not in fast
    assert "cartoons (default: off)" in plain and "cartoons (default: by the data)" in fast


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--method munit --prior learned", "--prior is no option of munit: it belongs to cvae"),
        ("--no-binarize", "--no-binarize is no option of cyclegan: it belongs to vae, cvae"),
        ("--method fastcut --cycle-weight 3", "--cycle-weight is no option of fastcut: it belongs"),
        ("--cycle-wieght 3", "is no option of train: did you mean --cycle-weight?"),
        ("--epoch 3", "--epoch is no option of train: did you mean --epochs?"),
        ("--batch-size 3", "--batch-size is called --batch here."),
        ("--disc-layers 2", "--disc-layers 2 needs images of at least 12 pixels, received 8x8"),
        ("--minutes 1 --steps 3", "--steps has no use with --minutes: leave it out."),
        ("--minutes 1 --constant-rate", "--constant-rate has no use with --minutes"),
        ("--disc-features alex", "--disc-features alex needs --disc-norm spectral, received"),
        ("--accumulate 2 --blocks 1 --disc-layers 0", "--accumulate must divide the batch"),
        ("--method cgan", "domain A must hold one-hot images"),
        ("--method vae --binarize --likelihood gaussian", "--binarize must be False with"),
        ("--method unit --blocks 1 --shared-blocks 2", "--shared-blocks must be at most"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_the_words_of_the_command(line, said, tmp_path, capsys):
    npz.save(tmp_path / "data.npz", make_dataset(size=8))
    words = ["--filters", 2, "--epochs", 1] if "vae" not in line else ["--epochs", 1]
    assert run("train", tmp_path / "data.npz", tmp_path / "run", *words, *line.split()) == 2
    err = capsys.readouterr().err
    assert said in err and "_" not in err.replace(str(tmp_path), "")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--disc-learning-rate -1", "must be a number of at least 0, received '-1'"),
        ("--beta-2 1.5", "must be a number of at least 0 and below 1, received '1.5'"),
        ("--learning-rate nan", "must be a number of at least 0, received 'nan'"),
        ("--filters 2.5", "must be a whole number of at least 1, received '2.5'"),
        ("--minutes 0", "must be a number above 0, received '0'"),
        ("--minutes inf", "must be a number above 0, received 'inf'"),
        ("--loss wasserstein", "invalid choice: 'wasserstein'"),
        ("--convolutions slow", "invalid choice: 'slow'"),
        ("--method gan", "argument --method: invalid choice: 'gan'"),
        ("--method", "argument --method: expected one argument"),
    ],
)
def test_values_out_of_bounds_are_refused(line, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        run("train", "x", "r", *line.split())
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "new", "value"),
    [
        ("--loss hinge", "--adversarial-loss", "hinge"),
        ("--convolutions plain", "--fast-convolutions", False),
        ("--convolutions auto", "--fast-convolutions", None),
        ("--pictures 3", "--images", 3),
        ("--evaluate-pictures 4", "--evaluate-images", 4),
    ],
)
def test_old_names_still_work_and_say_their_new_ones(line, new, value, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(train_command, "_train_on", lambda strategy, options: seen.append(options))
    assert run("train", "x", "r", *line.split()) == 0
    assert getattr(seen[0], new[2:].replace("-", "_")) == value
    assert f"{line.split()[0]} is now called {new}." in capsys.readouterr().err


def test_dry_run_prints_what_would_be_and_makes_nothing(tmp_path, capsys):
    npz.save(tmp_path / "data.npz", make_dataset(channels=(3, 3)))
    words = ["--method", "cyclegan_fast", "--disc-layers", 1, "--epochs", 3, "--dry-run"]
    assert run("train", tmp_path / "data.npz", tmp_path / "run", *words) == 0
    said = capsys.readouterr().out
    for line in (
        "method: cyclegan_fast, a preset of cyclegan",
        "filters: 16",
        "residual: True",
        "cycle_weight: 3.0",
    ):
        assert line in said
    assert re.search(r"gen_ab: [\d,]+\n", said) and re.search(r"Memory: about .* for a step", said)
    assert "3 epochs of 7 steps, batches of 1" in said
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_budget_of_minutes(method, timed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(weights, "load", lambda name, path=None: (drawn(name), "drawn"))
    found = registry.find(method)
    if found.one_domain or found.model.method == "cgan":
        dataset = make_digits()
    else:
        size = 64 if found.model.method == "pix2pix" else 32
        dataset = make_dataset(count_a=5, size=size, channels=(3, 3), paired=True)
    options = SMALL[found.model.method] | {"minutes": 2, "dry_run": True}
    train(method, dataset, tmp_path / "run", batch_size=4, epochs=2, **options)
    assert timed == [(found.model.method, 4)]
    # Of 120 seconds 5% and one for each epoch are kept back: 3 steps fit, or one in each epoch.
    assert "run: 2 epochs of 1 step, batches of 4" in capsys.readouterr().out


def test_a_trial_times_what_a_run_does(eager):
    """Of a method for one domain, too, whose first image shape is None."""
    for method, shapes in (("vae", ((8, 8, 1),)), ("cgan", ((1, 1, 3), (8, 8, 1)))):
        model = registry.make(method, *shapes, **SMALL[method])
        start, step = time_budget.trial(model, batch_size=2, seconds=0.01)
        assert start > 0 and step > 0


def test_a_run_of_minutes_goes_on_with_what_was_begun(timed, tmp_path, capsys, monkeypatch, eager):
    npz.save(tmp_path / "digits.npz", make_digits())
    words = ["--method", "vae", "--minutes", 1.5, "--epochs", 2, "--latent", 2, "--batch", 4]
    command = ["train", tmp_path / "digits.npz", tmp_path / "run", *words]
    assert run(*command) == 0
    assert "For 1.5 minutes on this machine: 2 steps" in capsys.readouterr().out
    monkeypatch.delattr(time_budget, "trial")
    assert run(*command) == 0
    said = capsys.readouterr().out
    assert "was begun with 2 steps: it goes on with them" in said
    assert "has its 2 epochs already" in said


@pytest.mark.slow
def test_python_and_the_command_make_the_same_of_the_same_words(tmp_path, eager):
    """Residual by the data, the batch by the method."""
    cases = {
        "cyclegan_fast": (make_dataset(channels=(3, 3)), SMALL["cyclegan"] | {"seed": 3}),
        "dcgan": (make_digits(128), {"filters": 1, "noise_size": 2}),
    }
    for method, (dataset, options) in cases.items():
        data, folders = tmp_path / f"{method}.npz", [tmp_path / f"{method}-{i}" for i in (0, 1)]
        npz.save(data, dataset)
        words = ["--method", method, "--epochs", 1, "--steps", 1, *as_words(options)]
        assert run("train", data, folders[0], *words) == 0
        train(method, npz.load(data), folders[1], epochs=1, steps_per_epoch=1, **options)
        for name in ("run.json", "epochs/epoch_001.png"):
            command, python = ((each / name).read_bytes() for each in folders)
            assert command == python
    fast, dcgan = (json.loads((tmp_path / f"{name}-0/run.json").read_text()) for name in cases)
    assert fast["arguments"]["residual"] is True and fast["training"]["augment"] == "mirror"
    assert dcgan["training"]["batch_size"] == 128
