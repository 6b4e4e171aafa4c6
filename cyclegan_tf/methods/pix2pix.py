"""pix2pix: translation learned from pairs of pictures that belong together.

Reference: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial
Networks", https://arxiv.org/abs/1611.07004

Where it departs from the authors' code: theirs updates the discriminator first and shows the
generator the updated one; here both step at once, from one set of fakes. Dropout masks and
running averages are the step's own state, so that a run resumes to the bit.
"""

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Activation, Concatenate, LeakyReLU, ReLU

from cyclegan_tf import generators
from cyclegan_tf.convolutions import Conv2D, Conv2DTranspose
from cyclegan_tf.layers import BatchNormalization, Dropout
from cyclegan_tf.losses import binary_crossentropy, l1, of_discriminator
from cyclegan_tf.training import GenerativeModel


def unet(
    input_shape=(None, None, 3),
    filters=64,
    depth=8,
    output_channels=None,
    dropout=True,
    seed=None,
    name="gen_ab",
):
    """The U-Net of pix2pix: batch-normalized, with dropout as its only noise.

    Args:
        input_shape: `(height, width, channels)`; height and width may be None, and must be
            multiples of `2 ** depth` in use.
        filters: Channels after the first convolution; doubled at each level up to eightfold.
        depth: Number of halvings; 8 takes 256 pixels down to one, 7 takes 128.
        output_channels: Channels of the output; those of the input by default.
        dropout: Whether the way up drops half of the numbers at its levels of eightfold filters,
            but for the innermost: three of them at depth 8, two at 7, none below 6, as in the
            authors' later code (the paper's list begins with the innermost).
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `[pictures, noise]` to pictures: `(batch, height, width, channels)` in
        [-1, 1] and `(batch, 1)`, which seeds the masks, to `(batch, height, width,
        output_channels)` in [-1, 1] (tanh). Without dropout from pictures alone.

    Raises:
        ValueError: If `depth` is below 2.

    Reference:
        Isola et al. 2017, sections 3.2 and 6.1.1
    """
    if depth < 2:
        raise ValueError(f"depth must be at least 2, received {depth}.")
    rng = np.random.default_rng(seed)

    def draw():
        return int(rng.integers(2**31))

    def options(level):
        normal = keras.initializers.RandomNormal(0.0, 0.02, seed=draw())
        return {"filters": filters * min(2**level, 8), "kernel_initializer": normal}

    image, noise = keras.Input(input_shape, name="picture"), keras.Input((1,), name="noise")
    x, skips = image, []
    for level in range(depth):
        if level > 0:
            skips.append(x)
            x = LeakyReLU(0.2)(x)
        x = Conv2D(kernel_size=4, strides=2, zeros=1, use_bias=False, **options(level))(x)
        # Neither the picture's own colours nor the innermost pixel are normalized.
        if 0 < level < depth - 1:
            x = BatchNormalization(seed=draw())(x)
    up = {"kernel_size": 4, "strides": 2, "padding": "same"}
    levels_with_dropout = range(3, depth - 2) if dropout else ()
    for level in reversed(range(depth - 1)):
        x = Conv2DTranspose(**up, use_bias=False, **options(level))(ReLU()(x))
        x = BatchNormalization(seed=draw())(x)
        if level in levels_with_dropout:
            x = Dropout(0.5, number=level)([x, noise])
        x = Concatenate()([skips.pop(), x])
    last = options(0) | {"filters": output_channels or input_shape[-1]}
    x = Activation("tanh")(Conv2DTranspose(**up, **last)(ReLU()(x)))
    return keras.Model([image, noise] if levels_with_dropout else image, x, name=name)


class Pix2Pix(GenerativeModel):
    """A generator from A to B, and a discriminator that sees A beside what it judges.

    Batch normalization makes the discriminator see real and made pictures in calls of their
    own: together, the statistics of the batch would tell them apart or mix them up.

    Args:
        gen_ab: Generator from domain A to domain B, both in [-1, 1], as `unet` makes it.
        disc_b: Discriminator on A's and B's channels, one after the other; returns logits. None
            where `adversarial_weight` is 0.
        image_size: `(height, width)` of the training pictures; by default the size that `gen_ab`
            was built for.
        adversarial_loss: Function of `(logits, target)`: `losses.binary_crossentropy` (the
            paper's) or `losses.least_squares`.
        adversarial_weight: Weight of the generator's adversarial loss; 0 trains the paper's
            baseline, L1 alone, and spares the discriminator.
        l1_weight: Weight of the mean absolute difference to the true B; the paper's lambda.
        seed: Key of the dropout's draws.
        strategy: As for `GenerativeModel`.

    Raises:
        ValueError: If the discriminator does not fit the generator or the adversarial weight.
    """

    needs_pairs = True

    def __init__(
        self,
        gen_ab,
        disc_b=None,
        image_size=None,
        adversarial_loss=binary_crossentropy,
        adversarial_weight=1.0,
        l1_weight=100.0,
        seed=0,
        strategy=None,
        **kwargs,
    ):
        super().__init__(seed=seed, strategy=strategy, **kwargs)
        picture = gen_ab.inputs[0].shape
        channels_a, channels_b = picture[-1], gen_ab.output_shape[-1]
        if (disc_b is None) != (adversarial_weight == 0):
            raise ValueError(
                "disc_b is needed where adversarial_weight is above 0, and only there; received "
                f"{disc_b} for {adversarial_weight}."
            )
        if disc_b is not None and disc_b.input_shape[-1] != channels_a + channels_b:
            raise ValueError(
                f"disc_b must take {channels_a} + {channels_b} channels, those of A and B, "
                f"received {disc_b.input_shape[-1]}."
            )
        image_size = tuple(image_size or picture[1:3])
        self.image_shapes = ((*image_size, channels_a), (*image_size, channels_b))
        self.gen_ab, self.disc_b = gen_ab, disc_b
        self.adversarial_loss = adversarial_loss
        self.adversarial_weight = adversarial_weight
        self.l1_weight = l1_weight
        adversarial = disc_b is not None
        self.loss_names = ("adv_ab", "l1_ab", "disc_b") if adversarial else ("l1_ab",)
        self.built = True

    @property
    def generators(self):
        """The generator, alone."""
        return [self.gen_ab]

    @property
    def discriminators(self):
        """The discriminator; none for L1 alone."""
        return [] if self.disc_b is None else [self.disc_b]

    @property
    def saved(self):
        """The generator, which goes from A to B."""
        return {"gen_ab": (self.gen_ab, "ab")}

    def noise(self, count, seed):
        """One number per picture, which seeds its dropout masks."""
        if len(self.gen_ab.inputs) == 1:
            return ()
        return (tf.random.stateless_normal((count, 1), seed),)

    def generator_losses(self, batch):
        """Adversarial (equation 1, non-saturating) and L1 loss (3), weighted as in (4)."""
        a, b, *noise = batch
        fake_b = self.gen_ab([a, *noise] if noise else a, training=True)
        losses = {"l1_ab": self.l1_weight * l1(fake_b, b)}
        if self.disc_b is not None:
            logits = self.disc_b(tf.concat([a, fake_b], -1), training=True)
            losses["adv_ab"] = self.adversarial_weight * self.adversarial_loss(logits, 1.0)
        return losses, fake_b

    def discriminator_losses(self, batch, shown):
        """Half of the loss on real pairs and on made ones: it learns at half the pace."""
        if self.disc_b is None:
            return {}
        a, b, *_ = batch
        # Two calls, since batch statistics are of real or of made pictures.
        logits = (self.disc_b(tf.concat([a, x], -1), training=True) for x in (b, shown))
        return {"disc_b": of_discriminator(self.adversarial_loss, *logits)}

    def columns(self, a, b, names):
        """What each picture became beside what it should have become."""
        given = generators.inputs(self.gen_ab, a)
        fake_b = self.gen_ab(given if len(given) > 1 else a, training=False)
        return [(names[0], a), (f"as {names[1]}", fake_b), (f"true {names[1]}", b)]
