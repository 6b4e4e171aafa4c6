"""Volume viewer: three planes through a point, where two differ, many slices, and sliders.

Slices are shown as radiologists look at them, with R, L, A, P, S and I (right, left, anterior,
posterior, superior and inferior of the patient) at the edges. Nothing of a file but its voxels,
where they lie and its modality is shown. Research only, not for diagnosis.
"""

import base64
import functools
import io
from collections.abc import Mapping

import numpy as np

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes import figures
from cyclegan_tf.volumes.figures import Row, is_number, subsampled
from cyclegan_tf.volumes.planes import AXES, plane
from cyclegan_tf.volumes.volume import check_same_grid
from cyclegan_tf.volumes.windows import WINDOWS


def planes_image(
    volume,
    other=None,
    *,
    at=None,
    window=None,
    difference=None,
    difference_window=None,
    labels=None,
    side=300,
):
    """Shows the axial, coronal and sagittal slice through one point.

    Marks in the gaps show where the other two planes lie. Of each volume three slices are read,
    and a few more where the point or a window is left to be chosen.

    Args:
        volume: `volumes.volume.Volume`; or a dictionary from names to several on the same grid,
            which get a row each.
        other: Another volume on the same grid (such as the truth, or what was translated): two more
            rows, itself and, unless their modalities differ, `other - volume`.
        at: `(x, y, z)` of the point in mm (RAS+); the centre of the body by default.
        window: What is shown as black and as white: `(low, high)` in the volume's unit; a name of
            `WINDOWS` (which passes over MR); "full" for all values; or a dictionary of these for
            some of the names. By default "head" for CT, and the 1st and 99.5th percentile for
            others. Volumes that are compared, and those of CT, have the same.
        difference: Names `(a, b)` of two of a dictionary: one more row, `a - b`.
        difference_window: The difference that gets the full colours; by default the 99th percentile
            of its size, rounded up.
        labels: Names of `volume` and `other`; by default their modalities, or first and second.
        side: Pixels of the volume's longest side.

    Returns:
        `PIL.Image` in RGB.

    Raises:
        InputError: If the volumes lie on different grids, `at` lies outside, or an argument is
            another.
    """
    if not isinstance(volume, Mapping):
        pair = [volume] if other is None else [volume, other]
        names = _names(pair) if labels is None else tuple(labels)[: len(pair)]
        volume = dict(zip(names, pair, strict=True))
        if len(volume) != len(pair):
            raise InputError(f"labels must be two different names, received {labels!r}.")
        if other is not None and len({v.modality for v in pair if v.modality}) < 2:
            difference = names[::-1]
    elif other is not None:
        raise InputError("other belongs to one volume: put all of them into the dictionary.")
    _check_side(side)
    rows = _rows(volume, window, difference, difference_window)
    cuts, numbers = _cuts(volume, at)
    point = _point(next(iter(volume.values())), cuts, numbers)
    return figures.three_planes(rows, cuts, numbers, point, side)


def montage(volume, axis="axial", count=20, *, window=None, side=150):
    """Shows slices at equal distances, from below, the back or the left.

    Args:
        volume: `volumes.volume.Volume`.
        axis: "axial", "coronal" or "sagittal".
        count: How many; all of them if there are fewer.
        window: As for `planes_image`.
        side: Pixels of a slice's longer side.

    Returns:
        `PIL.Image` in RGB.

    Raises:
        InputError: If an argument is another.
    """
    cut = plane(volume, axis)
    check_whole("count", count, 1)
    _check_side(side)
    (row,) = _rows({"": volume}, window)
    count = min(int(count), len(cut))
    numbers = [int((n + 0.5) / count * len(cut)) for n in range(count)]
    return figures.many_slices(row, axis, cut, numbers, side)


class Viewer:
    """Volumes in a notebook: three sliders, a choice of windows, and which volumes are shown.

    Show it as the last line of a cell. All of it works by keyboard: Tab goes from one control to
    the next, left and right move a slider, Space ticks a box. Without `ipywidgets` (extra
    `notebooks`), and where a saved notebook is read without a kernel, the image stands still.

    Args:
        volumes: Dictionary from names to `volumes.volume.Volume` on the same grid.
        difference: Names `(a, b)` of two of them: one more row, `a - b`.
        at: As for `planes_image`; so are the rest.
        window: See above.
        difference_window: See above.
        side: See above.

    Attributes:
        numbers: Dictionary from each axis to the number of the slice that is shown.
        controls: `ipywidgets.VBox` of the sliders, the choices and the image; None without
            `ipywidgets`.

    Raises:
        InputError: As `planes_image`.
    """

    def __init__(
        self, volumes, difference=None, *, at=None, window=None, difference_window=None, side=300
    ):
        _check_side(side)
        self._volumes, self._window, self._side = dict(volumes), window, side
        self._difference = difference, difference_window
        self._rows = _rows(self._volumes, window, *self._difference)
        self._shown = [True] * len(self._rows)
        self._cuts, self.numbers = _cuts(self._volumes, at)
        self.controls = self._made_controls()

    def image(self):
        """What is shown now, as `planes_image` draws it."""
        rows = [row for row, shown in zip(self._rows, self._shown, strict=True) if shown]
        point = _point(next(iter(self._volumes.values())), self._cuts, self.numbers)
        return figures.three_planes(rows, self._cuts, self.numbers, point, self._side)

    def _repr_png_(self):
        """The image that stays in a saved notebook."""
        file = io.BytesIO()
        self.image().save(file, "PNG", compress_level=3)
        return file.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The image, and the controls for whoever can show them."""
        bundle = {
            "text/plain": f"Viewer({', '.join(row.name for row in self._rows)})",
            "image/png": base64.b64encode(self._repr_png_()).decode("ascii"),
        }
        if self.controls is not None:
            bundle["application/vnd.jupyter.widget-view+json"] = {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.controls.model_id,
            }
        return bundle

    def _made_controls(self):
        try:
            import ipywidgets
        except ImportError:
            return None
        image = ipywidgets.Image(value=self._repr_png_(), format="png")
        image.layout.max_width = "100%"

        def show():
            image.value = self._repr_png_()

        def change(values, key, event):
            values[key] = event["new"]
            show()

        def choose(event):
            window = self._window if event["new"] == names[0] else event["new"]
            self._rows = _rows(self._volumes, window, *self._difference)
            show()

        narrow, sliders, boxes = {"width": "auto"}, [], []
        for axis in AXES:
            last = len(self._cuts[axis]) - 1
            made = ipywidgets.IntSlider(
                self.numbers[axis], 0, last, description=axis, layout=narrow
            )
            made.observe(functools.partial(change, self.numbers, axis), "value")
            sliders.append(made)
        for number, row in enumerate(self._rows):
            made = ipywidgets.Checkbox(True, description=row.name, indent=False, layout=narrow)
            made.observe(functools.partial(change, self._shown, number), "value")
            boxes.append(made)
        mr = all(volume.modality == "MR" for volume in self._volumes.values())
        names = ["as given", *(() if mr else WINDOWS), "full"]
        # Not a Dropdown: JupyterLab keeps the keys for up and down to itself.
        choice = ipywidgets.SelectionSlider(options=names, value=names[0], description="window")
        choice.observe(choose, "value")
        line = ipywidgets.HBox([choice, *boxes], layout={"flex_flow": "row wrap"})
        return ipywidgets.VBox([*sliders, line, image])


def _rows(volumes, window, difference=None, difference_window=None):
    """What is shown of volumes: a list of `Row`."""
    if not volumes:
        raise InputError("volumes must name at least one volume, received none.")
    first, *others = volumes.values()
    for name, other in zip([*volumes][1:], others, strict=True):
        check_same_grid(first, other, name)
    if isinstance(window, Mapping) and (unknown := set(window) - set(volumes)):
        raise InputError(f"window names {sorted(unknown)}: the volumes are {list(volumes)}.")
    looked_at = functools.cache(lambda name: subsampled(volumes[name].voxels))
    rows = {}
    for name, volume in volumes.items():
        asked = window.get(name) if isinstance(window, Mapping) else window
        named = isinstance(asked, str) and asked in WINDOWS
        hounsfield = volume.modality == "CT" or (volume.modality != "MR" and named)
        ends = figures.display_window(asked, volume.modality, functools.partial(looked_at, name))
        rows[name] = Row(name, _reader(volume), ends, "HU" if hounsfield else "")
    if difference is None:
        return list(rows.values())
    one, other = _compared(volumes, difference)
    if not (isinstance(window, Mapping) and one in window):
        rows[one] = rows[one]._replace(window=rows[other].window)
    if difference_window is None:
        difference_window = figures.difference_limit(looked_at(one) - looked_at(other))
    if not is_number(difference_window) or difference_window <= 0:
        raise InputError(
            f"difference_window must be a positive number, received {difference_window!r}."
        )
    limits = -float(difference_window), float(difference_window)

    def read(axis, number):
        return rows[one].read(axis, number) - rows[other].read(axis, number)

    unit = rows[one].unit or rows[other].unit
    return [*rows.values(), Row(f"{one} − {other}", read, limits, unit, True)]


def _names(pair):
    modalities = [volume.modality for volume in pair]
    if len(pair) == 1 or (all(modalities) and modalities[0] != modalities[1]):
        return modalities
    return ["first", "second"]


def _compared(volumes, difference):
    names = tuple(difference)
    if len(names) != 2 or not set(names) <= set(volumes):
        raise InputError(
            f"difference must be two names of {list(volumes)}, received {difference!r}."
        )
    modalities = {volumes[name].modality for name in names} - {""}
    if len(modalities) > 1:
        raise InputError(
            f"difference must be of one modality, received {' and '.join(sorted(modalities))}."
        )
    return names


def _reader(volume):
    cuts = {axis: plane(volume, axis) for axis in AXES}
    return lambda axis, number: np.asarray(cuts[axis][number], np.float32)


def _cuts(volumes, at):
    """The three planes of volumes, and the number of the slice through a point of each."""
    volume = next(iter(volumes.values()))
    shape, affine = np.array(volume.voxels.shape), np.asarray(volume.affine, np.float64)
    if at is None:
        voxel = _centre(volume)
    else:
        if len(tuple(at)) != 3 or not all(map(is_number, at)):
            raise InputError(f"at must be three numbers (x, y, z) in mm, received {at!r}.")
        voxel = np.linalg.solve(affine, [*at, 1.0])[:3]
    voxel = np.floor(voxel + 0.5).astype(int)
    if (voxel < 0).any() or (voxel >= shape).any():
        corners = np.array(np.meshgrid(*((0, n - 1) for n in shape))).reshape(3, -1)
        corners = affine[:3, :3] @ corners + affine[:3, 3:]
        reach = ", ".join(
            f"{name} {low:.0f} to {high:.0f}"
            for name, low, high in zip("xyz", corners.min(1), corners.max(1), strict=True)
        )
        raise InputError(f"at must lie in the volume (in mm: {reach}), received {tuple(at)}.")
    cuts = {axis: plane(volume, axis) for axis in AXES}
    numbers = {}
    for axis, cut in cuts.items():
        number = int(voxel[cut.axes[0]])
        numbers[axis] = len(cut) - 1 - number if cut.flips[0] else number
    return cuts, numbers


def _point(volume, cuts, numbers):
    """Where the slices cross, in mm."""
    voxel = np.ones(4)
    for axis, cut in cuts.items():
        number = numbers[axis]
        voxel[cut.axes[0]] = len(cut) - 1 - number if cut.flips[0] else number
    return (np.asarray(volume.affine, np.float64) @ voxel)[:3]


def _centre(volume):
    """Voxel in the middle of what is brighter than the average."""
    values = subsampled(volume.voxels)
    bright = np.argwhere(values > np.nanmean(values)) if np.isfinite(values).any() else []
    shape = np.array(volume.voxels.shape)
    if not len(bright):
        return (shape - 1) / 2
    return (bright.mean(0) + 0.5) * shape / values.shape - 0.5


def _check_side(side):
    if not isinstance(side, (int, np.integer)) or not 32 <= side <= 4096:
        raise InputError(f"side must be a whole number from 32 to 4096, received {side!r}.")
