"""Cartoon faces, drawn from seeds: the data that every notebook can make for itself.

A `Face` names what is drawn (hair, glasses, mouth, colours, ...) and how far it departs from
the average (jitter). `draw` paints it with OpenCV polygons on a canvas several times as large,
which is then averaged down: that is the antialiasing.
"""

import contextlib
import math

import cv2
import numpy as np

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.data.io.image_file import height_width
from cyclegan_tf.data.synthetic import cartoon_face as palettes
from cyclegan_tf.data.synthetic import cartoon_shapes as shapes
from cyclegan_tf.data.synthetic.cartoon_face import CHOICES, Face, combinations, random_face
from cyclegan_tf.data.synthetic.cartoon_shapes import curve, flip, loop, mirrored, ring

__all__ = ["CHOICES", "Face", "cartoons", "combinations", "draw", "random_face"]

INK = (32, 20, 32)  # every outline leans towards this one dark
WHITE = (255, 255, 255)
LINE = 0.032  # width of an outline, in half image sides


def _turn(angle):
    """Returns the matrix that turns points, as columns, by `angle` in radians."""
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _mix(colour, other, amount):
    """Returns a colour that lies `amount`, from 0 to 1, on the way from `colour` to `other`."""
    return tuple(round(c + (o - c) * amount) for c, o in zip(colour, other, strict=True))


def _outline(colour):
    """Returns the dark that outlines a shape of this colour."""
    return _mix(colour, INK, 0.82)


def _shade(skin):
    """Returns the colour of skin in the shadow of hair or chin."""
    return _mix(skin, (120, 30, 50), 0.24)


class _Pen:
    """Paints paths given in the units of the current frame onto an oversized canvas."""

    BITS = 4  # fractional bits of OpenCV's fixed-point coordinates

    def __init__(self, height, width, over, background):
        self.pixels = np.full((height * over, width * over, 3), background, np.uint8)
        self.unit = min(height, width) * over / 2
        self.middle = np.array([width, height]) * over / 2 - 0.5

    def place(self, origin, scale, tilt=0.0):
        """Sets the frame: where its origin lies, how large its units are, how it is turned."""
        self.matrix = (_turn(tilt) * scale).T * self.unit
        self.origin = self.middle + np.array(origin) * self.unit
        self.aspect = abs(scale[0] / scale[1])  # a circle's height in units of its width

    def _points(self, path):
        places = (path @ self.matrix + self.origin) * (1 << self.BITS)
        return np.rint(places).astype(np.int32)

    def _thickness(self, width):
        """What to ask OpenCV for: its lines are 1, 3, 5, 7 pixels wide at 1, 2, 4, 6."""
        return max(1, 2 * round((width * self.unit - 1) / 2))

    def fill(self, paths, colour, line=None, width=LINE):
        """Fills the union of `paths`; the outline `line` runs around it, not inside."""
        pieces = [self._points(path) for path in paths]
        if line is not None:
            thickness = self._thickness(2 * width)
            cv2.polylines(self.pixels, pieces, True, line, thickness, cv2.LINE_8, self.BITS)
        for piece in pieces:
            cv2.fillPoly(self.pixels, [piece], colour, cv2.LINE_8, self.BITS)

    def stroke(self, paths, colour, width=LINE):
        """Draws open lines with round ends."""
        pieces = [self._points(path) for path in paths]
        thickness = self._thickness(width)
        cv2.polylines(self.pixels, pieces, False, colour, thickness, cv2.LINE_8, self.BITS)

    def dot(self, x, y, radius, colour, line=None, width=LINE):
        """Fills a circle that stays round whatever the frame's proportions."""
        self.fill([ring(x, y, radius, radius * self.aspect, 24)], colour, line, width)

    @contextlib.contextmanager
    def inside(self, path, alpha=1.0):
        """What the body paints shows only inside `path`, and only with weight `alpha`."""
        under = self.pixels
        self.pixels = under.copy()
        yield
        painted = cv2.addWeighted(self.pixels, alpha, under, 1 - alpha, 0)
        mask = np.zeros(under.shape[:2], np.uint8)
        cv2.fillPoly(mask, [self._points(path)], 255, cv2.LINE_8, self.BITS)
        self.pixels = cv2.copyTo(painted, mask, under)

    def tint(self, path, colour, alpha):
        """Lays a see-through colour over `path`."""
        with self.inside(path, alpha):
            self.fill([path], colour)


def _draw_shoulders(pen, shirt):
    below = 4 + pen.pixels.shape[0] / pen.unit  # under the lower edge of any image
    top = curve(*mirrored((0.2, 0.62), (0.34, 0.74), (0.62, 0.84), (0.8, 1.02), (0.86, 1.4)))
    pen.fill([np.vstack([top, [(0.86, below), (-0.86, below)]])], shirt, _outline(shirt))


def _draw_neck(pen, face, skin, shirt):
    if face.neckline == "vee":
        throat = np.array(mirrored((0, 1.0), (0.24, 0.68)))
    else:
        throat = curve(*mirrored((0, 0.87), (0.16, 0.82), (0.235, 0.68)))
    neck = np.vstack([throat, [(0.19, 0.3), (-0.19, 0.3)]])
    pen.fill([neck], skin, _outline(skin))
    with pen.inside(neck):  # the shadow of the chin
        pen.fill([ring(0, 0.46, 0.42, 0.27)], _shade(skin))
    if face.neckline == "turtleneck":
        band = loop(*mirrored((0, 0.68), (0.2, 0.65), (0.26, 0.77), (0.2, 0.87), (0, 0.91)))
        pen.fill([band], _mix(shirt, WHITE, 0.15), _outline(shirt))
    elif face.neckline == "collar":
        flap = np.array([(0, 0.92), (0.2, 0.62), (0.36, 0.72), (0.2, 1.02)])
        pen.fill([flap], _mix(shirt, WHITE, 0.25), _outline(shirt))
        pen.fill([flip(flap)], _mix(shirt, WHITE, 0.25), _outline(shirt))
    else:
        pen.stroke([throat], _mix(shirt, INK, 0.35), 0.05)


def _draw_ears(pen, skin):
    ear = loop((0.94, -0.12), (1.12, -0.2), (1.22, -0.02), (1.14, 0.22), (0.94, 0.28))
    fold = curve((1.04, -0.08), (1.13, -0.06), (1.1, 0.08), (1.04, 0.14))
    for side in (ear, flip(ear)):
        pen.fill([side], skin, _outline(skin))
    pen.stroke([fold, flip(fold)], _mix(skin, _outline(skin), 0.55), LINE * 0.8)


def _draw_marks(pen, face, skin):
    if face.marks == "blush":
        for x in (-0.6, 0.6):
            pen.tint(ring(x, 0.36, 0.19, 0.12), (236, 88, 96), 0.32)
    elif face.marks == "freckles":
        for x, y in ((0.46, 0.3), (0.62, 0.34), (0.54, 0.42), (0.72, 0.26), (0.36, 0.38)):
            for side in (-x, x):
                pen.dot(side, y, 0.026, _mix(skin, (130, 60, 40), 0.5))
    elif face.marks == "mole":
        pen.dot(0.6, 0.36, 0.042, _mix(skin, INK, 0.75))


def _draw_beard(pen, face, head, skin, hair):
    if face.beard == "none":
        return
    outlines = shapes.beard_outlines(face.beard, shapes.HEADS[face.head][3:])
    if face.beard == "stubble":
        with pen.inside(head):
            for outline in outlines:
                pen.tint(outline, hair, 0.38)
        return
    pen.fill(outlines, hair, _outline(hair))
    if face.beard in ("full", "long", "circle"):  # room for the mouth
        pen.fill([shapes.SHAVEN], skin)


def _draw_mouth(pen, face, skin):
    dark, red = _outline(skin), _mix((196, 76, 82), skin, 0.15)
    inner = (112, 36, 48)
    wide = 1 + 0.16 * face.mouth_width

    def at_mouth(path):
        return path * (wide, 1) + (0, 0.64)

    if face.mouth in shapes.MOUTH_LINES:
        if face.mouth == "cheeky":
            tongue = loop((-0.02, 0.05), (0.18, 0.03), (0.2, 0.14), (0.1, 0.21), (-0.01, 0.14))
            pen.fill([at_mouth(tongue)], (238, 112, 124), dark, LINE * 0.8)
        pen.stroke([at_mouth(curve(*shapes.MOUTH_LINES[face.mouth]))], dark, LINE * 1.35)
        if face.mouth in ("calm", "frown"):
            pen.stroke([at_mouth(curve((-0.08, 0.14), (0, 0.155), (0.08, 0.14)))], _shade(skin))
    elif face.mouth in shapes.OPEN_MOUTHS:
        opening = at_mouth(shapes.OPEN_MOUTHS[face.mouth])
        if face.mouth == "grin":
            pen.fill([opening], WHITE, dark)
        else:
            pen.fill([opening], inner, dark)
            with pen.inside(opening):
                pen.fill([at_mouth(ring(0, -0.1, 0.3, 0.115))], WHITE)
                pen.fill([at_mouth(ring(0, 0.22, 0.16, 0.1))], (232, 100, 112))
    elif face.mouth == "oh":
        pen.fill([at_mouth(ring(0, 0.04, 0.12, 0.12))], inner, dark)
    elif face.mouth == "lips":
        pen.fill([at_mouth(shapes.LIPS)], red, _mix(red, INK, 0.45), LINE * 0.7)
        pen.stroke([at_mouth(shapes.LIP_LINE)], _mix(red, INK, 0.7), LINE * 0.9)


def _draw_nose(pen, face, skin):
    dark = _mix(skin, _outline(skin), 0.85)
    size = 1 + 0.18 * face.nose_size

    def at_nose(path):
        return path * size + (0, 0.3)

    if face.nose == "round":
        pen.fill([at_nose(ring(0, 0, 0.14, 0.11))], _mix(skin, (224, 90, 80), 0.22))
        pen.stroke([at_nose(shapes.ROUND_NOSE)], dark)
    elif face.nose == "pointed":
        side = at_nose(np.array([(0.02, -0.24), (0.16, 0.1), (-0.03, 0.12)]))
        pen.fill([side], _shade(skin))
        pen.stroke([side[1:]], dark)
    else:
        pen.stroke([at_nose(curve(*line)) for line in shapes.NOSE_LINES[face.nose]], dark)


def _draw_eyes(pen, face, skin, places):
    dark = _mix(_outline(skin), INK, 0.5)
    iris = palettes.IRISES[face.iris]
    radius = 0.2 * (1 + 0.14 * face.eye_size)
    scale = np.array((radius, radius * pen.aspect))
    look = np.array((0.2 * face.gaze_x, 0.14 * face.gaze_y + 0.05)) * scale
    for x, y in places:
        side = (math.copysign(1, x), 1)
        shape = shapes.EYES[face.eyes] * side * scale + (x, y)
        lid = shapes.LIDS[face.eyes] * side * scale + (x, y)
        pen.fill([shape], (252, 252, 250), _mix(skin, dark, 0.5), LINE * 0.55)
        with pen.inside(shape):
            cx, cy = look[0] + x, look[1] + y
            pen.dot(cx, cy, radius * 0.64, iris, _mix(iris, INK, 0.6), LINE * 0.6)
            pen.dot(cx, cy, radius * 0.34, (24, 18, 26))
            pen.dot(cx - radius * 0.24, cy - radius * 0.28, radius * 0.2, WHITE)
        pen.stroke([lid], dark, LINE * 1.5)
        if face.eyes == "lashes":
            pen.stroke([lash * side * scale + (x, y) for lash in shapes.LASHES], dark, LINE)


def _draw_brows(pen, face, colour, places):
    line, weights = shapes.BROWS[face.brows]
    middle = curve(*line)
    thickness = np.interp(np.linspace(0, 3, len(middle)), range(4), weights)
    thickness = thickness[:, None] * (0, shapes.BROW_WEIGHTS[face.brow_weight])
    brow = np.vstack([middle - thickness, (middle + thickness)[::-1]]) * 0.26
    brow = brow @ _turn(0.22 * face.brow_tilt)
    for x, y in places:
        lifted = brow * (math.copysign(1, x), 1) + (x, y - 0.33 - 0.05 * face.brow_height)
        pen.fill([lifted], colour, _mix(colour, INK, 0.3), LINE * 0.25)


def _draw_glasses(pen, face, places):
    lens = shapes.GLASSES[face.glasses]
    if lens is None:
        return
    frame = palettes.FRAMES[face.frame]
    glass, cover = palettes.LENSES[face.lens]
    rims = [lens * (math.copysign(1, x), 1) + (x, y + 0.02) for x, y in places]
    for rim in rims:
        pen.tint(rim, glass, cover)
        with pen.inside(rim, 0.5):
            x, y = rim.mean(axis=0)
            pen.stroke([np.array([(x - 0.24, y + 0.1), (x - 0.02, y - 0.2)])], WHITE, 0.03)
    (x, y), inner, outer = places[1], 0.3, 0.33
    bridge = curve((inner - x, y), (0, y - 0.08), (x - inner, y))
    arms = [np.array([(s * (x + outer), y - 0.06), (s * 1.04, y - 0.1)]) for s in (-1, 1)]
    closed = [np.vstack([rim, rim[:2]]) for rim in rims]
    # A dark edge under the frame keeps white rims apart from pale skin.
    pen.stroke([bridge, *arms, *closed], _mix(frame, INK, 0.75), LINE * 2.0)
    pen.stroke([bridge, *arms, *closed], frame, LINE * 1.25)


def _draw_hair(pen, haircut, colour):
    pen.fill(haircut.front, colour, _outline(colour))
    strands = [curve(*line) for line in haircut.strands]
    pen.stroke(strands, _mix(colour, _outline(colour), 0.6), LINE * 0.9)
    pen.stroke([curve(*line) for line in haircut.shine], _mix(colour, WHITE, 0.38), LINE * 1.9)


def draw(face: Face, size: int | tuple[int, int] = 64) -> np.ndarray:
    """Draws a face.

    The head is fitted to the shorter side; a longer one shows more background or body.

    Args:
        face: What to draw.
        size: Height and width in pixels, or one number for both.

    Returns:
        RGB image, uint8 array (height, width, 3).

    Raises:
        InputError: If `size` is not one or two whole numbers of at least 1.
    """
    height, width = height_width(size)
    skin, shirt, hair = (
        palettes.SKINS[face.skin],
        palettes.SHIRTS[face.shirt],
        palettes.HAIR_COLOURS[face.hair_colour],
    )
    haircut = shapes.HAIRS[face.hair]
    # Samples per pixel and side: small images get a canvas of at least 256.
    over = 3 if min(height, width) > 160 else max(4, math.ceil(256 / min(height, width)))
    pen = _Pen(height, width, over, palettes.BACKGROUNDS[face.background])

    zoom = 1 + 0.05 * face.zoom
    middle = np.array((0.05 * face.shift_x, 0.07 + 0.04 * face.shift_y))
    across = zoom * 0.505 * (1 + 0.06 * face.head_width)
    along = zoom * 0.585 * (1 + 0.05 * face.head_height)
    tilt = math.radians(4) * face.tilt
    body_frame = middle, (zoom, zoom)
    head_frame = middle, (-across if face.mirrored else across, along), tilt

    pen.place(*body_frame)
    _draw_shoulders(pen, shirt)
    pen.place(*head_frame)
    pen.fill(haircut.back, _mix(hair, INK, 0.22), _outline(hair))
    pen.place(*body_frame)
    _draw_neck(pen, face, skin, shirt)

    pen.place(*head_frame)
    head = loop(*mirrored(*shapes.HEADS[face.head]))
    _draw_ears(pen, skin)
    pen.fill([head], skin, _outline(skin))
    with pen.inside(head):  # the shadow of the hair
        pen.fill([np.add(path, (0.03, 0.07)) for path in haircut.front], _shade(skin))
    _draw_marks(pen, face, skin)
    _draw_beard(pen, face, head, skin, hair)
    _draw_mouth(pen, face, skin)
    _draw_nose(pen, face, skin)
    x = 0.405 * (1 + 0.07 * face.eye_spacing)
    eyes = [(-x, 0.02), (x, 0.02)]
    _draw_eyes(pen, face, skin, eyes)
    _draw_hair(pen, haircut, hair)
    _draw_brows(pen, face, _mix(hair, INK, 0.3), eyes)
    _draw_glasses(pen, face, eyes)
    return cv2.resize(pen.pixels, (width, height), interpolation=cv2.INTER_AREA)


def cartoons(
    count: int,
    size: int | tuple[int, int] = 64,
    seed: int = 0,
    *,
    progress: bool = False,
    first: int = 0,
) -> np.ndarray:
    """Draws many faces, each from its own seed.

    Face number i depends on `seed` and i alone, so any slice of a data set can be drawn again:
    `cartoons(5, first=20)` equals `cartoons(25)[20:]`.

    Args:
        count: How many faces, at least 0.
        size: Height and width in pixels, or one number for both.
        seed: The data set's seed, at least 0.
        progress: Whether to show a progress bar.
        first: Number of the first face, at least 0.

    Returns:
        RGB images, uint8 array (count, height, width, 3).

    Raises:
        InputError: If a number is negative, or `size` is not one or two whole numbers.
    """
    for name, value in (("count", count), ("seed", seed), ("first", first)):
        check_whole(name, value, 0)
    images = np.empty((count, *height_width(size), 3), np.uint8)
    for i in tqdm(range(count), desc="cartoons", unit="face", disable=not progress):
        images[i] = draw(random_face(np.random.default_rng([seed, first + i])), size)
    return images
