"""Images of volumes: which way round, how large, which gray; and the notebook's sliders."""

import base64
import io
import sys

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("nibabel", reason="the extra medical is not installed")

import nibabel as nib

from cyclegan_tf.cli import main
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes import figures
from cyclegan_tf.volumes.viewer import Viewer, montage, planes_image
from cyclegan_tf.volumes.volume import Volume

N = 24
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
#: Blue, white and red of differences.
LESS, SAME, MORE = (5, 48, 97), (247, 246, 246), (103, 0, 31)


def volume(voxels, spacing=(1, 1, 1), modality="", origin=None):
    """A volume whose first voxel lies at (0, 0, 0)."""
    return Volume(np.asarray(voxels, np.float32), np.diag([*spacing, 1.0]), modality, origin)


def corner(value=100.0, nothing=0.0):
    """Bright in the right, anterior, superior eighth only."""
    voxels = np.full((N, N, N), nothing)
    voxels[N // 2 :, N // 2 :, N // 2 :] = value
    return voxels


def panes(image, rows, side=240):
    """The slices in an image of a cube, `[row][axis]`, as arrays."""
    array = np.asarray(image)
    assert len(array) == rows * (side + 36) + 44
    return [
        [array[top : top + side, left : left + side] for left in (14, 268, 522)]
        for top in (22 + row * (side + 36) for row in range(rows))
    ]


def quadrants(pane):
    """The colours in the middle of the four quarters, row by row."""
    ends = [len(pane) // 3, len(pane) * 2 // 3]
    return [tuple(int(n) for n in pane[y, x]) for y in ends for x in ends]


def test_slices_are_shown_as_radiologists_look_at_them():
    image = planes_image(volume(corner()), at=(16, 16, 16), window=(0, 100), side=240)
    ((axial, coronal, sagittal),) = panes(image, 1)
    # Right is left, front is above; right is left, head is above; front is left, head is above.
    for pane in (axial, coronal, sagittal):
        assert quadrants(pane) == [WHITE, BLACK, BLACK, BLACK]
    through_left = planes_image(volume(corner()), at=(4, 16, 16), window=(0, 100), side=240)
    ((axial, coronal, sagittal),) = panes(through_left, 1)
    assert quadrants(axial) == quadrants(coronal) == [WHITE, BLACK, BLACK, BLACK]
    assert quadrants(sagittal) == [BLACK] * 4


@pytest.mark.parametrize("codes", ["LPS", "ASR", "IRP"])
def test_the_order_of_voxels_in_the_file_is_not_seen(codes):
    rng = np.random.default_rng(0)
    image = nib.Nifti1Image(rng.normal(size=(9, 12, 7)).astype("f4"), np.diag([2, 1.5, 3, 1]))
    to = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(image.affine), nib.orientations.axcodes2ornt(codes)
    )
    turned = image.as_reoriented(to)
    assert "".join(nib.aff2axcodes(turned.affine)) == codes
    images = [
        planes_image(Volume(i.get_fdata(dtype="f4"), i.affine), at=(4, 6, 9), window=(-2, 2))
        for i in (image, turned)
    ]
    np.testing.assert_array_equal(*images)


def test_thick_slices_are_shown_in_their_true_height():
    voxels = np.zeros((N, N, 6))
    voxels[:, :, 4] = 100  # from 15.5 to 19.5 mm, of -0.5 to 23.5 mm
    image = planes_image(volume(voxels, (1, 1, 4)), at=(2, 2, 16), window=(0, 100), side=240)
    ((axial, coronal, sagittal),) = panes(image, 1)
    assert quadrants(axial) == [WHITE] * 4
    for pane in (coronal, sagittal):
        bright = np.flatnonzero(pane[:, 60, 0] > 127)
        assert (bright[0], bright[-1]) == (40, 79)


def test_shades_go_by_the_window():
    levels = np.repeat([-500.0, 0.0, 400.0, 1500.0], N // 4)  # from left to right of the patient
    voxels = np.broadcast_to(levels[:, None, None], (N, N, N))

    def shades(modality, **options):
        image = planes_image(volume(voxels, modality=modality), at=(9, 9, 9), side=240, **options)
        ((axial, _, _),) = panes(image, 1)
        return [int(n) for n in axial[60, [210, 150, 90, 30], 0]]

    assert shades("CT") == [0, 42, 128, 255]  # of -200 to 1000: 0, 1/6, 1/2, 1
    assert shades("CT", window="bone") == [0, 71, 128, 255]  # of -500 to 1300
    assert shades("", window="bone") == [0, 71, 128, 255]
    assert shades("CT", window=(0, 1500)) == [0, 0, 68, 255]
    assert shades("CT", window="full") == [0, 64, 115, 255]  # of -500 to 1500
    assert shades("MR", window="bone") == shades("MR") == [0, 64, 115, 255]  # percentiles


def test_other_is_compared_in_one_window_and_a_signed_map():
    other = corner(150.0, -50.0)
    other[: N // 2] = 0  # the same on the left
    pair = volume(corner(), modality="CT"), volume(other, modality="CT")
    options = {"at": (16, 16, 16), "window": (0, 100), "side": 240}
    image = planes_image(*pair, difference_window=50, **options)
    first, second, difference = panes(image, 3)
    assert quadrants(first[0]) == quadrants(second[0]) == [WHITE, BLACK, BLACK, BLACK]
    assert quadrants(difference[0]) == [MORE, SAME, LESS, SAME]
    assert quadrants(difference[2]) == [MORE, LESS, LESS, LESS]
    # By default up to the 99th percentile, which is 50.
    np.testing.assert_array_equal(image, planes_image(*pair, **options))
    named = {"first": pair[0], "second": pair[1]}
    same = planes_image(named, difference=("second", "first"), **options)
    np.testing.assert_array_equal(image, same)
    # The unit stands beside the bars and nowhere else.
    unitless = planes_image(*(volume(v.voxels) for v in pair), difference_window=50, **options)
    changed = np.flatnonzero((np.asarray(image) != np.asarray(unitless)).any((0, 2)))
    assert changed.min() > 522 + 240 + 14 + 12
    below = np.asarray(image)[600:] != np.asarray(unitless)[600:]
    assert below.any()  # beside the third bar, too


def test_volumes_without_a_usual_window_are_compared_in_that_of_the_first():
    pair = volume(corner(), modality="MR"), volume(corner(50.0), modality="MR")
    first, second, _ = panes(planes_image(*pair, at=(16, 16, 16), side=240), 3)
    assert quadrants(first[0])[0] == WHITE
    assert quadrants(second[0])[0] == (128, 128, 128)
    named = dict(zip("ab", pair, strict=True))
    options = {"difference": ("b", "a"), "window": {"b": (0, 200)}, "at": (16, 16, 16), "side": 240}
    first, second, _ = panes(planes_image(named, **options), 3)
    assert quadrants(first[0])[0] == WHITE
    assert quadrants(second[0])[0] == (64, 64, 64)


def test_the_window_of_a_difference_is_round():
    assert figures.difference_limit(np.array([3.0, -42.0])) == 50
    assert figures.difference_limit(np.array([-0.011] * 9 + [np.nan])) == 0.02
    assert figures.difference_limit(np.array([1000.0])) == 1000
    assert figures.difference_limit(np.zeros(3)) == 1


def test_other_modality_is_shown_but_not_subtracted():
    ct, mr = volume(corner(), modality="CT"), volume(corner(), modality="MR")
    panes(planes_image(ct, mr, side=240), 2)
    with pytest.raises(InputError, match="of one modality, received CT and MR"):
        planes_image({"a": ct, "b": mr}, difference=("a", "b"))


def test_the_centre_is_that_of_the_body():
    voxels = np.full((60, 50, 120), -1000.0)
    voxels[10:20, 30:40, 70:100] = 40
    looked_at = Viewer({"CT": volume(voxels, (1, 1, 2), "CT")})
    assert looked_at.numbers == {"sagittal": 15, "coronal": 35, "axial": 85}


def test_marks_and_captions_belong_to_the_voxel():
    shown = volume(np.random.default_rng(0).normal(size=(N, N, N)))
    at = [planes_image(shown, at=at, window=(-2, 2)) for at in ((5, 6, 7), (5.4, 5.6, 7.3))]
    np.testing.assert_array_equal(*at)
    array = np.asarray(planes_image(shown, at=(5, 6, 7), side=240))[..., 0]
    # Voxel 5 of 24 from the left lies 18.5 from the right: of 240 pixels, at 185.
    above = [np.flatnonzero(array[18, left : left + 240] < 100) for left in (14, 268, 522)]
    assert [marks.tolist() for marks in above] == [[185], [185], [175]]
    beside = [np.flatnonzero(array[22:262, left - 3] < 100) for left in (14, 268, 522)]
    assert [marks.tolist() for marks in beside] == [[175], [165], [165]]
    assert figures.position_text("axial", 12.34) == "S 12.3 mm"
    assert figures.position_text("coronal", -7) == "P 7.0 mm"
    assert figures.position_text("sagittal", -0.01) == "R 0.0 mm"


def test_no_number_is_seen():
    voxels = corner()
    voxels[N // 2 :, N // 2 :, : N // 2] = np.nan
    other = volume(voxels)
    image = planes_image(volume(corner()), other, at=(16, 16, 4), window=(0, 100), side=240)
    orange = (255, 170, 0)
    first, second, difference = panes(image, 3)
    assert quadrants(first[0]) == [BLACK] * 4
    assert quadrants(second[0]) == [orange, BLACK, BLACK, BLACK]
    assert quadrants(difference[1]) == [SAME, SAME, orange, SAME]


class Counted:
    """Voxels that count how many are read, and how many at a time."""

    dtype = np.dtype(np.float32)

    def __init__(self, shape):
        self.shape, self.largest, self.total = shape, 0, 0

    def __getitem__(self, index):
        slab = np.broadcast_to(np.float32(1), self.shape)[index]
        self.largest, self.total = max(self.largest, slab.size), self.total + slab.size
        return slab


def test_only_slices_are_read():
    counted = Counted((64, 80, 400))
    shown = Volume(counted, np.eye(4), "CT")
    planes_image(shown, at=(30, 40, 200))
    assert counted.total == 64 * 80 + 64 * 400 + 80 * 400
    planes_image(shown, shown)
    montage(shown, count=5)
    assert counted.largest == 80 * 400
    assert counted.total < 64 * 80 * 400


def test_a_montage_goes_upwards_in_equal_steps():
    voxels = np.broadcast_to(np.arange(40.0), (N, N, 40))
    page = np.asarray(montage(volume(voxels), count=4, window=(0, 51), side=150))
    # Three in a row: a slice and its line of text is 172 high, with its gap 164 wide.
    shades = [int(page[top + 40, left + 40, 0]) for top in (14, 186) for left in (14, 178, 342)]
    assert shades[:4] == [5 * n for n in (5, 15, 25, 35)]
    assert shades[4:] == [255, 255]
    page = np.asarray(montage(volume(voxels[:, :, :2]), count=20, window=(0, 51)))
    assert [int(page[54, left, 0]) for left in (54, 218)] == [0, 5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at": (0, 0, 99)}, r"z 0 to 23\), received"),
        ({"at": (0, 0)}, "at must be three numbers"),
        ({"at": (0, 0, np.nan)}, "at must be three numbers"),
        ({"window": (5, 5)}, "low < high"),
        ({"window": "skull"}, "window must be .* received 'skull'"),
        ({"window": {"truth": "bone"}}, r"window names \['truth'\]"),
        ({"side": 8}, "side must be"),
        ({"difference": ("first", "third")}, "difference must be two names"),
        ({"labels": ("x", "x"), "other": volume(corner())}, "two different names"),
        ({"other": volume(corner()), "difference_window": 0}, "difference_window must be"),
        (
            {"other": volume(np.zeros((3, 4, 5)))},
            "another grid .3x4x5 voxels; 24x24x24",
        ),
        (
            {"other": volume(corner(), (1, 1, 2))},
            "second lies on .* the same place",
        ),
    ],
)
def test_what_cannot_be_shown_is_said(options, message):
    with pytest.raises(InputError, match=message):
        planes_image(volume(corner()), **options)


def test_montage_refuses_what_it_cannot_show():
    with pytest.raises(InputError, match="axis must be"):
        montage(volume(corner()), "oblique")
    with pytest.raises(InputError, match="count must be"):
        montage(volume(corner()), count=0)


def shown(image):
    return np.asarray(Image.open(io.BytesIO(image.value)))


def test_sliders_and_choices_change_the_image():
    pytest.importorskip("ipywidgets", reason="the extra notebooks is not installed")
    rng = np.random.default_rng(0)
    volumes = {
        name: volume(rng.normal(300, 300, (8, 9, 10)), modality="CT") for name in ("fake", "truth")
    }
    pair, at = ("fake", "truth"), {"at": (2, 3, 4)}
    made = Viewer(volumes, pair, **at)
    axial, coronal, sagittal, line, image = made.controls.children
    choice, fake, truth, difference = line.children
    assert [slider.value for slider in (axial, coronal, sagittal)] == [4, 3, 2]
    assert [slider.max for slider in (axial, coronal, sagittal)] == [9, 8, 7]
    np.testing.assert_array_equal(shown(image), planes_image(volumes, difference=pair, **at))
    axial.value, coronal.value, sagittal.value = 7, 1, 5
    at = {"at": (5, 1, 7)}
    np.testing.assert_array_equal(shown(image), planes_image(volumes, difference=pair, **at))
    choice.value = "bone"
    expected = planes_image(volumes, difference=pair, window="bone", **at)
    np.testing.assert_array_equal(shown(image), expected)
    truth.value = difference.value = False
    expected = planes_image({"fake": volumes["fake"]}, window="bone", **at)
    np.testing.assert_array_equal(shown(image), expected)
    assert (fake.description, difference.description) == ("fake", "fake − truth")


def test_a_saved_notebook_keeps_a_image():
    made = Viewer({"CT": volume(corner(), modality="CT", origin="Jane Doe")})
    bundle = made._repr_mimebundle_()
    kept = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    np.testing.assert_array_equal(kept, planes_image(volume(corner(), modality="CT")))
    assert kept.info == {}
    assert bundle["text/plain"] == "Viewer(CT)"
    if made.controls is not None:
        view = bundle["application/vnd.jupyter.widget-view+json"]
        assert view["model_id"] == made.controls.model_id


def test_without_ipywidgets_the_image_stands_still(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    made = Viewer({"CT": volume(corner(), modality="CT")})
    assert made.controls is None
    assert set(made._repr_mimebundle_()) == {"text/plain", "image/png"}
    assert made._repr_png_().startswith(b"\x89PNG")


def test_view_draws_what_planes_image_draws(tmp_path, capsys):
    a, b, image = (tmp_path / name for name in ("Jane_Doe.npy", "b.npy", "new/p.png"))
    np.save(a, corner())
    np.save(b, corner(50.0))
    assert main.main(["view", str(a), "--output", str(image)]) == 0
    drawn = Image.open(image)
    np.testing.assert_array_equal(drawn, planes_image(volume(corner())))
    words = ["view", str(a), str(b), "--output", str(image), "--at", "1", "2", "3"]
    assert main.main([*words, "--window", "-5", "50"]) == 2
    assert "exists: give another name, or --overwrite" in capsys.readouterr().err
    assert main.main([*words, "--window", "-5", "50", "--overwrite"]) == 0
    pair = volume(corner()), volume(corner(50.0))
    expected = planes_image(*pair, at=(1, 2, 3), window=(-5, 50))
    np.testing.assert_array_equal(Image.open(image), expected)
    assert main.main([*words, "--preset", "bone", "--overwrite"]) == 0
    expected = planes_image(*pair, at=(1, 2, 3), window="bone")
    np.testing.assert_array_equal(Image.open(image), expected)
    assert main.main(["view", str(a), "--output", str(tmp_path / "p.jpg")]) == 2
    assert "must end in .png" in capsys.readouterr().err
