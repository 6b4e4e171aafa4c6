import numpy as np
from PIL import Image

from cyclegan_tf.common import plotting


def flat(value, channels=3, count=2, side=8):
    return np.full((count, side, side, channels), value, "float32")


def test_to_rgb_for_every_number_of_channels():
    assert plotting.to_rgb(flat(0.0, 1)).shape == (2, 8, 8, 3)
    assert plotting.to_rgb(flat(0.0, 2)).shape == (2, 8, 8, 3)
    np.testing.assert_array_equal(plotting.to_rgb(flat(1.0, 5)), np.full((2, 8, 8, 3), 255))
    assert np.unique(plotting.to_rgb(flat(-2.0))).tolist() == [0]


def test_strip_puts_each_image_in_its_place():
    sheet = plotting.strip([("black", flat(-1)), None, ("white", flat(1, 1))], min_side=16)
    pixels = np.array(sheet)
    header = sheet.height - 2 * (16 + plotting.MARGIN)
    assert sheet.width == plotting.MARGIN * 6 + 32
    left = pixels[header : header + 16, plotting.MARGIN : plotting.MARGIN + 16]
    assert left.max() == 0
    second_row = pixels[header + 20 : header + 36, -20:-4]
    assert second_row.min() == 255
    assert pixels[:header].min() < 128  # the labels


def test_small_images_are_enlarged_by_whole_factors():
    checks = flat(-1, side=10)
    checks[:, ::2] = 1
    sheet = np.array(plotting.strip([("", checks)], min_side=25))
    assert set(np.unique(sheet[-34:-4, 4:34])) == {0, 255}  # no colour in between
    assert sheet.shape[1] == 30 + 2 * plotting.MARGIN


def test_stack_keeps_every_sheet_under_its_label():
    red, blue = Image.new("RGB", (40, 10), "red"), Image.new("RGB", (30, 20), "blue")
    page = np.array(plotting.stack([red, blue], ["epoch 5", "epoch 10"]))
    assert page.shape[0] == 10 + 20 + 2 * 32
    assert (page[32:42, :40] == (255, 0, 0)).all() and (page[-20:, :30] == (0, 0, 255)).all()
    # A label that is wider than its sheet is not cut off.
    assert page.shape[1] > 60 and (page[:, -plotting.MARGIN :] == 255).all()


def test_curves_show_each_loss_over_the_epochs():
    history = [
        {"epoch": i, "seconds": 1.0, "adv_ab": 1 / i, "cycle_a": 2 / i, "cycle_error_ab": 0.1}
        for i in (1, 2, 3)
    ]
    left, right = plotting.curves(history).axes
    assert [line.get_label() for line in left.lines] == ["adv_ab"]
    assert [line.get_label() for line in right.lines] == ["cycle_a"]  # the score is no loss
    np.testing.assert_allclose(right.lines[0].get_xydata(), [[1, 2], [2, 1], [3, 2 / 3]])
    assert plotting.to_svg(plotting.curves(history)).startswith("<svg")
    assert plotting.to_svg(plotting.curves([])).startswith("<svg")


def test_scores_pass_over_epochs_that_were_not_scored():
    history = [
        {"epoch": 1, "kid_ab": float("nan"), "kid_ba": float("nan")},
        {"epoch": 2, "kid_ab": 0.5, "kid_ba": 0.7},
        {"epoch": 3, "loss": 1.0},
        {"epoch": 4, "kid_ab": 0.4, "kid_ba": 0.6, "ssim_ab": 0.9},
    ]
    figure = plotting.scores(history, {"kid": "KID", "ssim": "SSIM"}, best_epoch=4)
    kid, ssim = figure.axes
    assert kid.get_title() == "KID"
    assert [line.get_xydata().tolist() for line in kid.lines[:2]] == [
        [[2, 0.5], [4, 0.4]],
        [[2, 0.7], [4, 0.6]],
    ]
    assert ssim.lines[0].get_xydata().tolist() == [[4, 0.9]]
    assert kid.lines[2].get_xdata() == [4, 4]  # the best epoch
