"""Cartoon faces, drawn from seeds: the data that every notebook can make for itself.

A `Face` names what is drawn (hair, glasses, mouth, colours, ...) and how far it departs from
the average (jitter). `draw` paints it with OpenCV polygons on a canvas several times as large,
which is then averaged down: that is the antialiasing. Shapes are tables of points in head
coordinates: the skull reaches from -1 to 1 both ways, x to the right, y down.
"""

import contextlib
import dataclasses
import functools
import math
import numbers
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from cyclegan_tf.errors import InputError

# ---------------------------------------------------------------------------- palettes (RGB)

SKINS = {
    "porcelain": (255, 226, 206),
    "rose": (248, 201, 180),
    "peach": (245, 190, 150),
    "sand": (232, 184, 136),
    "honey": (218, 160, 106),
    "olive": (200, 155, 105),
    "caramel": (178, 118, 74),
    "chestnut": (146, 92, 60),
    "cocoa": (116, 72, 50),
    "ebony": (88, 56, 44),
}
HAIR_COLOURS = {
    "black": (42, 36, 44),
    "espresso": (72, 48, 40),
    "brown": (118, 76, 48),
    "auburn": (150, 62, 40),
    "ginger": (222, 112, 44),
    "gold": (224, 166, 66),
    "blond": (246, 214, 126),
    "silver": (176, 182, 192),
    "white": (236, 236, 236),
    "pink": (240, 134, 168),
    "violet": (138, 98, 188),
    "blue": (74, 124, 200),
    "mint": (98, 190, 160),
}
IRISES = {
    "brown": (112, 70, 40),
    "amber": (186, 122, 40),
    "green": (86, 146, 74),
    "blue": (66, 130, 200),
    "grey": (118, 134, 148),
    "violet": (124, 90, 170),
}
FRAMES = {
    "ink": (40, 38, 50),
    "tortoise": (128, 78, 42),
    "gold": (206, 160, 60),
    "cherry": (206, 52, 62),
    "navy": (44, 72, 138),
    "teal": (30, 140, 140),
    "plum": (132, 60, 126),
    "white": (246, 246, 246),
}
# Colour of the glass and how much of it covers the eye.
LENSES = {
    "clear": ((255, 255, 255), 0.18),
    "rose": ((240, 110, 130), 0.42),
    "sky": ((90, 170, 235), 0.42),
    "dark": ((34, 34, 46), 0.82),
}
SHIRTS = {
    "brick": (204, 84, 68),
    "mustard": (228, 176, 68),
    "moss": (120, 146, 82),
    "teal": (48, 140, 140),
    "denim": (70, 106, 164),
    "navy": (52, 60, 100),
    "plum": (134, 76, 128),
    "rose": (228, 138, 152),
    "cream": (244, 234, 214),
    "slate": (98, 106, 118),
}
BACKGROUNDS = {
    "paper": (250, 247, 240),
    "sky": (190, 222, 244),
    "mint": (194, 232, 214),
    "lemon": (252, 238, 178),
    "apricot": (253, 218, 182),
    "blush": (250, 208, 212),
    "lilac": (220, 208, 242),
    "aqua": (176, 226, 230),
    "pistachio": (218, 234, 178),
    "cloud": (222, 228, 236),
}

INK = (32, 20, 32)  # every outline leans towards this one dark
WHITE = (255, 255, 255)
LIPS = (196, 76, 82)
LINE = 0.032  # width of an outline, in half picture sides

# ---------------------------------------------------------------------------- curves


@functools.lru_cache(maxsize=1)
def _spline_weights(steps=6):
    """Catmull-Rom weights, (steps, 4): points between the second and third of four."""
    t = np.arange(steps)[:, None] / steps
    return 0.5 * np.hstack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]
    )


def _spline(quads, points):
    return np.einsum("sk,nkd->nsd", _spline_weights(), points[quads]).reshape(-1, 2)


def _loop(*points):
    """A smooth closed curve through `points`."""
    n = len(points)
    quads = (np.arange(n)[:, None] + np.arange(-1, 3)) % n
    return _spline(quads, np.array(points, float))


def _curve(*points):
    """A smooth open curve through `points`, ends included."""
    n = len(points)
    quads = np.clip(np.arange(n - 1)[:, None] + np.arange(-1, 3), 0, n - 1)
    points = np.array(points, float)
    return np.vstack([_spline(quads, points), points[-1:]])


def _join(*arcs):
    """A closed outline of smooth arcs that meet in corners."""
    return np.vstack([_curve(*arc) for arc in arcs])


def _mirrored(*right):
    """Points from the left end over the middle to the right end, given the right half.

    `right` starts in the middle; a first point on the axis is not doubled.
    """
    left = [(-x, y) for x, y in right if x != 0]
    return [*left[::-1], *right]


def _flip(path):
    return path * (-1, 1)


def _ring(x, y, rx, ry=None, corners=28):
    """An ellipse as a polygon."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([x + rx * np.cos(angle), y + (ry or rx) * np.sin(angle)], axis=1)


def _curls(along, radius, count):
    """`count` circles whose centres are spread evenly along a curve."""
    steps = np.linalg.norm(np.diff(along, axis=0), axis=1)
    walked = np.concatenate([[0], np.cumsum(steps)])
    where = np.linspace(0, walked[-1], count)
    xs, ys = (np.interp(where, walked, along[:, axis]) for axis in (0, 1))
    return [_ring(x, y, radius, radius * 0.88, 16) for x, y in zip(xs, ys, strict=True)]


# ---------------------------------------------------------------------------- shapes

# fmt: off
# The tables stay as they are laid out: points read best in rows.

# Right half of the skull, from the crown to the chin. Beards follow the same jaw.
HEADS = {
    "oval": [(0, -1), (0.56, -0.87), (0.92, -0.45), (0.99, 0), (0.92, 0.38), (0.66, 0.76),
        (0.28, 0.97), (0, 1)],
    "round": [(0, -1), (0.58, -0.86), (0.95, -0.45), (1.02, 0), (0.99, 0.4), (0.78, 0.78),
        (0.36, 0.98), (0, 1)],
    "square": [(0, -1), (0.6, -0.88), (0.95, -0.45), (1, 0), (0.97, 0.44), (0.82, 0.82),
        (0.4, 0.99), (0, 1)],
    "heart": [(0, -1), (0.6, -0.87), (0.97, -0.45), (1.01, -0.02), (0.88, 0.38), (0.54, 0.78),
        (0.2, 0.98), (0, 1.01)],
    "long": [(0, -1.04), (0.54, -0.9), (0.86, -0.45), (0.92, 0), (0.87, 0.42), (0.66, 0.84),
        (0.3, 1.06), (0, 1.09)],
    "diamond": [(0, -1), (0.5, -0.86), (0.86, -0.48), (1.02, 0.02), (0.9, 0.4), (0.6, 0.76),
        (0.24, 0.99), (0, 1.02)],
}


class _Hair(NamedTuple):
    """What one haircut draws: outlines behind and before the head, and lines upon it."""

    front: tuple | list = ()
    back: tuple | list = ()
    strands: tuple | list = ()
    shine: tuple | list = (((0.3, -0.99), (0.52, -0.88), (0.68, -0.7)),)


# A plain hairline from the right temple to the left one, for cuts that leave the ears free.
_TEMPLE_R = [(1.04, -0.02), (0.93, -0.06), (0.88, -0.36), (0.74, -0.56)]
_TEMPLE_L = [(-x, y) for x, y in _TEMPLE_R[::-1]]
_FOREHEAD = [(0.74, -0.56), (0.35, -0.62), (0, -0.63), (-0.35, -0.62), (-0.74, -0.56)]
_CAP = _mirrored((0, -1.14), (0.56, -1.02), (0.98, -0.55), (1.04, -0.02))
_SHORT = _join(_CAP, _TEMPLE_R, _FOREHEAD, _TEMPLE_L)

HAIRS = {
    "bald": _Hair(shine=[]),
    "balding": _Hair(
        front=[
            _join([(s * 0.82, -0.66), (s * 1.06, -0.5), (s * 1.18, -0.16), (s * 1.06, 0.08)],
                  [(s * 1.06, 0.08), (s * 0.93, 0.02), (s * 0.92, -0.28), (s * 0.82, -0.66)])
            for s in (-1, 1)
        ],
        shine=[],
    ),
    "buzz": _Hair(
        front=[
            _join(_mirrored((0, -1.04), (0.57, -0.92), (0.96, -0.48), (1.03, -0.06)), _TEMPLE_R,
                  [(0.74, -0.56), (0.5, -0.7), (0, -0.66), (-0.5, -0.7), (-0.74, -0.56)],
                  _TEMPLE_L)
        ],
    ),
    "parted": _Hair(
        front=[
            _join([(-1.04, -0.02), (-1.06, -0.5), (-0.78, -0.98), (-0.3, -1.2), (0.4, -1.2),
                   (0.92, -0.88), (1.1, -0.45), (1.04, -0.02)],
                  [(1.04, -0.02), (0.93, -0.06), (0.9, -0.3), (0.8, -0.44)],
                  [(0.8, -0.44), (0.3, -0.46), (-0.2, -0.6), (-0.5, -0.84)],
                  [(-0.5, -0.84), (-0.66, -0.58), (-0.86, -0.38), (-0.93, -0.06), (-1.04, -0.02)])
        ],
        strands=[[(-0.5, -0.84), (-0.46, -1.0), (-0.34, -1.1)],
                 [(-0.1, -0.76), (0.3, -0.66), (0.62, -0.64)]],
    ),
    "quiff": _Hair(
        front=[
            _join([(-1.04, -0.02), (-1.03, -0.5), (-0.9, -0.9), (-0.84, -1.2), (-0.4, -1.38),
                   (0.2, -1.5), (0.8, -1.4), (1.0, -1.12), (0.98, -0.8), (1.03, -0.4),
                   (1.04, -0.02)],
                  _TEMPLE_R,
                  [(0.74, -0.56), (0.4, -0.74), (-0.2, -0.7), (-0.74, -0.56)],
                  _TEMPLE_L)
        ],
        strands=[[(-0.5, -0.78), (-0.3, -1.04), (0.1, -1.2), (0.5, -1.24)],
                 [(0, -0.84), (0.3, -1.0), (0.66, -1.04)]],
        shine=[[(-0.3, -1.27), (0.1, -1.36), (0.46, -1.37)]],
    ),
    "spiky": _Hair(
        front=[
            np.array([*_TEMPLE_L, (-1.14, -0.3), (-1.0, -0.5), (-1.2, -0.82), (-0.86, -0.88),
                      (-0.9, -1.26), (-0.5, -1.1), (-0.34, -1.5), (-0.04, -1.18), (0.26, -1.52),
                      (0.46, -1.12), (0.86, -1.3), (0.82, -0.9), (1.2, -0.86), (1.0, -0.52),
                      (1.14, -0.3), *_TEMPLE_R, (0.5, -0.72), (0.4, -0.42), (0.14, -0.7),
                      (-0.06, -0.4), (-0.3, -0.7), (-0.5, -0.46)])
        ],
        shine=[[(0.2, -1.06), (0.45, -0.98), (0.62, -0.84)]],
    ),
    "mohawk": _Hair(
        front=[
            _join([(-0.3, -0.6), (-0.42, -1.1), (-0.36, -1.46), (0, -1.58), (0.36, -1.46),
                   (0.42, -1.1), (0.3, -0.6)],
                  [(0.3, -0.6), (0.14, -0.52), (0, -0.46), (-0.14, -0.52), (-0.3, -0.6)])
        ],
        strands=[[(-0.12, -0.66), (-0.16, -1.0), (-0.1, -1.3)],
                 [(0.12, -0.66), (0.17, -0.95), (0.14, -1.15)]],
        shine=[[(0.26, -1.05), (0.27, -1.25), (0.2, -1.4)]],
    ),
    "bowl": _Hair(
        front=[
            _join(_mirrored((0, -1.22), (0.64, -1.1), (1.08, -0.62), (1.16, 0.0)),
                  [(1.16, 0.0), (1.0, 0.03), (0.88, -0.06)],
                  [(0.88, -0.06), (0.8, -0.24), (0.4, -0.34), (0, -0.36), (-0.4, -0.34),
                   (-0.8, -0.24), (-0.88, -0.06)],
                  [(-0.88, -0.06), (-1.0, 0.03), (-1.16, 0.0)])
        ],
        strands=[[(0.3, -0.46), (0.34, -0.62), (0.3, -0.78)],
                 [(-0.36, -0.46), (-0.4, -0.64), (-0.36, -0.84)]],
    ),
    "curly": _Hair(
        front=[
            _SHORT,
            *_curls(_curve(*_mirrored((0, -1.1), (0.56, -0.98), (0.95, -0.55), (1.0, -0.16))),
                    0.22, 13),
            *_curls(_curve(*_mirrored((0, -0.68), (0.4, -0.68), (0.74, -0.6))), 0.17, 7),
        ],
        strands=[[(-0.5, -0.92), (-0.36, -1.02), (-0.24, -0.9), (-0.36, -0.82)],
                 [(0.02, -1.02), (0.18, -1.08), (0.26, -0.96), (0.14, -0.88)]],
    ),
    "afro": _Hair(
        back=[_ring(0, -0.35, 1.3, 1.02)],
        front=[
            _join(_mirrored((0, -1.45), (0.8, -1.28), (1.3, -0.75), (1.4, -0.2), (1.2, 0.26)),
                  [(1.2, 0.26), (1.0, 0.2), (0.9, -0.1), (0.8, -0.4), (0.5, -0.6), (0, -0.64),
                   (-0.5, -0.6), (-0.8, -0.4), (-0.9, -0.1), (-1.0, 0.2), (-1.2, 0.26)]),
            *_curls(_curve(*_mirrored((0, -1.4), (0.8, -1.22), (1.25, -0.75), (1.34, -0.2),
                                      (1.16, 0.2))), 0.2, 19),
            *_curls(_curve(*_mirrored((0, -0.68), (0.5, -0.63), (0.84, -0.42))), 0.13, 9),
        ],
        strands=[[(-0.76, -0.94), (-0.6, -1.06), (-0.46, -0.94), (-0.58, -0.84)],
                 [(-0.1, -1.16), (0.06, -1.24), (0.16, -1.12), (0.04, -1.02)],
                 [(0.98, -0.4), (1.12, -0.48), (1.18, -0.34), (1.08, -0.26)]],
        shine=[[(0.5, -1.2), (0.8, -1.04), (0.98, -0.82)]],
    ),
    "bob": _Hair(
        back=[_join(_mirrored((0, -1.0), (0.9, -0.6), (1.1, 0.3), (1.04, 0.84), (0, 0.92)))],
        front=[
            _join([*_mirrored((0, -1.2), (0.66, -1.06), (1.1, -0.5), (1.22, 0.2), (1.2, 0.74)),
                   (1.0, 0.86)],
                  [(1.0, 0.86), (0.9, 0.5), (0.9, 0.1), (0.82, -0.28)],
                  [(0.82, -0.28), (0.4, -0.36), (0, -0.38), (-0.4, -0.36), (-0.82, -0.28)],
                  [(-0.82, -0.28), (-0.9, 0.1), (-0.9, 0.5), (-1.0, 0.86), (-1.2, 0.74)])
        ],
        strands=[[(0.28, -0.46), (0.34, -0.64), (0.3, -0.82)],
                 [(-0.3, -0.46), (-0.36, -0.66), (-0.32, -0.86)],
                 [(1.06, 0.6), (1.08, 0.3), (1.04, 0.0)]],
    ),
    "straight": _Hair(
        back=[_join(_mirrored((0, -1.0), (0.9, -0.6), (1.14, 0.3), (1.1, 1.3), (0, 1.36)))],
        front=[
            _join([(0, -1.17), (0.6, -1.08), (1.06, -0.55), (1.18, 0.2), (1.26, 1.0),
                   (1.16, 1.42), (0.88, 1.36)],
                  [(0.88, 1.36), (0.98, 0.9), (0.95, 0.3), (0.84, -0.2), (0.46, -0.62), (0, -0.9)],
                  [(0, -0.9), (-0.46, -0.62), (-0.84, -0.2), (-0.95, 0.3), (-0.98, 0.9),
                   (-0.88, 1.36)],
                  [(-0.88, 1.36), (-1.16, 1.42), (-1.26, 1.0), (-1.18, 0.2), (-1.06, -0.55),
                   (-0.6, -1.08), (0, -1.17)])
        ],
        strands=[[(0, -0.92), (0, -1.04)],
                 [(1.1, 1.2), (1.12, 0.7), (1.06, 0.2)],
                 [(-1.1, 1.2), (-1.12, 0.7), (-1.06, 0.2)]],
    ),
    "wavy": _Hair(
        back=[_join(_mirrored((0, -1.0), (0.9, -0.6), (1.2, 0.3), (1.1, 1.1), (0, 1.2)))],
        front=[
            _join([(-1.12, 1.28), (-1.44, 0.98), (-1.2, 0.62), (-1.42, 0.24), (-1.14, -0.12),
                   (-1.16, -0.62), (-0.7, -1.12), (-0.1, -1.26), (0.6, -1.14), (1.1, -0.66),
                   (1.14, -0.12), (1.42, 0.24), (1.2, 0.62), (1.44, 0.98), (1.12, 1.28)],
                  [(1.12, 1.28), (0.84, 1.02), (1.04, 0.66), (0.86, 0.3), (0.94, -0.02),
                   (0.82, -0.34)],
                  [(0.82, -0.34), (0.3, -0.42), (-0.2, -0.62), (-0.42, -0.86)],
                  [(-0.42, -0.86), (-0.66, -0.56), (-0.9, -0.16), (-0.86, 0.3), (-1.04, 0.66),
                   (-0.84, 1.02), (-1.12, 1.28)])
        ],
        strands=[[(-0.42, -0.86), (-0.38, -1.02), (-0.26, -1.12)],
                 [(1.16, 1.0), (1.06, 0.8), (1.2, 0.4), (1.04, 0.06)],
                 [(-1.16, 1.0), (-1.06, 0.8), (-1.2, 0.4), (-1.04, 0.06)],
                 [(0.0, -0.78), (0.34, -0.62), (0.64, -0.58)]],
    ),
    "bun": _Hair(
        back=[_ring(0, -1.32, 0.42, 0.34)],
        front=[_join(_CAP, _TEMPLE_R,
                     [(0.74, -0.56), (0.4, -0.76), (0, -0.82), (-0.4, -0.76), (-0.74, -0.56)],
                     _TEMPLE_L)],
        strands=[[(0.44, -0.78), (0.3, -0.94), (0.12, -1.06)],
                 [(-0.44, -0.78), (-0.3, -0.94), (-0.12, -1.06)],
                 [(-0.2, -1.4), (0, -1.5), (0.2, -1.4)]],
        shine=[[(0.48, -0.96), (0.64, -0.84), (0.76, -0.68)]],
    ),
    "ponytail": _Hair(
        back=[_join([(0.5, -1.0), (1.0, -1.24), (1.42, -1.0), (1.52, -0.4), (1.36, 0.3),
                     (1.5, 0.72)],
                    [(1.5, 0.72), (1.14, 0.5), (1.02, 0.0), (0.9, -0.5), (0.5, -1.0)])],
        front=[
            _join(_CAP, [(1.04, -0.02), (0.93, -0.06), (0.9, -0.3), (0.84, -0.42)],
                  [(0.84, -0.42), (0.3, -0.44), (-0.3, -0.6), (-0.6, -0.86)],
                  [(-0.6, -0.86), (-0.76, -0.56), (-0.9, -0.3), (-0.93, -0.06), (-1.04, -0.02)])
        ],
        strands=[[(1.16, -0.9), (1.3, -0.5), (1.2, -0.05)],
                 [(-0.1, -0.74), (0.3, -0.64), (0.66, -0.66)]],
    ),
    "pigtails": _Hair(
        back=[
            _loop((s * 1.0, -0.32), (s * 1.36, -0.44), (s * 1.64, -0.05), (s * 1.58, 0.46),
                  (s * 1.34, 0.84), (s * 1.26, 0.4), (s * 1.1, 0.05))
            for s in (-1, 1)
        ],
        front=[
            _join(_CAP, _TEMPLE_R,
                  [(0.74, -0.56), (0.4, -0.5), (0.1, -0.6), (0, -0.88)],
                  [(0, -0.88), (-0.1, -0.6), (-0.4, -0.5), (-0.74, -0.56)], _TEMPLE_L)
        ],
        strands=[[(0, -0.9), (0, -1.06)],
                 [(1.3, 0.5), (1.42, 0.2), (1.34, -0.12)],
                 [(-1.3, 0.5), (-1.42, 0.2), (-1.34, -0.12)]],
    ),
}

# Upper edge of a beard from the right sideburn to the left one, under nose and cheeks.
_CHEEKS = _mirrored((0, 0.45), (0.2, 0.42), (0.44, 0.46), (0.66, 0.44), (0.82, 0.26), (0.9, -0.04))
_WHISKERS = _join([(0, 0.43), (0.2, 0.39), (0.42, 0.48), (0.52, 0.62)],
                  [(0.52, 0.62), (0.26, 0.56), (0, 0.53), (-0.26, 0.56), (-0.52, 0.62)],
                  [(-0.52, 0.62), (-0.42, 0.48), (-0.2, 0.39), (0, 0.43)])
_HANDLEBAR = _join([(0, 0.44), (0.24, 0.41), (0.46, 0.52), (0.72, 0.42)],
                   [(0.72, 0.42), (0.62, 0.62), (0.4, 0.62), (0, 0.53), (-0.4, 0.62),
                    (-0.62, 0.62), (-0.72, 0.42)],
                   [(-0.72, 0.42), (-0.46, 0.52), (-0.24, 0.41), (0, 0.44)])
_TUFT = _loop((0, 0.82), (0.2, 0.84), (0.24, 0.98), (0.14, 1.14), (0, 1.24), (-0.14, 1.14),
              (-0.24, 0.98), (-0.2, 0.84))
_CIRCLE = _loop(*_mirrored((0, 0.42), (0.34, 0.44), (0.48, 0.66), (0.38, 0.96), (0, 1.1)))
_SHAVEN = _loop(*_mirrored((0, 0.53), (0.24, 0.53), (0.35, 0.62), (0.24, 0.76), (0, 0.8)))
BEARDS = ("none", "stubble", "full", "long", "chinstrap", "circle", "goatee", "moustache",
          "handlebar", "musketeer")


def _beard(kind, jaw):
    """Outlines of a beard that follows `jaw` (right half, from the ear to the chin)."""
    below = [(x * 1.01, y * 1.04) for x, y in jaw]
    if kind == "long":
        below = [(1.02, 0), (1.0, 0.5), (0.8, 1.0), (0.4, 1.36), (0, 1.46)]
    around = [(0.9, -0.04), *below, *[(-x, y) for x, y in below[-2::-1]], (-0.9, -0.04)]
    if kind in ("stubble", "full", "long"):
        return [_join(around, _CHEEKS)]
    if kind == "chinstrap":
        inner = _mirrored((0, 0.86), (0.34, 0.82), (0.64, 0.62), (0.84, 0.32), (0.9, -0.04))
        return [_join(around, inner)]
    return {"circle": [_CIRCLE], "goatee": [_TUFT], "moustache": [_WHISKERS],
            "handlebar": [_HANDLEBAR], "musketeer": [_HANDLEBAR, _TUFT]}[kind]


# Right eye in units of its own radius; the outer corner lies to the right.
EYES = {
    "round": _ring(0, 0, 0.98),
    "tall": _ring(0, 0, 0.86, 1.16),
    "almond": _join([(-1.15, 0.22), (-0.5, -0.7), (0.4, -0.86), (1.2, -0.12)],
                    [(1.2, -0.12), (0.6, 0.7), (-0.4, 0.76), (-1.15, 0.22)]),
    "sleepy": _join([(-1.08, -0.1), (0, -0.4), (1.08, -0.1)],
                    [(1.08, -0.1), (0.66, 0.76), (0, 0.95), (-0.66, 0.76), (-1.08, -0.1)]),
    "smiling": _join([(-1.1, 0.3), (-0.7, -0.6), (0, -0.95), (0.7, -0.6), (1.1, 0.3)],
                     [(1.1, 0.3), (0, 0.12), (-1.1, 0.3)]),
    "lashes": _join([(-1.1, 0.2), (-0.6, -0.7), (0.3, -0.98), (1.15, -0.2)],
                    [(1.15, -0.2), (0.6, 0.8), (-0.4, 0.84), (-1.1, 0.2)]),
}
# The edge of the upper lid, drawn heavily; lashes are strokes beside it.
LIDS = {
    "round": _curve((-0.95, -0.3), (-0.6, -0.84), (0, -1.02), (0.6, -0.84), (0.95, -0.3)),
    "tall": _curve((-0.82, -0.4), (-0.5, -0.96), (0, -1.18), (0.5, -0.96), (0.82, -0.4)),
    "almond": _curve((-1.2, 0.22), (-0.5, -0.72), (0.4, -0.88), (1.4, -0.3)),
    "sleepy": _curve((-1.15, -0.1), (0, -0.42), (1.2, -0.1)),
    "smiling": _curve((-1.1, 0.3), (-0.7, -0.6), (0, -0.97), (0.7, -0.6), (1.1, 0.3)),
    "lashes": _curve((-1.1, 0.2), (-0.6, -0.72), (0.3, -1.0), (1.15, -0.25)),
}
_LASHES = [_curve((1.1, -0.3), (1.4, -0.42), (1.66, -0.72)),
           _curve((0.8, -0.7), (1.05, -0.9), (1.22, -1.2))]

# Middle line of the right brow from the nose outwards, and its half thickness along it.
BROWS = {
    "soft": ([(-1, 0.12), (-0.4, -0.12), (0.3, -0.16), (1, 0.14)], (0.9, 1, 0.9, 0.3)),
    "straight": ([(-1, 0.02), (-0.35, 0), (0.35, -0.02), (1, 0)], (1, 1, 0.95, 0.7)),
    "peaked": ([(-1, 0.2), (-0.3, -0.06), (0.4, -0.32), (1, 0.16)], (0.9, 1, 0.9, 0.2)),
    "round": ([(-1, 0.2), (-0.45, -0.2), (0.35, -0.24), (1, 0.2)], (0.7, 1, 1, 0.6)),
    "tapered": ([(-1, 0.04), (-0.4, -0.08), (0.3, -0.14), (1.1, -0.04)], (1.3, 1.1, 0.7, 0.2)),
}
BROW_WEIGHTS = {"thin": 0.13, "medium": 0.21, "bushy": 0.32}

# Noses and mouths that are lines alone; the others are drawn in `_draw_nose`, `_draw_mouth`.
_NOSE_LINES = {
    "button": [[(-0.1, 0.02), (-0.06, 0.09), (0.06, 0.09), (0.1, 0.02)]],
    "hook": [[(0.03, -0.2), (0.1, -0.02), (0.13, 0.06), (0.06, 0.11), (-0.05, 0.1)]],
    "wide": [[(-0.17, 0.0), (-0.18, 0.08), (-0.1, 0.1)],
             [(-0.06, 0.1), (0, 0.12), (0.06, 0.1)],
             [(0.17, 0.0), (0.18, 0.08), (0.1, 0.1)]],
}
_MOUTH_LINES = {
    "smile": [(-0.28, -0.05), (-0.15, 0.06), (0, 0.09), (0.15, 0.06), (0.28, -0.05)],
    "smirk": [(-0.2, 0.05), (-0.02, 0.06), (0.16, 0.01), (0.27, -0.09)],
    "calm": [(-0.2, 0.01), (0, 0.03), (0.2, 0.01)],
    "frown": [(-0.22, 0.09), (-0.1, 0.02), (0, 0.0), (0.1, 0.02), (0.22, 0.09)],
    "cheeky": [(-0.28, -0.05), (-0.15, 0.04), (0, 0.06), (0.15, 0.04), (0.28, -0.05)],
}
_ROUND_NOSE = _curve((-0.13, 0.04), (-0.07, 0.11), (0.07, 0.11), (0.13, 0.04))
_OPEN_MOUTHS = {
    name: _join([(-0.32, -0.08), (0, -0.03), (0.32, -0.08)],
                [(0.32, -0.08), (0.2, deep * 0.7), (0, deep), (-0.2, deep * 0.7), (-0.32, -0.08)])
    for name, deep in (("grin", 0.13), ("laugh", 0.22))
}
_LIPS = _join([(-0.26, 0), (-0.1, -0.085), (0, -0.055), (0.1, -0.085), (0.26, 0)],
              [(0.26, 0), (0.12, 0.115), (0, 0.13), (-0.12, 0.115), (-0.26, 0)])
_LIP_LINE = _curve((-0.24, 0), (-0.08, 0.02), (0.08, 0.02), (0.24, 0))
NOSES = (*_NOSE_LINES, "round", "pointed")
MOUTHS = (*_MOUTH_LINES, *_OPEN_MOUTHS, "oh", "lips")
MARKS = ("none", "blush", "freckles", "mole")
NECKLINES = ("crew", "vee", "collar", "turtleneck")

# One lens, in head units around the eye.
GLASSES = {
    "none": None,
    "round": _ring(0, 0, 0.345, 0.31),
    "square": _loop((-0.33, -0.23), (0, -0.255), (0.33, -0.23), (0.36, 0), (0.31, 0.225),
                    (0, 0.25), (-0.31, 0.225), (-0.35, 0)),
    "oval": _ring(0, 0.02, 0.35, 0.2),
    "aviator": _loop((-0.3, -0.2), (0.1, -0.235), (0.36, -0.17), (0.36, 0.06), (0.14, 0.29),
                     (-0.14, 0.25), (-0.32, 0.04)),
    "cat": _join([(-0.31, -0.13), (0, -0.2), (0.28, -0.23), (0.46, -0.31)],
                 [(0.46, -0.31), (0.36, 0.08), (0.1, 0.24), (-0.2, 0.19), (-0.31, -0.13)]),
    "heart": _join([(0, -0.15), (0.1, -0.25), (0.26, -0.24), (0.37, -0.09), (0.26, 0.12),
                    (0, 0.33)],
                   [(0, 0.33), (-0.26, 0.12), (-0.37, -0.09), (-0.26, -0.24), (-0.1, -0.25),
                    (0, -0.15)]),
}

# fmt: on

# ---------------------------------------------------------------------------- a face in words

CHOICES = {
    "background": tuple(BACKGROUNDS),
    "head": tuple(HEADS),
    "skin": tuple(SKINS),
    "hair": tuple(HAIRS),
    "hair_colour": tuple(HAIR_COLOURS),
    "eyes": tuple(EYES),
    "iris": tuple(IRISES),
    "brows": tuple(BROWS),
    "brow_weight": tuple(BROW_WEIGHTS),
    "nose": NOSES,
    "mouth": MOUTHS,
    "beard": BEARDS,
    "marks": MARKS,
    "glasses": tuple(GLASSES),
    "frame": tuple(FRAMES),
    "lens": tuple(LENSES),
    "neckline": NECKLINES,
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
    [-1, 1]; with all of them 0 the face looks straight ahead from the middle of the picture.

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
            value = getattr(self, name)
            if not (isinstance(value, numbers.Real) and -1 <= value <= 1):
                raise InputError(
                    f"{name} must be a number in [-1, 1] (0 is the average face), not {value!r}."
                )


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


# ---------------------------------------------------------------------------- drawing


def _mix(colour, other, amount):
    return tuple(round(c + (o - c) * amount) for c, o in zip(colour, other, strict=True))


def _outline(colour):
    return _mix(colour, INK, 0.82)


def _shade(skin):
    """Skin in the shadow of hair or chin."""
    return _mix(skin, (120, 30, 50), 0.24)


class _Pen:
    """Paints paths given in the units of the current frame onto an oversized canvas."""

    BITS = 4  # fractional bits of OpenCV's fixed-point coordinates

    def __init__(self, height, width, over, background):
        self.pixels = np.full((height * over, width * over, 3), background, np.uint8)
        self.unit = min(height, width) * over / 2
        self.middle = np.array([width, height]) * over / 2 - 0.5
        self.place((0, 0), (1, 1))

    def place(self, origin, scale, tilt=0.0):
        """Sets the frame: where its origin lies, how large its units are, how it is turned."""
        turn = np.array([[math.cos(tilt), -math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])
        self.matrix = (turn * scale).T * self.unit
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
        self.fill([_ring(x, y, radius, radius * self.aspect, 24)], colour, line, width)

    @contextlib.contextmanager
    def inside(self, path, alpha=1.0):
        """What the body paints shows only inside `path`, and only with weight `alpha`."""
        piece = self._points(path)
        left, top = np.maximum((piece.min(axis=0) >> self.BITS) - 1, 0)
        right, bottom = (piece.max(axis=0) >> self.BITS) + 2
        under = self.pixels
        self.pixels = under.copy()
        try:
            yield
        finally:
            painted, self.pixels = self.pixels, under
        window = np.s_[top : max(bottom, 0), left : max(right, 0)]
        mask = np.zeros(under.shape[:2], np.uint8)
        cv2.fillPoly(mask, [piece], 255, cv2.LINE_8, self.BITS)
        painted, mask, under = painted[window], mask[window], under[window]
        if not under.size:
            return
        if alpha < 1:
            painted = cv2.addWeighted(painted, alpha, under, 1 - alpha, 0)
        under[mask > 0] = painted[mask > 0]

    def tint(self, path, colour, alpha):
        """Lays a see-through colour over `path`."""
        with self.inside(path, alpha):
            self.fill([path], colour)


def _draw_shoulders(pen, shirt):
    below = 4 + pen.pixels.shape[0] / pen.unit  # under the lower edge of any picture
    top = _curve(*_mirrored((0.2, 0.62), (0.34, 0.74), (0.62, 0.84), (0.8, 1.02), (0.86, 1.4)))
    pen.fill([np.vstack([top, [(0.86, below), (-0.86, below)]])], shirt, _outline(shirt))


def _draw_neck(pen, face, skin, shirt):
    if face.neckline == "vee":
        throat = np.array(_mirrored((0, 1.0), (0.24, 0.68)))
    else:
        throat = _curve(*_mirrored((0, 0.87), (0.16, 0.82), (0.235, 0.68)))
    neck = np.vstack([throat, [(0.19, 0.3), (-0.19, 0.3)]])
    pen.fill([neck], skin, _outline(skin))
    with pen.inside(neck):  # the shadow of the chin
        pen.fill([_ring(0, 0.46, 0.42, 0.27)], _shade(skin))
    if face.neckline == "turtleneck":
        band = _loop(*_mirrored((0, 0.68), (0.2, 0.65), (0.26, 0.77), (0.2, 0.87), (0, 0.91)))
        pen.fill([band], _mix(shirt, WHITE, 0.15), _outline(shirt))
    elif face.neckline == "collar":
        flap = np.array([(0, 0.92), (0.2, 0.62), (0.36, 0.72), (0.2, 1.02)])
        pen.fill([flap], _mix(shirt, WHITE, 0.25), _outline(shirt))
        pen.fill([_flip(flap)], _mix(shirt, WHITE, 0.25), _outline(shirt))
    else:
        pen.stroke([throat], _mix(shirt, INK, 0.35), 0.05)


def _draw_ears(pen, skin):
    ear = _loop((0.94, -0.12), (1.12, -0.2), (1.22, -0.02), (1.14, 0.22), (0.94, 0.28))
    fold = _curve((1.04, -0.08), (1.13, -0.06), (1.1, 0.08), (1.04, 0.14))
    for side in (ear, _flip(ear)):
        pen.fill([side], skin, _outline(skin))
    pen.stroke([fold, _flip(fold)], _mix(skin, _outline(skin), 0.55), LINE * 0.8)


def _draw_marks(pen, face, skin):
    if face.marks == "blush":
        for x in (-0.6, 0.6):
            pen.tint(_ring(x, 0.36, 0.19, 0.12), (236, 88, 96), 0.32)
    elif face.marks == "freckles":
        for x, y in ((0.46, 0.3), (0.62, 0.34), (0.54, 0.42), (0.72, 0.26), (0.36, 0.38)):
            for side in (-x, x):
                pen.dot(side, y, 0.026, _mix(skin, (130, 60, 40), 0.5))
    elif face.marks == "mole":
        pen.dot(0.6, 0.36, 0.042, _mix(skin, INK, 0.75))


def _draw_beard(pen, face, head, skin, hair):
    if face.beard == "none":
        return
    outlines = _beard(face.beard, HEADS[face.head][3:])
    if face.beard == "stubble":
        with pen.inside(head):
            for outline in outlines:
                pen.tint(outline, hair, 0.38)
        return
    pen.fill(outlines, hair, _outline(hair))
    if face.beard in ("full", "long", "circle"):  # room for the mouth
        pen.fill([_SHAVEN], skin)


def _draw_mouth(pen, face, skin):
    dark, red = _outline(skin), _mix(LIPS, skin, 0.15)
    inner = (112, 36, 48)
    wide = 1 + 0.16 * face.mouth_width

    def at_mouth(path):
        return path * (wide, 1) + (0, 0.64)

    if face.mouth in _MOUTH_LINES:
        if face.mouth == "cheeky":
            tongue = _loop((-0.02, 0.05), (0.18, 0.03), (0.2, 0.14), (0.1, 0.21), (-0.01, 0.14))
            pen.fill([at_mouth(tongue)], (238, 112, 124), dark, LINE * 0.8)
        pen.stroke([at_mouth(_curve(*_MOUTH_LINES[face.mouth]))], dark, LINE * 1.35)
        if face.mouth in ("calm", "frown"):
            pen.stroke([at_mouth(_curve((-0.08, 0.14), (0, 0.155), (0.08, 0.14)))], _shade(skin))
    elif face.mouth in _OPEN_MOUTHS:
        opening = at_mouth(_OPEN_MOUTHS[face.mouth])
        if face.mouth == "grin":
            pen.fill([opening], WHITE, dark)
        else:
            pen.fill([opening], inner, dark)
            with pen.inside(opening):
                pen.fill([at_mouth(_ring(0, -0.1, 0.3, 0.115))], WHITE)
                pen.fill([at_mouth(_ring(0, 0.22, 0.16, 0.1))], (232, 100, 112))
    elif face.mouth == "oh":
        pen.fill([at_mouth(_ring(0, 0.04, 0.12, 0.12))], inner, dark)
    elif face.mouth == "lips":
        pen.fill([at_mouth(_LIPS)], red, _mix(red, INK, 0.45), LINE * 0.7)
        pen.stroke([at_mouth(_LIP_LINE)], _mix(red, INK, 0.7), LINE * 0.9)


def _draw_nose(pen, face, skin):
    dark = _mix(skin, _outline(skin), 0.85)
    size = 1 + 0.18 * face.nose_size

    def at_nose(path):
        return path * size + (0, 0.3)

    if face.nose == "round":
        pen.fill([at_nose(_ring(0, 0, 0.14, 0.11))], _mix(skin, (224, 90, 80), 0.22))
        pen.stroke([at_nose(_ROUND_NOSE)], dark)
    elif face.nose == "pointed":
        side = at_nose(np.array([(0.02, -0.24), (0.16, 0.1), (-0.03, 0.12)]))
        pen.fill([side], _shade(skin))
        pen.stroke([side[1:]], dark)
    else:
        pen.stroke([at_nose(_curve(*line)) for line in _NOSE_LINES[face.nose]], dark)


def _draw_eyes(pen, face, skin, places):
    dark = _mix(_outline(skin), INK, 0.5)
    iris = IRISES[face.iris]
    radius = 0.2 * (1 + 0.14 * face.eye_size)
    scale = np.array((radius, radius * pen.aspect))
    look = np.array((0.2 * face.gaze_x, 0.14 * face.gaze_y + 0.05)) * scale
    for x, y in places:
        side = (math.copysign(1, x), 1)
        shape, lid = (path * side * scale + (x, y) for path in (EYES[face.eyes], LIDS[face.eyes]))
        pen.fill([shape], (252, 252, 250), _mix(skin, dark, 0.5), LINE * 0.55)
        with pen.inside(shape):
            cx, cy = look[0] + x, look[1] + y
            pen.dot(cx, cy, radius * 0.64, iris, _mix(iris, INK, 0.6), LINE * 0.6)
            pen.dot(cx, cy, radius * 0.34, (24, 18, 26))
            pen.dot(cx - radius * 0.24, cy - radius * 0.28, radius * 0.2, WHITE)
        pen.stroke([lid], dark, LINE * 1.5)
        if face.eyes == "lashes":
            pen.stroke([lash * side * scale + (x, y) for lash in _LASHES], dark, LINE)


def _draw_brows(pen, face, colour, places):
    line, weights = BROWS[face.brows]
    middle = _curve(*line)
    thickness = np.interp(np.linspace(0, 3, len(middle)), range(4), weights)
    thickness = thickness[:, None] * (0, BROW_WEIGHTS[face.brow_weight])
    brow = np.vstack([middle - thickness, (middle + thickness)[::-1]]) * 0.26
    angle = 0.22 * face.brow_tilt
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    for x, y in places:
        lifted = (brow @ turn) * (math.copysign(1, x), 1) + (x, y - 0.33 - 0.05 * face.brow_height)
        pen.fill([lifted], colour, _mix(colour, INK, 0.3), LINE * 0.25)


def _draw_glasses(pen, face, places):
    lens = GLASSES[face.glasses]
    if lens is None:
        return
    frame = FRAMES[face.frame]
    glass, cover = LENSES[face.lens]
    rims = [lens * (math.copysign(1, x), 1) + (x, y + 0.02) for x, y in places]
    for rim in rims:
        pen.tint(rim, glass, cover)
        with pen.inside(rim, 0.5):
            x, y = rim.mean(axis=0)
            pen.stroke([np.array([(x - 0.24, y + 0.1), (x - 0.02, y - 0.2)])], WHITE, 0.03)
    (x, y), inner, outer = places[1], 0.3, 0.33
    bridge = _curve((inner - x, y), (0, y - 0.08), (x - inner, y))
    arms = [np.array([(s * (x + outer), y - 0.06), (s * 1.04, y - 0.1)]) for s in (-1, 1)]
    closed = [np.vstack([rim, rim[:2]]) for rim in rims]
    # A dark edge under the frame keeps white rims apart from pale skin.
    pen.stroke([bridge, *arms, *closed], _mix(frame, INK, 0.75), LINE * 2.0)
    pen.stroke([bridge, *arms, *closed], frame, LINE * 1.25)


def _draw_hair(pen, haircut, colour):
    pen.fill(haircut.front, colour, _outline(colour))
    strands = [_curve(*line) for line in haircut.strands]
    pen.stroke(strands, _mix(colour, _outline(colour), 0.6), LINE * 0.9)
    pen.stroke([_curve(*line) for line in haircut.shine], _mix(colour, WHITE, 0.38), LINE * 1.9)


def draw(face: Face, size: int | tuple[int, int] = 64) -> np.ndarray:
    """Draws a face.

    The head is fitted to the shorter side; a longer one shows more background or body.

    Args:
        face: What to draw.
        size: Height and width in pixels, or one number for both; at least 8.

    Returns:
        RGB picture, uint8 array (height, width, 3).

    Raises:
        InputError: If `size` is not one or two whole numbers of at least 8.
    """
    height, width = _height_width(size)
    skin, shirt, hair = SKINS[face.skin], SHIRTS[face.shirt], HAIR_COLOURS[face.hair_colour]
    haircut = HAIRS[face.hair]
    pen = _Pen(height, width, _oversampling(height, width), BACKGROUNDS[face.background])

    zoom = 1 + 0.05 * face.zoom
    middle = np.array((0.05 * face.shift_x, 0.07 + 0.04 * face.shift_y))
    across = zoom * 0.505 * (1 + 0.06 * face.head_width)
    along = zoom * 0.585 * (1 + 0.05 * face.head_height)
    tilt = math.radians(4) * face.tilt

    def place_body():
        pen.place(middle, (zoom, zoom))

    def place_head():
        pen.place(middle, (-across if face.mirrored else across, along), tilt)

    place_body()
    _draw_shoulders(pen, shirt)
    place_head()
    pen.fill(haircut.back, _mix(hair, INK, 0.22), _outline(hair))
    place_body()
    _draw_neck(pen, face, skin, shirt)

    place_head()
    head = _loop(*_mirrored(*HEADS[face.head]))
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


def _oversampling(height, width):
    """Samples per pixel and side: enough for a canvas of 256, fewer where memory would grow."""
    if max(height, width) > 1024:
        return 2
    return 3 if min(height, width) > 160 else max(4, math.ceil(256 / min(height, width)))


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
        size: Height and width in pixels, or one number for both; at least 8.
        seed: The data set's seed, a whole number of at least 0.
        progress: Whether to show a progress bar.
        first: Number of the first face, at least 0.

    Returns:
        RGB pictures, uint8 array (count, height, width, 3).

    Raises:
        InputError: If a number is negative or not whole, or `size` is below 8.
    """
    for name, value in (("count", count), ("seed", seed), ("first", first)):
        if not _is_whole(value) or value < 0:
            raise InputError(f"{name} must be a whole number of at least 0, not {value!r}.")
    pictures = np.empty((count, *_height_width(size), 3), np.uint8)
    for i in tqdm(range(count), desc="cartoons", unit="face", disable=not progress):
        pictures[i] = draw(random_face(np.random.default_rng([seed, first + i])), size)
    return pictures


def _is_whole(value):
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _height_width(size):
    sides = (size, size) if _is_whole(size) else size
    if not (
        isinstance(sides, tuple | list)
        and len(sides) == 2
        and all(_is_whole(side) and side >= 8 for side in sides)
    ):
        raise InputError(
            f"size must be one whole number or (height, width), each at least 8, not {size!r}."
        )
    return int(sides[0]), int(sides[1])
