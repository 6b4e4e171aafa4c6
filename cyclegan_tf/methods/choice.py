"""The method `fast`: which of the presets for minutes suits the data.

Measured by `benchmarks/ablation.py`: where the domains lie far apart, as photos and cartoons do,
`matched_fast` makes the more varied images, in colours that follow the input's; where they are
near, as horses and zebras are, it changes too much, and `fsesim_fast` is better. Of pairs, partners
are known.
"""

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import statistics
from cyclegan_tf.methods import registry
from cyclegan_tf.networks.pretrained import weights

#: What is chosen from.
PRESETS = ("matched_fast", "fsesim_fast", "cyclegan_fast")


def suited(dataset):
    """The preset for a data set, and the reason in a sentence.

    Args:
        dataset: `npz.Dataset`, its A to be translated.

    Returns:
        `(name, sentence)`.

    Example:
        >>> suited(npz.load("faces.npz"))
        ('matched_fast', 'A and B differ much: fast is matched_fast.')
    """
    a, b = dataset.names
    channels = {dataset.image_shape_a[-1], dataset.image_shape_b[-1]}
    if not channels <= {1, 3}:
        return _of("cyclegan_fast", "the images have other channels than gray and colour")
    try:
        weights.locate("alex")
    except InputError as error:
        return _of("cyclegan_fast", f"the others need a classifier, and {_lowered(error)}")
    if dataset.paired["train"]:
        return _of("matched_fast", f"{a} and {b} are pairs")
    if statistics.suits_residual_output(dataset):
        return _of("fsesim_fast", f"{a} and {b} differ little")
    return _of("matched_fast", f"{a} and {b} differ much")


def common():
    """The options that all presets have, by name, and the names of those whose defaults differ."""
    found = [registry.find(name).declared for name in PRESETS]
    shared = {name: each for name, each in found[0].items() if all(name in x for x in found)}
    return shared, {n for n in shared if len({repr(x[n].default) for x in found}) > 1}


def _of(name, why):
    return name, f"{why[0].upper()}{why[1:].rstrip('.')}: fast is {name}."


def _lowered(error):
    text = str(error)
    return text[0].lower() + text[1:]
