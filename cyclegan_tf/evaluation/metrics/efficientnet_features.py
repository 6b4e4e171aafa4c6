"""A second family of features, of a network that no training of the package looks at.

Methods whose discriminators or losses look at AlexNet or VGG16 are flattered by LPIPS, and by
Inception's features, which were learnt from the same photos. So were EfficientNet-Lite0's, but
nothing is trained by them here.
"""

from cyclegan_tf.evaluation.metrics import features
from cyclegan_tf.networks.pretrained import efficientnet


def load(weights=None):
    """Gives the feature extractor.

    Args:
        weights: Weight file; by default as `networks.pretrained.weights.locate` finds it.

    Returns:
        `EfficientNet`.

    Raises:
        InputError: If the weights cannot be had.
    """
    return EfficientNet(weights)


class EfficientNet(features.Pretrained):
    """Features of images: the means over the last maps of EfficientNet-Lite0.

    Images get to 224x224 by the clean resizing, always.

    Args:
        weights: As for `load`.
    """

    name = "efficientnet"
    described = "EfficientNet-Lite0 (ImageNet), pooled, 1280-d"
    network, side = staticmethod(efficientnet.network), efficientnet.SIDE

    def __init__(self, weights=None):
        super().__init__(weights)
        # Of its own name, beside the first family's.
        self.protocol = {self.name: self.protocol}
