"""Diagnostics of a run: numbers per epoch, and warnings in sentences with what to try."""

import numpy as np


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite; nothing after the last finished epoch was kept."""


def signs(direction, inputs, outputs):
    """Measures one direction of translation on fixed images.

    Args:
        direction: Suffix of the names, such as "ab".
        inputs: Array `(n, height, width, channels)` in [-1, 1].
        outputs: The translations, `(n, height, width, channels')` in [-1, 1].

    Returns:
        Dictionary of floats. `correlation_*`: Pearson correlation of brightness of input
        and output over all pixels, in [-1, 1]; 0 where either is constant. `change_*`: mean
        absolute difference of input and output (absent where channels differ). `spread_*`:
        mean over pixels of the outputs' standard deviation from image to image (absent
        where there is but one).
    """
    gray_in, gray_out = inputs.mean(-1).ravel(), outputs.mean(-1).ravel()
    deviation = gray_in.std() * gray_out.std()
    covariance = np.mean((gray_in - gray_in.mean()) * (gray_out - gray_out.mean()))
    measured = {
        f"correlation_{direction}": float(covariance / deviation) if deviation > 1e-6 else 0.0,
    }
    if len(outputs) > 1:
        measured[f"spread_{direction}"] = float(outputs.std(axis=0).mean())
    if inputs.shape[-1] == outputs.shape[-1]:
        measured[f"change_{direction}"] = float(np.abs(inputs - outputs).mean())
    return measured


def diagnose(row, paired=False, slices=False):
    """Says what looks wrong in one epoch.

    Args:
        row: Dictionary of an epoch's losses and `signs`.
        paired: Whether the method was shown the true translations. It then knows better than these
            signs whether colours are to be inverted, or the input to be kept.
        slices: Whether the images are slices of volumes, such as MR and CT, which have no
            colours to keep.

    Returns:
        List of sentences, empty where nothing looks wrong.
    """
    warnings = []
    for key, value in row.items():
        kind, _, direction = key.rpartition("_")
        # Weaker ones come of white backgrounds in place of dark ones, or of no training at all.
        if kind == "correlation" and value < -0.3 and not paired:
            colours = (
                f"Colours of {direction} come out inverted (correlation of input and output "
                f"{value:.2f}): start again with another seed, or with a larger identity weight."
            )
            # Bone is dark in MR and bright in CT, but air outweighs it: true pairs have about 0.7.
            air = (
                f"Slices of {direction} come out inverted (correlation of input and output "
                f"{value:.2f}), which is right only where no air around the body is in the "
                "image: look whether air comes out bright; if so, start again with another seed."
            )
            warnings.append(air if slices else colours)
        elif kind == "change" and value < 0.01 and not paired:
            warnings.append(
                f"Generator {direction} has become the identity (mean change {value:.4f} of 2): "
                "lower the identity and cycle weights."
            )
        elif kind == "spread" and value < 0.01:
            warnings.append(
                f"Generator {direction} gives the same image for every input (spread "
                f"{value:.4f}): lower the learning rate, or start again with another seed."
            )
        elif kind == "disc" and value < 0.01:
            warnings.append(
                f"Discriminator {direction} tells real from generated without effort (loss "
                f"{value:.4f}), so its generator learns nothing: give the discriminator fewer "
                "filters or layers, or add training images."
            )
    return warnings
