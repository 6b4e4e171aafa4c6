"""Matched: unpaired translation in one direction, taught by partners and by what these have alone.

Optimal transport of colours gives each image of A a partner in B (`data.matching`), so that light
becomes light, dark dark, and every image of B is somebody's. The translation is drawn to it in
colours and in features of a classifier. But a partner has a beard or glasses of which its input
tells nothing; drawn to all of them at once, faces become one, and pale. What neither palette
predicts of the partner's features is therefore given to the generator as a code of a few normal
numbers; in use they are drawn, and each draw is another answer.

The discriminator and the tie between layouts are FSeSim's.

Reference: pairs by optimal transport: Gu et al. 2023, "Optimal Transport-Guided Conditional
Score-Based Diffusion Model", https://arxiv.org/abs/2311.01226; a code of the target in training,
drawn in use: Zhu et al. 2017, "Toward Multimodal Image-to-Image Translation",
https://arxiv.org/abs/1711.11586 (there the encoder is learnt).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import normalize
from cyclegan_tf.data import matching
from cyclegan_tf.methods.cyclegan import WITHIN_MINUTES
from cyclegan_tf.methods.fsesim import FSeSim, FSeSimOptions
from cyclegan_tf.methods.losses import feature_distance, palette_distance
from cyclegan_tf.methods.options import loss_option, network_option
from cyclegan_tf.methods.registry import method, preset

#: Levels of features that codes are made of, and the parts of an image along each side.
LEVELS, PARTS = (2, 4), 3
#: Pairs that codes are learnt from, at most, and the ridge's penalty in variances of palettes.
PAIRS, PENALTY = 1000, 25.0
#: Codes that images after an epoch show.
DRAWS = 3


@dataclass(frozen=True, kw_only=True)
class MatchedOptions(FSeSimOptions):
    """Options of the matched translation."""

    gen_norm: Literal["instance", "layer"] = network_option(
        "layer", "normalization of the generator; a code needs that of the layer"
    )
    code: int = network_option(
        16, "numbers that say what the input does not tell of its partner; 0 for none", low=0
    )
    adversarial_weight: float = loss_option(
        2.0, "weight of the generator's adversarial loss", low=0
    )
    spatial_weight: float = loss_option(1.0, "weight of the spatially-correlative loss", low=0)
    palette_weight: float = loss_option(
        20.0, "weight of the distance to the partner in mean colours of 4x4 parts", low=0
    )
    partner_weight: float = loss_option(
        4.0, "weight of the distance to the partner in the classifier's features", low=0
    )

    def resolve(self, shape_a, shape_b):
        """Checks that the generator can take a code."""
        if self.code and self.gen_norm != "layer":
            raise InputError(
                f"code={self.code} needs gen_norm='layer', received {self.gen_norm!r}: give that, "
                "or code=0."
            )
        return super().resolve(shape_a, shape_b)


@method("matched", MatchedOptions)
class Matched(FSeSim):
    """A generator of an image and a code, and FSeSim's discriminator.

    Attributes:
        gen_ab: Generator from domain A to domain B.
        disc_b: `projected_discriminator` of domain B.
    """

    loss_names = ("adv_ab", "spatial_a", "palette_b", "partner_b", "disc_b")
    _are_known, _code = False, None

    def make_networks(self):
        """The generator, with a code, and the discriminator."""
        (*_, channels), (*_, output_channels) = self.image_shapes
        made = super().make_networks()
        of_code = {"code": self.options.code}
        made["gen_ab"] = self.options.resnet(channels, output_channels, 0, "gen_ab", **of_code)
        return made

    def partners(self, dataset):
        """Matches the images, and learns what codes are: to be called before training."""
        found = matching.partners(dataset, self.seed)
        self._are_known = True
        if not self.options.code:
            return found
        number = np.unique(np.linspace(0, len(found) - 1, PAIRS).astype(int))
        described, palettes = [], []
        for start in range(0, len(number), 16):
            some = number[start : start + 16]
            pairs = (dataset.train_a[some], dataset.train_b[found[some]])
            a, b = (
                tf.constant(normalize(np.asarray(images), value_range))
                for images, value_range in zip(pairs, dataset.ranges, strict=True)
            )
            described.append(self._described(self._features(b)))
            palettes.append(_pooled(matching.GRID, a, b))
        self._code = Code(np.concatenate(described), np.concatenate(palettes), self.options.code)
        return found

    @staticmethod
    def _described(features):
        """Some levels of features, pooled to few places: a tensor `(batch, numbers)`."""
        return _pooled(PARTS, *(features[level] for level in LEVELS))

    def columns(self, a, b, names):
        """Images of A, translated by codes that are drawn; of B beside them."""
        draws = range(DRAWS if self.options.code else 1)
        made = [(f"as {names[1]}", self.gen_ab(self._inputs(a, number))) for number in draws]
        return [(names[0], a), *made, None, (names[1], b)]

    def _inputs(self, a, number):
        size = (len(a), self.options.code)
        if not self.options.code:
            return a
        return [tf.convert_to_tensor(a), tf.random.stateless_normal(size, (self.seed, number))]

    def generator_losses(self, batch):
        """Adversarial loss, the difference of layouts, and the distances to the partner."""
        if not self._are_known:
            raise InputError(
                "The partners are not known: train by cyclegan_tf.train, or give "
                "pipeline.batches what partners(dataset) returns."
            )
        a, b, *orders = batch
        options, of_partner = self.options, self._features(b)
        inputs = [a]
        if options.code:
            palettes = _pooled(matching.GRID, a, b)
            inputs.append(self._code(self._described(of_partner), palettes))
        translated = self.gen_ab(inputs, training=True)
        logits, *found = self._judged(translated, training=True)
        layouts = self.difference_of_layouts(a, found, orders)
        return {
            "adv_ab": options.adversarial_weight * self.generator_loss(logits),
            "spatial_a": options.spatial_weight * layouts,
            "palette_b": options.palette_weight * palette_distance(translated, b),
            "partner_b": options.partner_weight * feature_distance(found, of_partner),
        }, (translated,)


class Code:
    """What neither palette tells of the partner's features: principal components, whitened.

    Args:
        described: Array `(n, d)`: features of the partners.
        palettes: Array `(n, p)`: palettes of inputs and partners together.
        size: Numbers of a code.
    """

    def __init__(self, described, palettes, size):
        mean, spread = described.mean(0), described.std(0)
        scale = 1 / (spread + 1e-3 * spread.mean() + 1e-12)
        middle = palettes.mean(0)
        x, y = palettes - middle, (described - mean) * scale
        penalty = PENALTY * (x**2).mean() + 1e-12
        told = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
        rest = y - x @ told
        # The components from the smaller of both products; there may be fewer pairs than numbers.
        values, vectors = np.linalg.eigh(rest @ rest.T)
        values, vectors = (m[..., ::-1][..., :size] for m in (values, vectors))
        known = values > 1e-6 * values.max()
        directions = rest.T @ vectors[:, known] * (len(rest) ** 0.5 / values[known])
        directions = np.pad(directions, ((0, 0), (0, size - known.sum())))
        weights = (mean, scale[:, None] * directions, middle, told @ directions)
        self.mean, self.directions, self.middle, self.told = (
            tf.constant(m, tf.float32) for m in weights
        )

    def __call__(self, described, palettes):
        """Codes, a tensor `(batch, size)`: of mean 0 and variance 1 over the pairs.

        Args:
            described: As above, of a batch.
            palettes: The same.
        """
        described, palettes = (tf.cast(x, tf.float32) for x in (described, palettes))
        code = tf.matmul(described - self.mean, self.directions)
        return tf.stop_gradient(code - tf.matmul(palettes - self.middle, self.told))


def _pooled(parts, *images):
    """Means of equal parts, one image after another: a tensor `(batch, numbers)`."""
    results = []
    for x in images:
        rows, columns = (tf.constant(matching.shares(n, parts), x.dtype) for n in x.shape[1:3])
        means = tf.einsum("ph,nhwc,qw->npqc", rows, x, columns)
        results.append(tf.reshape(means, (x.shape[0], -1)))
    return tf.concat(results, -1)


preset("matched_fast", "matched", chooses_filters=True, **WITHIN_MINUTES)
