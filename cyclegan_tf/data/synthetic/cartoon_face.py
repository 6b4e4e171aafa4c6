"""A cartoon face in words and numbers, and the palettes that its colours come from."""

import dataclasses
import math

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.synthetic import cartoon_shapes as shapes

# fmt: off
# Palettes, in RGB.
SKINS = {
    "porcelain": (255, 226, 206), "rose": (248, 201, 180), "peach": (245, 190, 150),
    "sand": (232, 184, 136), "honey": (218, 160, 106), "olive": (200, 155, 105),
    "caramel": (178, 118, 74), "chestnut": (146, 92, 60), "cocoa": (116, 72, 50),
    "ebony": (88, 56, 44),
}
HAIR_COLOURS = {
    "black": (42, 36, 44), "espresso": (72, 48, 40), "brown": (118, 76, 48),
    "auburn": (150, 62, 40), "ginger": (222, 112, 44), "gold": (224, 166, 66),
    "blond": (246, 214, 126), "silver": (176, 182, 192), "white": (236, 236, 236),
    "pink": (240, 134, 168), "violet": (138, 98, 188), "blue": (74, 124, 200),
    "mint": (98, 190, 160),
}
IRISES = {
    "brown": (112, 70, 40), "amber": (186, 122, 40), "green": (86, 146, 74), "blue": (66, 130, 200),
    "grey": (118, 134, 148), "violet": (124, 90, 170),
}
FRAMES = {
    "ink": (40, 38, 50), "tortoise": (128, 78, 42), "gold": (206, 160, 60), "cherry": (206, 52, 62),
    "navy": (44, 72, 138), "teal": (30, 140, 140), "plum": (132, 60, 126), "white": (246, 246, 246),
}
# Colour of the glass and how much of it covers the eye.
LENSES = {
    "clear": ((255, 255, 255), 0.18), "rose": ((240, 110, 130), 0.42),
    "sky": ((90, 170, 235), 0.42), "dark": ((34, 34, 46), 0.82),
}
SHIRTS = {
    "brick": (204, 84, 68), "mustard": (228, 176, 68), "moss": (120, 146, 82),
    "teal": (48, 140, 140), "denim": (70, 106, 164), "navy": (52, 60, 100), "plum": (134, 76, 128),
    "rose": (228, 138, 152), "cream": (244, 234, 214), "slate": (98, 106, 118),
}
BACKGROUNDS = {
    "paper": (250, 247, 240), "sky": (190, 222, 244), "mint": (194, 232, 214),
    "lemon": (252, 238, 178), "apricot": (253, 218, 182), "blush": (250, 208, 212),
    "lilac": (220, 208, 242), "aqua": (176, 226, 230), "pistachio": (218, 234, 178),
    "cloud": (222, 228, 236),
}
# fmt: on

CHOICES = {
    "background": tuple(BACKGROUNDS),
    "head": tuple(shapes.HEADS),
    "skin": tuple(SKINS),
    "hair": tuple(shapes.HAIRS),
    "hair_colour": tuple(HAIR_COLOURS),
    "eyes": tuple(shapes.EYES),
    "iris": tuple(IRISES),
    "brows": tuple(shapes.BROWS),
    "brow_weight": tuple(shapes.BROW_WEIGHTS),
    "nose": shapes.NOSES,
    "mouth": shapes.MOUTHS,
    "beard": shapes.BEARDS,
    "marks": shapes.MARKS,
    "glasses": tuple(shapes.GLASSES),
    "frame": tuple(FRAMES),
    "lens": tuple(LENSES),
    "neckline": shapes.NECKLINES,
    "shirt": tuple(SHIRTS),
}
# How often the plain choice is drawn; everything else is drawn evenly.
_PLAIN = {
    "beard": ("none", 0.65),
    "glasses": ("none", 0.6),
    "marks": ("none", 0.45),
    "lens": ("clear", 0.55),
}


@dataclasses.dataclass(frozen=True)
class Face:
    """A cartoon face in words and numbers.

    Each word is one of `CHOICES[field]`. Each number is a departure from the average face in
    [-1, 1]; with all of them 0 the face looks straight ahead from the middle of the image.

    Attributes:
        background: Colour behind the head.
        head: Shape of the skull and jaw.
        skin: Colour of the skin.
        hair: Haircut, "bald" included.
        hair_colour: Colour of hair, brows and beard.
        eyes: Shape of the eyes.
        iris: Colour of the eyes.
        brows: Shape of the brows.
        brow_weight: Thickness of the brows.
        nose: Shape of the nose.
        mouth: Expression.
        beard: Beard or moustache, or "none".
        marks: Blush, freckles, a mole, or "none".
        glasses: Shape of the glasses, or "none".
        frame: Colour of the glasses' frame.
        lens: Tint of the glasses.
        neckline: Cut of the shirt.
        shirt: Colour of the shirt.
        mirrored: Whether the head is drawn left to right reversed.
        head_width: Narrow to broad.
        head_height: Short to long.
        eye_size: Small to large.
        eye_spacing: Close to far apart.
        brow_tilt: Worried to stern.
        brow_height: Low to high.
        mouth_width: Narrow to broad.
        nose_size: Small to large.
        gaze_x: Left to right.
        gaze_y: Up to down.
        tilt: Head inclined to the left or to the right.
        shift_x: Head left or right of the middle.
        shift_y: Head above or below the middle.
        zoom: Far to near.
    """

    background: str = "sky"
    head: str = "oval"
    skin: str = "peach"
    hair: str = "parted"
    hair_colour: str = "brown"
    eyes: str = "round"
    iris: str = "brown"
    brows: str = "soft"
    brow_weight: str = "medium"
    nose: str = "button"
    mouth: str = "smile"
    beard: str = "none"
    marks: str = "none"
    glasses: str = "none"
    frame: str = "ink"
    lens: str = "clear"
    neckline: str = "crew"
    shirt: str = "teal"
    mirrored: bool = False
    head_width: float = 0.0
    head_height: float = 0.0
    eye_size: float = 0.0
    eye_spacing: float = 0.0
    brow_tilt: float = 0.0
    brow_height: float = 0.0
    mouth_width: float = 0.0
    nose_size: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    tilt: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    zoom: float = 0.0

    def __post_init__(self):
        """Refuses words that are not among the choices and numbers outside [-1, 1]."""
        for name, options in CHOICES.items():
            if getattr(self, name) not in options:
                raise InputError(
                    f"{name}={getattr(self, name)!r} cannot be drawn; "
                    f"choose one of {', '.join(options)}."
                )
        for name in _JITTERS:
            if not -1 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must be in [-1, 1], not {getattr(self, name)!r}.")


_JITTERS = tuple(field.name for field in dataclasses.fields(Face) if field.type is float)


def combinations() -> int:
    """Counts the faces that differ in what is drawn, before any jitter or mirroring.

    Frames and lenses count only where there are glasses.
    """
    sizes = {name: len(options) for name, options in CHOICES.items()}
    glasses = 1 + (sizes.pop("glasses") - 1) * sizes.pop("frame") * sizes.pop("lens")
    return glasses * math.prod(sizes.values())


def random_face(rng: np.random.Generator) -> Face:
    """Draws a face's attributes: words mostly evenly, numbers bell-shaped around 0.

    Args:
        rng: Where the randomness comes from; it alone decides the face.

    Returns:
        A `Face`.
    """
    words = {}
    for name, options in CHOICES.items():
        plain, share = _PLAIN.get(name, (None, 0.0))
        others = [option for option in options if option != plain]
        pick = others[int(rng.random() * len(others))]
        words[name] = plain if rng.random() < share else pick
    # The mean of two uniform draws: mostly near 0, never outside [-1, 1].
    jitters = rng.uniform(-1, 1, (2, len(_JITTERS))).mean(axis=0).tolist()
    return Face(
        **words, mirrored=bool(rng.random() < 0.5), **dict(zip(_JITTERS, jitters, strict=True))
    )
