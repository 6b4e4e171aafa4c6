"""Matched: translation in one direction, taught by partners and by what these have alone.

Optimal transport of colours gives each image of A a partner in B (`data.matching`), so that light
becomes light, dark dark, and every image of B is somebody's; of pairs, it is the other half. The
translation is drawn to the partner in colours and in features of a classifier. But a partner has a
beard or glasses of which its input tells nothing; drawn to all of them at once, faces become one,
and pale. So there is a code: a linear model (`data.linear_model`) predicts the partner from the
input's palette, and the code is what it misses, in a few numbers. The generator starts from the
prediction, a blurred image, and makes it sharp. In use codes are drawn, and each draw is another
answer; some steps of the training draw them, too, and have the discriminator alone as a teacher.

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
from cyclegan_tf.data import linear_model, matching
from cyclegan_tf.methods.cyclegan import WITHIN_MINUTES
from cyclegan_tf.methods.fsesim import FSeSim, FSeSimOptions
from cyclegan_tf.methods.losses import feature_distance, l1, palette_distance
from cyclegan_tf.methods.options import loss_option, network_option
from cyclegan_tf.methods.registry import method, preset
from cyclegan_tf.networks.layers.linear_prediction import GRID, SIDE, LinearPrediction, palettes

#: Pairs that the linear model is learnt from, at most; parts of a partner, along each side, that
#: codes are read off.
PAIRS, PARTS = 4000, 16
#: Of both regressions, in variances of what is known: palettes, and these with codes.
PENALTIES = 100.0, 1.0
#: Codes that images after an epoch show.
DRAWS = 3


@dataclass(frozen=True, kw_only=True)
class MatchedOptions(FSeSimOptions):
    """Options of the matched translation."""

    gen_norm: Literal["instance", "layer"] = network_option(
        "layer", "normalization of the generator; a code needs that of the layer"
    )
    code: int = network_option(
        32, "numbers that say what the input does not tell of its partner; 0 for none", low=0
    )
    code_spread: float = network_option(
        0.9,
        "standard deviations of the partners' codes that one of a drawn code is: below 1 faces are "
        "more common and follow the input more",
        low=0.1,
    )
    drawn_share: float = loss_option(
        0.3, "share of the images in training whose code is drawn", low=0, high=1
    )
    adversarial_weight: float = loss_option(
        2.0, "weight of the generator's adversarial loss", low=0
    )
    spatial_weight: float = loss_option(
        0.0,
        "weight of the spatially-correlative loss, where the layout of inputs is to stay",
        low=0,
    )
    palette_weight: float = loss_option(
        20.0, "weight of the distance to the partner in mean colours of 4x4 parts", low=0
    )
    pixel_weight: float = loss_option(
        10.0, "weight of the mean absolute difference from the partner", low=0
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

    loss_names = ("adv_ab", "spatial_a", "palette_b", "pixel_b", "partner_b", "disc_b")
    augments = "mirror"
    _are_known, _encoder = False, None

    def make_networks(self):
        """The generator, with a code, and the discriminator."""
        (*_, channels), (*_, output_channels) = self.image_shapes
        made = super().make_networks()
        of_code = {"code": self.options.code}
        made["gen_ab"] = self.options.resnet(channels, output_channels, 0, "gen_ab", **of_code)
        return made

    def partners(self, dataset):
        """Matches the images, and fits the linear model: to be called before training."""
        if dataset.paired["train"]:
            found = np.arange(len(dataset.train_a))
        else:
            found = matching.partners(dataset, self.seed)
        self._are_known = True
        if self.options.code:
            number = np.unique(np.linspace(0, len(found) - 1, PAIRS).astype(int))
            self._fit(*_numbers(dataset, number, found[number]))
        return found

    def _fit(self, known, coarse, fine):
        """The linear model of partners: the encoder of codes, and the generator's prediction.

        Args:
            known: Palettes of inputs.
            coarse: Their partners in 16x16 parts.
            fine: The same in 32x32.
        """
        options, (of_palettes, of_codes) = self.options, PENALTIES
        weights, bias = linear_model.ridge(known, coarse, of_palettes)
        rest = coarse - (known @ weights + bias)
        directions = linear_model.whitening(rest, options.code) / options.code_spread
        encoder = (weights, bias, directions)
        self._encoder = [tf.constant(x, tf.float32) for x in encoder]
        # What is known, as the palettes tell it, and what codes add to that.
        weights, bias = linear_model.ridge(known, fine, of_palettes)
        rest, codes = fine - (known @ weights + bias), rest @ directions
        added, _ = linear_model.ridge(codes, rest, of_codes)
        prediction = next(x for x in self.gen_ab.layers if isinstance(x, LinearPrediction))
        prediction.set_weights([np.concatenate([weights, added]), bias])

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

    def noise(self, count, seed):
        """What FSeSim draws; codes, and a number that says whether to take them."""
        orders = super().noise(count, seed)
        if not self.options.code:
            return orders
        of_codes, of_shares = (
            tf.random.experimental.stateless_fold_in(seed, len(orders) + i) for i in range(2)
        )
        codes = tf.random.stateless_normal((count, self.options.code), of_codes)
        return codes, tf.random.stateless_uniform((count, 1), of_shares), *orders

    def generator_losses(self, batch):
        """Adversarial loss, the difference of layouts, and the distances to the partner."""
        if not self._are_known:
            raise InputError(
                "The partners are not known: train by cyclegan_tf.train, or give "
                "pipeline.batches what partners(dataset) returns."
            )
        a, b, *drawn = batch
        options, of_partner, inputs, is_drawn = self.options, self._features(b), [a], None
        if options.code:
            codes, number, *drawn = drawn
            is_drawn = number < options.drawn_share
            inputs.append(tf.where(is_drawn, codes, self._code(a, b)))
        translated = self.gen_ab(inputs, training=True)
        logits, *found = self._judged(translated, training=True)
        layouts = 0.0
        if options.spatial_weight:
            layouts = options.spatial_weight * self.difference_of_layouts(a, found, drawn)
        # A drawn code is nobody's: such an image has itself as a partner.
        ours, theirs = (translated, *found), (b, *of_partner)
        if options.code:
            where = is_drawn[..., None, None]
            theirs = [
                tf.where(where, x, tf.cast(y, x.dtype)) for x, y in zip(ours, theirs, strict=True)
            ]
        return {
            "adv_ab": options.adversarial_weight * self.generator_loss(logits),
            "spatial_a": tf.cast(layouts, tf.float32),
            "palette_b": options.palette_weight * palette_distance(translated, theirs[0]),
            "pixel_b": options.pixel_weight * l1(translated, theirs[0]),
            "partner_b": options.partner_weight * feature_distance(found, theirs[1:]),
        }, (translated, *found, *of_partner)

    def _code(self, a, b):
        """Codes of partners: what the palettes of their inputs miss of them."""
        weights, bias, directions = self._encoder
        known, parts = tf.cast(palettes(a), tf.float32), tf.cast(_parts(b, PARTS), tf.float32)
        return tf.matmul(parts - tf.matmul(known, weights) - bias, directions)


def _parts(images, parts):
    """Means of equal parts of images of any size: a tensor `(batch, numbers)`."""
    rows, columns = (
        tf.constant(matching.shares(n, parts), images.dtype) for n in images.shape[1:3]
    )
    means = tf.einsum("ph,nhwc,qw->npqc", rows, images, columns)
    return tf.reshape(means, (images.shape[0], -1))


def _numbers(dataset, of_a, of_b):
    """Palettes of some images of A; their partners in coarse and in fine parts: three arrays."""
    rows = []
    for start in range(0, len(of_a), 64):
        some = slice(start, start + 64)
        pairs = (dataset.train_a[of_a[some]], dataset.train_b[of_b[some]])
        a, b = (
            tf.constant(normalize(np.asarray(images), value_range))
            for images, value_range in zip(pairs, dataset.ranges, strict=True)
        )
        rows.append((_parts(a, GRID), _parts(b, PARTS), _parts(b, SIDE)))
    return (np.concatenate(x).astype("float64") for x in zip(*rows, strict=True))


#: What the preset departs in: of pairs the layout is known, and what is left to a code are colours.
USUAL = {"code": 32, "drawn_share": 0.3, "adversarial_weight": 2.0}
USUAL |= {"pixel_weight": 10.0, "partner_weight": 4.0}
OF_PAIRS = {"code": 8, "drawn_share": 0.0, "adversarial_weight": 0.5}
OF_PAIRS |= {"pixel_weight": 60.0, "partner_weight": 8.0}


def _by_pairs(given, dataset):
    return OF_PAIRS if dataset is not None and dataset.paired["train"] else USUAL


preset("matched_fast", "matched", adapt=_by_pairs, chooses_filters=True, **WITHIN_MINUTES)
