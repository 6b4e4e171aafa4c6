import pytest

from cyclegan_tf.common.atomic_files import replacing, write_text
from cyclegan_tf.common.errors import InputError


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "new" / "file.tar.gz"
    write_text(path, "old")
    with replacing(path) as temporary:
        assert temporary.parent == path.parent and temporary.name.endswith(".tar.gz")
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_said_in_one_sentence(tmp_path):
    write_text(tmp_path / "file", "x")
    with pytest.raises(InputError, match="file/inside.txt cannot be written"):
        write_text(tmp_path / "file" / "inside.txt", "x")
    with pytest.raises(InputError, match="No space left on device"), replacing(tmp_path / "file"):
        raise OSError(28, "No space left on device")
    assert (tmp_path / "file").read_text() == "x"


def test_files_are_as_readable_as_any_other(tmp_path):
    (tmp_path / "plain").write_text("x")
    write_text(tmp_path / "ours", "x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode
