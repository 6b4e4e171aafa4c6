import sys
import types

import pytest

from cyclegan_tf.common import colab
from cyclegan_tf.common.errors import InputError


@pytest.fixture
def fake_colab(monkeypatch, tmp_path):
    """A Colab machine: `google.colab.drive.mount` makes the folder that Drive has."""
    mounted = []

    def mount(place):
        mounted.append(place)
        (tmp_path / "drive/MyDrive").mkdir(parents=True)

    google, fake = types.ModuleType("google"), types.ModuleType("google.colab")
    fake.drive = types.SimpleNamespace(mount=mount)
    google.colab = fake
    monkeypatch.setitem(sys.modules, "google", google)
    monkeypatch.setitem(sys.modules, "google.colab", fake)
    monkeypatch.setattr(colab, "MOUNT", tmp_path / "drive")
    return mounted


def test_drive_is_mounted_only_if_the_user_says_so(fake_colab, tmp_path):
    assert colab.runs_folder(local=tmp_path / "runs") == tmp_path / "runs"
    assert fake_colab == []
    assert colab.runs_folder(drive=True) == tmp_path / "drive/MyDrive/cyclegan_tf"
    assert fake_colab == [str(tmp_path / "drive")]
    assert (tmp_path / "drive/MyDrive/cyclegan_tf").is_dir()


def test_refused_permission_is_said(fake_colab, monkeypatch, tmp_path):
    sys.modules["google.colab"].drive.mount = lambda place: None
    with pytest.raises(InputError, match="Drive was not mounted"):
        colab.runs_folder(drive=True)


def test_drive_outside_colab_is_said(tmp_path):
    with pytest.raises(InputError, match="works on Colab only"):
        colab.runs_folder(drive=True)
    assert colab.runs_folder(local=tmp_path / "runs").is_dir()
