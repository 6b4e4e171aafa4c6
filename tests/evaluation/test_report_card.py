import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics import paired, report_card

MARKS = [
    report_card.edge_preservation,
    report_card.colour_consistency,
    report_card.structural_similarity,
    report_card.texture,
    report_card.cycle_consistency,
]
NOISE_X, NOISE_Y = np.random.default_rng(0).integers(0, 256, (2, 4, 96, 96, 3), np.uint8)
RED, BLUE = (255, 0, 0), (0, 0, 255)


def step(*columns, side=32):
    """One image, black, that turns to white or back at each of the columns."""
    turns = np.sum([np.arange(side) >= column for column in columns], axis=0)
    return np.tile(np.uint8(255 * (turns % 2))[None, None, :, None], (1, side, 1, 3))


def flat(colour, side=32):
    return np.full((1, side, side, len(colour)), colour, np.uint8)


@pytest.mark.parametrize("mark", MARKS)
def test_an_untouched_image_has_full_marks(mark):
    for x in (NOISE_X, step(7), flat((9, 8, 7)), NOISE_X.astype(np.uint16) * 257):
        scores = mark(x, x)
        assert scores.shape == (len(x),) and scores.dtype == np.float64
        np.testing.assert_allclose(scores, 1, atol=1e-12)


@pytest.mark.parametrize("mark", MARKS[:4])
def test_each_image_has_its_own_range(mark):
    np.testing.assert_allclose(mark(NOISE_X, NOISE_X / 127.5 - 1, range_y=(-1, 1)), 1)
    np.testing.assert_allclose(mark(NOISE_X / 127.5 - 1, NOISE_X, (-1, 1)), 1)


@pytest.mark.parametrize(
    ("x", "y", "wanted"),
    [
        (step(16), step(17), 1),  # within the tolerance
        (step(16), step(18), 0),
        (step(16), step(26), 0),
        (step(16), 255 - step(16), 1),  # inverted
        (step(8), step(8, 24), 2 / 3),  # precision 1/2, recall 1
        (step(8, 24), step(8), 2 / 3),  # precision 1, recall 1/2
        (step(8, 20), step(8, 26), 1 / 2),
        (flat(RED), flat(BLUE), 1),  # no edges in either
        (flat(RED), step(16), 0),
        (step(16), flat(RED), 0),
    ],
)
def test_edges_computed_by_hand(x, y, wanted):
    assert report_card.edge_preservation(x, y) == pytest.approx(wanted)


def test_the_thresholds_of_edges():
    def fading(height):
        """A step of 60 grey levels that becomes lower from row to row, down to a height."""
        image = np.zeros((1, 96, 96, 1), np.uint8)
        image[0, :, 48:, 0] = np.maximum(60 - np.arange(96), height)[:, None]
        return image

    # A step's Sobel gradient is four times its height: 38 is the least above 150, 13 above 50.
    mark = report_card.edge_preservation
    assert mark(np.minimum(fading(0), 37), flat((0,), 96)) == 1
    assert mark(np.minimum(fading(0), 38), flat((0,), 96)) == 0
    assert mark(fading(60), fading(13)) == 1
    assert mark(fading(60), fading(12)) < 0.8


def test_edges_of_noise():
    assert (report_card.edge_preservation(NOISE_X, flat(RED, 96).repeat(4, axis=0)) == 0).all()
    # As the docstring warns: where edges lie densely, chance agrees.
    assert 0.97 < report_card.edge_preservation(NOISE_X, NOISE_Y).min() < 1


def test_colours_computed_by_hand():
    half = flat(RED)
    half[:, :16] = BLUE
    intersection = report_card.colour_consistency
    assert intersection(half, flat(RED)) == 0.5
    assert intersection(half, half[..., ::-1]) == 1  # red and blue swapped
    assert intersection(half, half.swapaxes(1, 2)) == 1  # elsewhere
    assert intersection(flat(RED), flat(RED)[..., ::-1]) == 0
    assert intersection(half, 255 - half) == 0
    assert intersection(flat((31, 95, 255)), flat((0, 64, 224))) == 1  # the same bin
    assert intersection(flat((31, 95, 255)), flat((32, 95, 255))) == 0  # the next


def test_colours_of_noise_against_a_constant():
    inside = (NOISE_X >> 5 == 0).all(axis=-1).mean(axis=(1, 2))
    black = np.zeros_like(NOISE_X)
    np.testing.assert_allclose(report_card.colour_consistency(NOISE_X, black), inside)
    assert inside.mean() == pytest.approx(1 / 512, rel=0.3)


def test_colours_of_gray_images_are_brightness():
    gray = flat((100,))
    gray[:, :8] = 200
    intersection = report_card.colour_consistency
    assert intersection(gray, flat((100, 100, 100))) == 0.75
    assert intersection(gray, flat((110,))) == 0.75
    assert intersection(gray, flat((0,))) == 0
    # Pure green has a luma of 0.587 * 255 = 150, in the bin from 128 to 159.
    assert intersection(flat((0, 255, 0)), flat((128,))) == 1


def test_structure_of_known_images():
    similarity = report_card.structural_similarity
    gray_x, gray_y = (image @ np.array([0.299, 0.587, 0.114]) for image in (NOISE_X, NOISE_Y))
    wanted = paired.ssim(gray_x[..., None], gray_y[..., None], (0, 255))
    assert wanted.max() < 0.1
    np.testing.assert_allclose(similarity(NOISE_X, NOISE_Y), np.maximum(wanted, 0), atol=1e-12)
    np.testing.assert_array_equal(similarity(NOISE_X, 255 - NOISE_X), 0)  # negative SSIM
    assert similarity(flat((0,)), flat((255, 255, 255))) == pytest.approx(1e-4 / 1.0001)
    assert similarity(NOISE_X, np.roll(NOISE_X, 1, axis=2)).max() < 0.1
    # The same luma in other colours.
    assert similarity(flat((0, 100, 0)), flat((100, 49, 0))) == pytest.approx(1, abs=1e-3)


def ring(bright, start=0):
    """A 3x3 image whose centre, 100, has `bright` brighter neighbours in a row."""
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    image = np.full((1, 3, 3, 1), 50, np.uint8)
    image[0, 1, 1] = 100
    for place in range(start, start + bright):
        image[(0, *around[place % 8])] = 150
    return image


def scattered():
    image = ring(1)
    image[0, 2, 2] = 150
    return image


def test_the_ten_patterns_are_told_apart():
    images = [*(ring(bright) for bright in range(9)), scattered()]
    marks = [[report_card.texture(x, y)[0] for y in images] for x in images]
    np.testing.assert_array_equal(marks, np.eye(10))


def test_patterns_do_not_turn_and_ties_count_as_bright():
    for bright in range(9):
        for start in range(8):
            assert report_card.texture(ring(bright), ring(bright, start)) == 1
    assert report_card.texture(flat((7,), 3), ring(8)) == 1


def test_shares_of_patterns():
    # Two pixels have a pattern: of the brighter one (0) and, beside it, of one darker (8).
    x = np.zeros((1, 3, 4, 1), np.uint8)
    x[0, 1, 1] = 9
    assert report_card.texture(x, np.zeros_like(x)) == 0.5


def test_texture_of_known_images():
    texture = report_card.texture
    assert texture(flat((3,)), flat((200, 0, 9))) == 1
    # A pixel of noise is the least of its nine, as every pixel of a constant is, once in nine.
    noise = np.random.default_rng(1).random((1, 200, 200, 1))
    wide = (noise * 65535).astype(np.uint16)
    assert texture(wide, np.zeros_like(wide)) == pytest.approx(1 / 9, abs=0.01)
    assert texture(NOISE_X, NOISE_Y).min() > 0.95
    assert texture(NOISE_X, np.roll(NOISE_X, 40, axis=1)).min() > 0.95
    smooth = np.indices((96, 96)).sum(axis=0)[None, ..., None].astype(np.uint8)
    assert texture(smooth, NOISE_X[:1]) < 0.5


def test_texture_outlives_a_monotone_change_of_brightness():
    gray = NOISE_X[..., :1] // 4
    increasing = np.cumsum(np.random.default_rng(2).integers(1, 5, 64)).astype(np.uint8)
    np.testing.assert_array_equal(report_card.texture(gray, increasing[gray]), 1)
    assert report_card.texture(gray, 255 - gray).max() < 1


def test_floating_point_noise_has_no_texture():
    even = np.full((1, 32, 32, 1), 0.4)
    uneven = even + 1e-6 * np.random.default_rng(3).normal(size=even.shape)
    assert report_card.texture(even, uneven, (0, 1), (0, 1)) == 1


def test_cycle_consistency_computed_by_hand():
    x = np.zeros((3, 2, 2, 1), np.float32)
    cycled = np.stack([np.full((2, 2, 1), value, np.float32) for value in (0.5, -2, 3)])
    marks = report_card.cycle_consistency(x, cycled, (-1, 1))
    np.testing.assert_array_equal(marks, [0.75, 0, 0])
    assert report_card.cycle_consistency(flat((0,)), flat((51,))) == pytest.approx(0.8)


@pytest.mark.parametrize("mark", MARKS)
def test_what_cannot_be_compared_is_refused(mark):
    spoiled = NOISE_X / 255
    spoiled[0, 0, 0, 0] = np.inf
    with pytest.raises(InputError, match="pairs of images of one shape"):
        mark(NOISE_X, NOISE_X[:, :-1])
    with pytest.raises(InputError, match="x must be images"):
        mark(NOISE_X[0], NOISE_X[0])
    with pytest.raises(InputError, match="y holds NaN or infinite"):
        mark(NOISE_X, spoiled)
    with pytest.raises(InputError, match=r"value_range must be \(low, high\) for float32"):
        mark(NOISE_X.astype(np.float32), NOISE_X.astype(np.float32))


@pytest.mark.parametrize(
    ("mark", "side"), [(report_card.texture, 2), (report_card.structural_similarity, 10)]
)
def test_too_small_images_are_refused(mark, side):
    with pytest.raises(InputError, match=f"at least .* received {side}x{side}"):
        mark(flat(RED, side), flat(BLUE, side))


def test_only_the_cycle_wants_the_same_channels():
    for mark in MARKS[:4]:
        assert 0 <= mark(flat((50,)), flat((50, 50, 50))) <= 1
    with pytest.raises(InputError, match="pairs of images of one shape"):
        report_card.cycle_consistency(flat((50,)), flat((50, 50, 50)))
