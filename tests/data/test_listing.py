"""Folders: what is found in them, in which order, and what is left out."""

import os

import pytest
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import listing


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def found(folder):
    return [path.relative_to(folder).as_posix() for path in listing.images(folder)]


def test_images_in_natural_order_without_hidden_ones(tmp_path):
    touch(tmp_path, "10.png", "9.PNG", "a2.JPeG", "a10.jpg", "sub/1.webp", "notes.txt", "._9.png")
    touch(tmp_path, ".thumbnails/1.png", "@eaDir/9.png/SYNO.jpg", "__MACOSX/9.png", "Thumbs.db")
    assert found(tmp_path) == ["9.PNG", "10.png", "a2.JPeG", "a10.jpg", "sub/1.webp"]


def test_links_to_folders_are_followed_once(tmp_path):
    elsewhere = touch(tmp_path / "disk", "b/2.png", "b/c/3.png")
    folder = touch(tmp_path / "photos", "z/1.png")
    (folder / "a").symlink_to(elsewhere / "b")  # nested: it holds c
    (folder / "again").symlink_to(elsewhere / "b")
    (folder / "of_c").symlink_to(elsewhere / "b/c")
    (folder / "back").symlink_to(folder / "z")  # comes first by name, but z is the real one
    (elsewhere / "b/loop").symlink_to(folder)
    (folder / "itself").symlink_to("itself")
    assert found(folder) == ["a/2.png", "a/c/3.png", "z/1.png"]


def test_links_to_files_are_files_and_one_that_leads_nowhere_is_listed(tmp_path):
    folder = touch(tmp_path, "1.png")
    (folder / "2.png").symlink_to("1.png")
    (folder / "3.png").symlink_to("none.png")
    assert found(folder) == ["1.png", "2.png", "3.png"]
    os.mkfifo(folder / "4.png")  # reading it would wait for ever
    assert found(folder) == ["1.png", "2.png", "3.png"]


def test_what_looks_like_images_is_counted_by_suffix(tmp_path):
    touch(tmp_path, "1.png", "2.psd", "3.PSD", "4.cr2", "5.mp4", "6.nii.gz")
    touch(tmp_path, "README", "labels.json", "names.csv", "a.txt", "index.db")
    with pytest.warns(UserWarning) as caught:
        assert found(tmp_path) == ["1.png"]
    assert [str(warning.message) for warning in caught] == [
        "Files that cannot be read here were left out: 2 .psd, 1 .cr2, 1 .mp4, 1 .nii.gz."
    ]
    assert caught[0].filename == __file__


def test_labels_and_notes_are_left_out_without_a_word(tmp_path, recwarn):
    assert found(touch(tmp_path, "1.png", "1.txt", "1.json", "README.md")) == ["1.png"]
    assert not recwarn.list


def test_folders_without_images_are_refused(tmp_path):
    touch(tmp_path, "x.txt", "y.psd", "z.psd", "noname")
    for folder, reason in (
        (tmp_path / "none", "does not exist"),
        (tmp_path / "x.txt", "not a folder"),
        (tmp_path, r"holds no image .*, but 2 \.psd, 1 without a suffix, 1 \.txt: give"),
    ):
        with pytest.raises(InputError, match=reason):
            listing.images(folder)


@pytest.mark.parametrize("name", ["1.dcm", "1.nii", "1.nii.gz", "1.2.840.1", "IM0001"])
def test_volumes_are_pointed_to_their_option(tmp_path, name):
    (tmp_path / name).write_bytes(bytes(128) + b"DICM")
    with pytest.raises(InputError, match=r"holds volumes \(1 .*\) and no image: .* --volumes A B"):
        listing.images(tmp_path)


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    touch(tmp_path, "1.png", "sub/2.png")

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\)"):
        listing.images(tmp_path)


def test_two_files_of_one_stem_are_refused(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "1.png")
    Image.new("L", (2, 2)).save(tmp_path / "1.jpg")
    with pytest.raises(InputError, match=r"1\.jpg and .*1\.png have one name"):
        listing.stems(listing.images(tmp_path), tmp_path)
