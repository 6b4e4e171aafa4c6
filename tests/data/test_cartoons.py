import dataclasses
import math

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.synthetic import cartoon_face as palettes
from cyclegan_tf.data.synthetic.cartoons import (
    CHOICES,
    Face,
    cartoons,
    combinations,
    draw,
    random_face,
)


def test_face_depends_on_seed_and_number_alone():
    eight = cartoons(8, 32, seed=3)
    np.testing.assert_array_equal(eight, cartoons(8, 32, seed=3))
    np.testing.assert_array_equal(eight[5:7], cartoons(2, 32, seed=3, first=5))
    assert not np.array_equal(eight, cartoons(8, 32, seed=4))


def test_drawing_leaves_no_trace_in_the_next():
    one, other = Face(hair="afro", glasses="heart"), Face(beard="long", tilt=1.0)
    before = draw(one, 48)
    draw(other, 48)
    np.testing.assert_array_equal(draw(one, 48), before)


def test_images_are_distinct():
    many = cartoons(200, 16)
    assert len({image.tobytes() for image in many}) == 200


def test_random_faces_cover_every_choice():
    rng = np.random.default_rng(0)
    faces = [random_face(rng) for _ in range(600)]
    for name, options in CHOICES.items():
        assert {getattr(face, name) for face in faces} == set(options), name
    assert {face.mirrored for face in faces} == {True, False}


def test_number_of_combinations():
    sizes = {name: len(options) for name, options in CHOICES.items()}
    assert sizes["hair"] >= 10
    assert sizes["hair_colour"] >= 8
    bare = math.prod(n for name, n in sizes.items() if name not in ("glasses", "frame", "lens"))
    with_glasses = bare * (sizes["glasses"] - 1) * sizes["frame"] * sizes["lens"]
    assert combinations() == bare + with_glasses
    assert combinations() > 500_000


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_shows(name):
    base = Face(glasses="round", beard="moustache")
    drawn = {draw(dataclasses.replace(base, **{name: option}), 64).tobytes()
             for option in CHOICES[name]}  # fmt: skip
    assert len(drawn) == len(CHOICES[name])


@pytest.mark.parametrize(
    "name", [field.name for field in dataclasses.fields(Face) if field.type is float]
)
def test_every_jitter_shows_within_its_range(name):
    low, middle, high = (draw(Face(**{name: value}), 64).tobytes() for value in (-1.0, 0.0, 1.0))
    assert len({low, middle, high}) == 3
    for value in (-1.01, math.nan):
        with pytest.raises(InputError, match=name):
            Face(**{name: value})


def test_mirroring_reverses_the_head():
    # Nothing but the head and the middle of the shirt: both are drawn the other way round.
    face = Face(hair="parted", mouth="smirk")
    plain, mirrored = draw(face, 64), draw(dataclasses.replace(face, mirrored=True), 64)
    assert not np.array_equal(plain, mirrored)
    difference = plain[:, ::-1].astype(int) - mirrored
    assert np.abs(difference).mean() < 1.5


def test_colours_are_where_they_belong():
    face = Face(skin="honey", hair="bob", hair_colour="blue", background="mint", shirt="navy")
    image = draw(face, 128)
    np.testing.assert_array_equal(image[0, 0], palettes.BACKGROUNDS["mint"])
    np.testing.assert_array_equal(image[84, 50], palettes.SKINS["honey"])  # a cheek
    np.testing.assert_array_equal(image[10, 10], palettes.BACKGROUNDS["mint"])
    np.testing.assert_array_equal(image[126, 30], palettes.SHIRTS["navy"])
    blue = (image == palettes.HAIR_COLOURS["blue"]).all(axis=-1)
    assert 0.08 < blue.mean() < 0.35


@pytest.mark.parametrize("size", [64, 63, 9, 4, (40, 64), (71, 33), (8, 120), (120, 8), 161, 256])
def test_sizes(size):
    height, width = (size, size) if isinstance(size, int) else size
    image = draw(random_face(np.random.default_rng(1)), size)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 8


def test_neighbouring_sizes_show_the_same_face():
    face = random_face(np.random.default_rng(5))
    means = np.array([draw(face, size).mean(axis=(0, 1)) for size in range(8, 100)])
    assert np.abs(np.diff(means, axis=0)).max() < 5


def test_oversampling_factors_agree():
    face = Face(hair="curly", glasses="cat")
    means = [draw(face, size).mean() for size in (160, 161)]
    assert np.ptp(means) < 1.5


def test_edges_are_antialiased():
    # A handful of flat colours; averaging over edges makes many more.
    assert len(np.unique(draw(Face(), 64).reshape(-1, 3), axis=0)) > 150


def test_empty_and_progress(capsys):
    assert cartoons(0, (9, 12)).shape == (0, 9, 12, 3)
    cartoons(2, 16)
    assert capsys.readouterr().err == ""
    cartoons(2, 16, progress=True)
    assert "cartoons" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, named",
    [
        ({"count": -1}, "count"),
        ({"count": 1, "seed": -3}, "seed"),
        ({"count": 1, "first": -1}, "first"),
        ({"count": 1, "size": 0}, "size"),
        ({"count": 1, "size": (64,)}, "size"),
        ({"count": 1, "size": (64, 64, 3)}, "size"),
        ({"count": 1, "size": "64"}, "size"),
        ({"count": 1, "size": 64.0}, "size"),
    ],
)
def test_bad_arguments(arguments, named):
    with pytest.raises(InputError, match=named):
        cartoons(**arguments)


def test_unknown_words_are_refused_with_the_choices():
    with pytest.raises(InputError, match=r"hair='beehive'.*bald.*afro"):
        Face(hair="beehive")
