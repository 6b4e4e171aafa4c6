"""UNIT: unpaired translation through a latent space that both domains share.

Reference: Liu et al. 2017, "Unsupervised Image-to-Image Translation Networks",
https://arxiv.org/abs/1703.00848; the losses are those of the authors' second code
(https://github.com/mingyuliutw/UNIT), the sharing of layers that of the paper and their first.
"""

import numpy as np
import tensorflow as tf

from cyclegan_tf.losses import l1, least_squares, over_scales
from cyclegan_tf.networks import chained
from cyclegan_tf.training import GenerativeModel


def kl_to_normal(mean):
    """Divergence of N(mean, 1) from N(0, 1) as the authors weigh it: the mean of `mean ** 2`.

    Twice the divergence per number of the code, in nats.

    Args:
        mean: Tensor of any shape.

    Returns:
        Scalar tensor.
    """
    return tf.reduce_mean(tf.square(mean))


class UNIT(GenerativeModel):
    """Two variational autoencoders with one latent space between them, and two discriminators.

    A picture and its translation are assumed to have one latent code. The last layers of both
    encoders and the first of both decoders are therefore the same (equations 1 and 2); a code of
    a picture of A, decoded by B's decoder, is its translation. Codes are N(mean, 1), the encoder
    giving the mean; in use the mean itself is decoded.

    In paper and code the discriminators are updated first, and the generators on codes drawn
    anew; here both sides are updated at once, from the same codes. The authors' optional
    loss by VGG features is left out.

    Args:
        enc_a: Encoder of domain A's pictures, up to what is shared.
        enc_b: The same of B.
        enc_shared: The layers that end both encoders; gives the code's mean.
        dec_shared: The layers that begin both decoders.
        dec_a: Decoder to domain A's pictures in [-1, 1], from what `dec_shared` gives.
        dec_b: The same of B.
        disc_a: Discriminator of domain A; returns a list of logits, one for each scale.
        disc_b: Discriminator of B.
        image_shape_a: `(height, width, channels)` of A's training pictures.
        image_shape_b: The same of B.
        adversarial_weight: Weight of the adversarial losses, on both sides.
        reconstruction_weight: Weight of each picture's own reconstruction.
        kl_weight: Weight of each code's divergence.
        cycle_weight: Weight of each cycle's reconstruction.
        cycle_kl_weight: Weight of the divergence of each translation's code.
        seed: Key of the noise.
        strategy: As for `GenerativeModel`.
    """

    loss_names = (
        "adv_ab",
        "adv_ba",
        "reconstruction_a",
        "reconstruction_b",
        "kl_a",
        "kl_b",
        "cycle_a",
        "cycle_b",
        "cycle_kl_a",
        "cycle_kl_b",
        "disc_a",
        "disc_b",
    )

    def __init__(
        self,
        enc_a,
        enc_b,
        enc_shared,
        dec_shared,
        dec_a,
        dec_b,
        disc_a,
        disc_b,
        *,
        image_shape_a,
        image_shape_b,
        adversarial_weight=1.0,
        reconstruction_weight=10.0,
        kl_weight=0.01,
        cycle_weight=10.0,
        cycle_kl_weight=0.01,
        seed=0,
        strategy=None,
        **kwargs,
    ):
        super().__init__(seed=seed, strategy=strategy, **kwargs)
        self.image_shapes = (tuple(image_shape_a), tuple(image_shape_b))
        self.enc_a, self.enc_b, self.enc_shared = enc_a, enc_b, enc_shared
        self.dec_shared, self.dec_a, self.dec_b = dec_shared, dec_a, dec_b
        self.disc_a, self.disc_b = disc_a, disc_b
        self.gen_ab = chained([enc_a, enc_shared, dec_shared, dec_b], "gen_ab")
        self.gen_ba = chained([enc_b, enc_shared, dec_shared, dec_a], "gen_ba")
        codes = [
            tuple(enc_shared.compute_output_shape(encoder.compute_output_shape((1, *shape)))[1:])
            for encoder, shape in zip((enc_a, enc_b), self.image_shapes, strict=True)
        ]
        #: Shapes of the noise: on the code of a, of b, of the translation of a, and of b's.
        self.noise_shapes = [*codes, *codes]
        self.adversarial_weight = adversarial_weight
        self.reconstruction_weight = reconstruction_weight
        self.kl_weight = kl_weight
        self.cycle_weight = cycle_weight
        self.cycle_kl_weight = cycle_kl_weight
        self.built = True

    @property
    def generators(self):
        """Encoders and decoders, what they share once; all trained by one optimizer."""
        return [self.enc_a, self.enc_b, self.enc_shared, self.dec_shared, self.dec_a, self.dec_b]

    @property
    def discriminators(self):
        """Both discriminators, trained by one optimizer."""
        return [self.disc_a, self.disc_b]

    @property
    def saved(self):
        """Both translations, each a network of its own."""
        return {"gen_ab": (self.gen_ab, "ab"), "gen_ba": (self.gen_ba, "ba")}

    def noise(self, count, seed):
        """Draws what is added to the four codes of a step."""
        fold_in = tf.random.experimental.stateless_fold_in
        return tuple(
            tf.random.stateless_normal((count, *shape), fold_in(seed, i))
            for i, shape in enumerate(self.noise_shapes)
        )

    def encode(self, encoder, images):
        """The mean of the pictures' codes."""
        return self.enc_shared(encoder(images, training=True), training=True)

    def decode(self, decoder, codes):
        """The pictures that codes stand for."""
        return decoder(self.dec_shared(codes, training=True), training=True)

    def generator_losses(self, batch):
        """The objective of equations 3 to 6, weighted, with least-squares adversarial losses."""
        a, b, *noise = batch
        mean_a, mean_b = self.encode(self.enc_a, a), self.encode(self.enc_b, b)
        # One call of each decoder reconstructs and translates: no normalization spans pictures.
        codes = tf.concat([mean_a + noise[0], mean_b + noise[1]], 0)
        recon_a, fake_a = tf.split(self.decode(self.dec_a, codes), 2)
        fake_b, recon_b = tf.split(self.decode(self.dec_b, codes), 2)
        cycled_mean_a = self.encode(self.enc_b, fake_b)
        cycled_mean_b = self.encode(self.enc_a, fake_a)
        cycled_a = self.decode(self.dec_a, cycled_mean_a + noise[2])
        cycled_b = self.decode(self.dec_b, cycled_mean_b + noise[3])
        losses = {
            "reconstruction_a": self.reconstruction_weight * l1(recon_a, a),
            "reconstruction_b": self.reconstruction_weight * l1(recon_b, b),
            "kl_a": self.kl_weight * kl_to_normal(mean_a),
            "kl_b": self.kl_weight * kl_to_normal(mean_b),
            "cycle_a": self.cycle_weight * l1(cycled_a, a),
            "cycle_b": self.cycle_weight * l1(cycled_b, b),
            "cycle_kl_a": self.cycle_kl_weight * kl_to_normal(cycled_mean_a),
            "cycle_kl_b": self.cycle_kl_weight * kl_to_normal(cycled_mean_b),
        }
        for name, disc, fake in (("adv_ab", self.disc_b, fake_b), ("adv_ba", self.disc_a, fake_a)):
            adversarial = over_scales(least_squares, disc(fake, training=True), 1.0)
            losses[name] = self.adversarial_weight * adversarial
        return losses, (fake_a, fake_b)

    def discriminator_losses(self, batch, shown):
        """Least squares on real and on fake pictures, summed over the scales."""
        losses = {}
        for name, disc, real, fake in zip(
            ("disc_a", "disc_b"), self.discriminators, batch[:2], shown, strict=True
        ):
            logits = [tf.split(one, 2) for one in disc(tf.concat([real, fake], 0), training=True)]
            of_real, of_fake = zip(*logits, strict=True)
            losses[name] = self.adversarial_weight * (
                over_scales(least_squares, of_real, 1.0) + over_scales(least_squares, of_fake, 0.0)
            )
        return losses

    def columns(self, a, b, names):
        """Test pictures, translated and back, both ways."""
        fake_b, fake_a = self.gen_ab(a, training=False), self.gen_ba(b, training=False)
        back_a, back_b = self.gen_ba(fake_b, training=False), self.gen_ab(fake_a, training=False)
        columns = [
            (names[0], a),
            (f"as {names[1]}", fake_b),
            ("and back", back_a),
            None,
            (names[1], b),
            (f"as {names[0]}", fake_a),
            ("and back", back_b),
        ]
        return [column and (column[0], np.asarray(column[1])) for column in columns]
