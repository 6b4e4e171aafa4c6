"""The ten lines that a README begins with, and the addresses that people's notebooks hold."""

import importlib
import subprocess
import sys

import pytest
from PIL import Image

import cyclegan_tf as cg
from support.datasets import fill


@pytest.mark.slow
def test_from_two_folders_to_a_translated_image_and_its_scores(tmp_path):
    photos, drawings = (
        fill(tmp_path / "photo", range(8)),
        fill(tmp_path / "drawing", range(99, 107)),
    )
    data = cg.prepare.from_folders(photos, drawings, size=16)
    small = {"filters": 2, "blocks": 1, "disc_layers": 1}
    run = tmp_path / "run"
    history = cg.train("cyclegan", data, run, epochs=2, steps_per_epoch=2, verbose=0, **small)
    assert len(history) == 2
    translated = cg.load(run)(photos / "0.png")
    assert translated.size == Image.open(photos / "0.png").size
    scores = cg.evaluate(run, data, metrics=["edge_preservation"])
    assert "edge" in str(scores).lower()
    assert cg.__version__ and issubclass(cg.InputError, ValueError)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("networks", ["resnet_generator", "unet_generator", "patch_discriminator"]),
        ("recipes", ["cyclegan", "fsesim_fast", "pix2pix"]),
        ("data.npz", ["load", "save", "Dataset"]),
        ("data.prepare", ["from_folders", "from_pairs", "generated", "stream"]),
        ("metrics", ["fid", "kid", "ssim", "psnr", "lpips", "hidden_information"]),
        ("translate", ["load", "translate_files"]),
        ("training_run", ["train"]),
    ],
)
def test_addresses_that_notebooks_hold(module, names):
    found = importlib.import_module(f"cyclegan_tf.{module}")
    assert not [name for name in names if not hasattr(found, name)]


def test_importing_the_package_is_quick_and_leaves_tensorflow_out():
    code = "import cyclegan_tf, sys; assert not {'tensorflow', 'numpy'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_steps_of_a_run_are_those_of_its_epochs(tmp_path):
    with pytest.raises(cg.InputError, match="total_steps has no use here"):
        cg.train("cyclegan", cg.prepare.generated(2, 0, size=16), tmp_path / "r", total_steps=9)


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="pictures"):
        cg.pictures  # noqa: B018
