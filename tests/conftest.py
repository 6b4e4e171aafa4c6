"""Fixtures that several rooms share."""

import pytest

from support.datasets import ROOT, fill, make_dataset


@pytest.fixture
def dataset():
    """Seven one-channel and five three-channel images of 16x16."""
    return make_dataset()


@pytest.fixture
def eager():
    """Nothing is compiled, which takes longer than a few steps of a small model do."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def shared_data():
    """The folder of real images, where a developer has one."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real images are not at {folder.name} beside the repository")
    return folder


@pytest.fixture
def two_folders(tmp_path):
    return fill(tmp_path / "photo", range(20)), fill(tmp_path / "drawing", range(100, 112))
