"""A DICOM series as a volume: ordered by where its slices lie, decoded when they are asked for.

Voxel `[i, j, k]` is column i, row j of slice k; slices are counted along the normal (the cross
product of the directions of rows and columns), whatever their names and numbers. Of a tilted
gantry the affine is sheared, as the slices are. DICOM's axes (LPS) become NIfTI's (RAS).
"""

import os
import tempfile
from pathlib import Path

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes.io.dicom_series import (
    choose_series,
    load_pydicom,
    read_header,
    without_warnings,
)
from cyclegan_tf.volumes.io.dicom_slices import slices_of
from cyclegan_tf.volumes.io.scaling import dtype_of, release_pages, to_real

#: Turns mm in LPS+ into mm in RAS+, and back.
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read(path, series=None):
    """Opens a DICOM series.

    Args:
        path: A folder, or one file (of several frames with a place each, or of one slice).
        series: Which series of the folder, as in `dicom_series.choose_series`.

    Returns:
        `(voxels, affine, modality, slices)`: a `DecodedSeries`, the `(4, 4)` float64 affine, such
        as "CT", and a list of `dicom_slices.Slice`.

    Raises:
        InputError: If slices are missing, doubled or unlike each other, cannot be decoded here, or
            have no place in the patient.
    """
    path = Path(path)
    if path.is_dir():
        chosen = choose_series(path, series)
        files = list(zip(chosen.paths, chosen.headers, strict=True))
    else:
        files = [(path, read_header(path))]
    slices = [each for file in files for each in slices_of(*file)]
    with without_warnings():
        _check_alike(path, slices)
        _check_decoders(slices)
    slices, affine = _in_order(path, slices)
    modality = str(slices[0].header.get("Modality") or "")
    return DecodedSeries(slices), affine, modality, slices


class DecodedSeries:
    """Voxels `(i, j, k)` of a series in real values, decoded slice by slice.

    What was decoded goes into a temporary file without a name (in the folder that `TMPDIR`
    says), so that each slice is decoded once, slices along every axis are cheap, and memory does
    not grow with their number.

    Args:
        slices: List of `dicom_slices.Slice`, in order and alike.
    """

    def __init__(self, slices):
        headers = [each.header for each in slices]
        first = headers[0]
        self._slices = slices
        self.shape = (int(first.Columns), int(first.Rows), len(slices))
        self.ndim = 3
        kinds = {(int(h.BitsStored), int(h.PixelRepresentation)) for h in headers}
        ends = [
            end
            for bits, signed in kinds
            for end in ((-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1))
        ]
        stored = np.dtype(f"i{first.BitsAllocated // 8}")
        scales = {(each.slope, each.intercept) for each in slices}
        self.dtype = dtype_of(stored, scales, (min(ends), max(ends)))
        self._ready = np.zeros(len(slices), bool)
        self._file = self._map = None

    def __del__(self):
        if getattr(self, "_file", None) is not None:
            self._file.close()

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        index = index if isinstance(index, tuple) else (index,)
        if Ellipsis in index:
            at = index.index(Ellipsis)
            index = (*index[:at], *[slice(None)] * (4 - len(index)), *index[at + 1 :])
        wanted = np.arange(self.shape[2])[index[2] if len(index) > 2 else slice(None)]
        if self._map is None:
            self._open()
        for k in np.ravel(wanted):
            if not self._ready[k]:
                self._decode(k)
        values = np.array(self._map[index])
        release_pages(self._map)
        return values

    def __array__(self, dtype=None, copy=None):
        return self[...].astype(dtype or self.dtype, copy=False)

    def _open(self):
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (see __del__)
        self._file.truncate(self.dtype.itemsize * int(np.prod(self.shape, dtype=np.int64)))
        self._map = np.memmap(self._file, self.dtype, "r", 0, self.shape, "F")

    def _decode(self, k):
        each = self._slices[k]
        try:
            with without_warnings():
                pixels = load_pydicom().pixels.pixel_array(each.path, index=each.frame or 0)
            pixels = pixels.reshape(self.shape[1::-1])
        except Exception:  # decoders raise nearly anything at damaged data
            raise InputError(
                f"{each.path} has pixels that cannot be decoded: it is damaged, was cut short or "
                "is of a rare kind."
            ) from None
        plane = to_real(pixels, each.slope, each.intercept, self.dtype, each.path).tobytes()
        try:
            # Not through the map, where a full disk would end the process.
            if os.pwrite(self._file.fileno(), plane, int(k) * len(plane)) < len(plane):
                raise OSError
        except OSError as error:
            raise InputError(
                f"{tempfile.gettempdir()} lacks room for a decoded volume: make room or set TMPDIR "
                "to another folder."
            ) from error
        self._ready[k] = True


def _check_alike(path, slices):
    """Refuses slices that are not of one size, orientation, spacing, unit and kind."""

    def place(each):
        return np.concatenate([each.row, each.column])

    properties = {
        "size": lambda s: f"{s.header.Columns}x{s.header.Rows} pixels",
        "number of bits": lambda s: f"{s.header.BitsAllocated} bits",
        "orientation": place,
        "PixelSpacing": lambda s: np.array(s.pixel_spacing),
        "unit": lambda s: s.unit or "no unit",
        "modality": lambda s: str(s.header.get("Modality") or "none"),
        "frame of reference": lambda s: str(s.header.get("FrameOfReferenceUID") or ""),
    }
    for name, value in properties.items():
        first = value(slices[0])
        for each in slices:
            other = value(each)
            same = np.allclose(first, other, atol=1e-4) if name in _NUMERIC else first == other
            if not same:
                shown = "" if name == "frame of reference" else f" ({_text(first)}, {_text(other)})"
                raise InputError(
                    f"{path} mixes slices of more than one {name}{shown}: keep those of one."
                )


_NUMERIC = ("orientation", "PixelSpacing")


def _text(value):
    return value if isinstance(value, str) else " ".join(f"{n:.4g}" for n in value)


def _check_decoders(slices):
    from pydicom.pixels import get_decoder

    for syntax in {each.header.file_meta.TransferSyntaxUID for each in slices}:
        try:
            known = get_decoder(syntax).is_available
        except NotImplementedError:
            known = False
        if not known:
            path = next(s.path for s in slices if s.header.file_meta.TransferSyntaxUID == syntax)
            raise InputError(
                f"{path} is compressed as {syntax.name}, for which no decoder is installed: pip "
                "install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg, or export it without "
                "compression."
            )


def _in_order(path, slices):
    """Orders slices along their normal; returns them with the affine."""
    normal = np.cross(slices[0].row, slices[0].column)
    slices = sorted(slices, key=lambda each: float(each.position @ normal))
    positions = np.stack([each.position for each in slices])
    steps = len(slices) - 1
    if steps:
        _check_gaps(path, positions, positions @ normal)
        step = (positions[-1] - positions[0]) / steps
    else:
        step = normal * slices[0].thickness
    rows, columns = slices[0].pixel_spacing
    affine = np.eye(4)
    # From one row to the next it is down a column, and the other way round.
    affine[:3] = np.stack(
        [slices[0].row * columns, slices[0].column * rows, step, positions[0]], axis=1
    )
    return slices, LPS_TO_RAS @ affine


def _check_gaps(path, positions, heights):
    count, gaps = len(heights), np.diff(heights)
    if gaps.min() < 1e-3:
        raise InputError(
            f"{path} holds {count} slices at {1 + int((gaps >= 1e-3).sum())} positions (copies, "
            "echoes or points in time): keep one for each position."
        )
    usual = float(np.sort(gaps)[(count - 2) // 2])
    ratios = gaps / usual
    k = int(np.argmax(ratios > 1.5))
    if ratios[k] > 1.5 and abs(ratios[k] - round(ratios[k])) < 0.1:
        missing = [round(ratio) - 1 for ratio in ratios]
        n, more = missing[k], sum(missing) - missing[k]
        raise InputError(
            f"{path} has after slice {k + 1} (at {heights[k]:.1f} mm) a gap of {gaps[k]:.1f} mm "
            f"where {usual:.1f} mm is usual: {n} slice{'s are' if n > 1 else ' is'} missing"
            + (f", and {more} further on; " if more else "; ")
            + "get the whole series."
        )
    line = np.linspace(positions[0], positions[-1], count)
    off = float(np.linalg.norm(positions - line, axis=1).max())
    if off > 0.1 * usual:
        raise InputError(
            f"{path} has slices that are not evenly spaced on a line ({gaps.min():.2f} to "
            f"{gaps.max():.2f} mm apart, up to {off:.2f} mm off it): resample it to even distances."
        )
