"""What becomes of volumes: whether they come back as they were, and what translating one takes.

    python benchmarks/volumes.py                        # a generated volume of 256x256x150
    python benchmarks/volumes.py FILE.nii.gz ...        # round trips of these, too

Each line of the second table is measured in a process of its own, by `resource.getrusage`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def round_trip(path, folder):
    """Writes a volume as NIfTI and as a DICOM series, reads both, and compares.

    Returns:
        A row for the table.
    """
    from cyclegan_tf.volumes import volume

    source = volume.read(path)
    cells = [Path(path).name, str(source)]
    values, affine = canonical(source)
    for target in (folder / "copy.nii.gz", folder / "series"):
        volume.write(target, source.voxels, source, source.modality or "MR")
        back = volume.read(target)
        read, place = canonical(back)
        error, moved = np.abs(read - values).max(), np.abs(place - affine).max()
        exact = "exact" if error == 0 else f"{error:.1g} of {np.ptp(values):.0f}"
        cells += [exact, f"{moved:.1g} mm", back.orientation]
    return cells


def canonical(one):
    """Values and affine of a volume, its axes turned to run right, to the front and the head."""
    import nibabel

    image = nibabel.Nifti1Image(one.voxels[:, :, :].astype(np.float64), one.affine)
    image = nibabel.as_closest_canonical(image)
    return image.get_fdata(), image.affine


def measured(shape, axes, run):
    """Translates a generated volume in a process of its own: `{"seconds", "megabytes", ...}`."""
    command = [sys.executable, __file__, "--translate", *map(str, shape), "--axes", axes]
    command += ["--run", run] if run else []
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def translate(shape, axes, run):
    """Prints seconds and the peak of memory before and after a translation."""
    import resource

    from cyclegan_tf.common.silence import import_tensorflow

    import_tensorflow()
    from cyclegan_tf import recipes
    from cyclegan_tf.common.generator_metadata import Translation
    from cyclegan_tf.data.slice_metadata import SPLITS, Slices
    from cyclegan_tf.inference import load as images
    from cyclegan_tf.inference.translator import Translator
    from cyclegan_tf.inference.volumes import translate_file
    from cyclegan_tf.volumes import intensity, volume

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    folder = Path(tempfile.mkdtemp())
    if run:
        translator = images.load(run, "ab")
    else:
        model = recipes.mri_to_ct((*shape[:2], 1), filters=16, blocks=6)
        rules = [intensity.to_json(rule) for rule in (intensity.Percentiles(), intensity.Window())]
        slices = Slices(
            modalities=("MR", "CT"), intensities=rules, patients={name: [] for name in SPLITS}
        )
        known = Translation(
            *("MR", "CT", (0, 1), (-1000, 2000), "float32", tuple(shape[:2])),
            slices=slices.for_generator("ab"),
        )
        translator = Translator(model.gen_ab, known)
    source = volume.Volume(_Generated(shape), np.diag([1.0, 1.0, 1.0, 1.0]), "MR")
    small = volume.Volume(_Generated((*shape[:2], 12)), source.affine, "MR")
    translate_file(translator, _written(folder, small), folder / "warm.nii.gz", progress=False)
    before, path = peak(), _written(folder, source)
    began = time.perf_counter()
    translate_file(translator, path, folder / "out.nii.gz", axes=axes.split(","), progress=False)
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "before": before, "megabytes": peak()}))


class _Generated:
    """Voxels that are made as they are read, so that they take no memory."""

    dtype = np.dtype(np.int16)

    def __init__(self, shape):
        self.shape = tuple(shape)

    def __getitem__(self, index):
        i, j = np.ogrid[: self.shape[0], : self.shape[1]]
        plane = 500 + 300 * np.sin(i / 9) + 150 * np.cos(j / 7)
        return (plane + np.arange(self.shape[2])[index[2]]).astype(np.int16)


def _written(folder, source):
    from cyclegan_tf.volumes import volume

    path = folder / f"{source.shape[2]}.nii.gz"
    volume.write(path, source.voxels, source)
    return path


def main():
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("volumes", nargs="*", help="whose round trips to look at")
    parser.add_argument("--run", help="a run trained on slices (default: an untrained generator)")
    parser.add_argument("--translate", nargs=3, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--axes", default="axial", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.translate:
        translate(options.translate, options.axes, options.run)
        return
    if options.volumes:
        print("| volume | | NIfTI: values | place | runs | DICOM: values | place | runs |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for path in options.volumes:
        with tempfile.TemporaryDirectory() as folder:
            print("| " + " | ".join(round_trip(path, Path(folder))) + " |", flush=True)
    print("\n| voxels | axes | seconds | peak MiB, after 12 slices | peak MiB, in the end |")
    print("| --- | --- | --- | --- | --- |")
    for depth, axes in (
        (30, "axial"),
        (150, "axial"),
        (600, "axial"),
        (150, "axial,coronal,sagittal"),
    ):
        found = measured((256, 256, depth), axes, options.run)
        numbers = (f"{found[name]:.0f}" for name in ("seconds", "before", "megabytes"))
        print(f"| 256x256x{depth} | {axes} | " + " | ".join(numbers) + " |", flush=True)


if __name__ == "__main__":
    main()
