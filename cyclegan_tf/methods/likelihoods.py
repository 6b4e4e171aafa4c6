"""Likelihoods of images, and distances between Gaussians: what the bounds are made of.

All are in nats, summed over pixels or dimensions, one number per image.
"""

import math

import tensorflow as tf

#: Standard deviation (gaussian) or scale (laplace) of a pixel in [-1, 1], unless told otherwise.
SPREAD = 0.1


class Likelihood:
    """How an image is distributed around what the decoder gives for it.

    Pixels are independent. "bernoulli": each is black or white, -1 or 1 (values between them give
    the cross-entropy, which is no likelihood). "gaussian" and "laplace": densities of pixels in
    [-1, 1] around the decoder's image, of one fixed spread; a Laplace's mode is sharper, since
    its loss is the absolute difference.

    Args:
        name: "bernoulli", "gaussian" or "laplace".
        spread: Standard deviation of the Gaussian or scale of the Laplace distribution.
    """

    def __init__(self, name="bernoulli", spread=SPREAD):
        self.name, self.spread = name, spread
        self._function = getattr(self, f"_{name}")

    def __call__(self, images, outputs):
        """The negative log-likelihood of each image.

        Args:
            images: Tensor `(batch, height, width, channels)` in [-1, 1].
            outputs: What the decoder gives, of the same shape: logits for "bernoulli", else
                numbers of which tanh makes an image.

        Returns:
            Tensor `(batch,)`.
        """
        return tf.reduce_sum(self._function(images, outputs), (1, 2, 3))

    @property
    def scale(self):
        """By what the decoder's output is to be multiplied before tanh makes an image of it.

        tanh(logit / 2) is the Bernoulli's mean, the sigmoid, in [-1, 1].
        """
        return 0.5 if self.name == "bernoulli" else 1.0

    def bias(self, brightness):
        """The output that stands for a pixel of some brightness in (0, 1); 0 for one half."""
        return math.log(brightness / (1 - brightness)) / (2 * self.scale)

    def _bernoulli(self, x, logits):
        return tf.nn.sigmoid_cross_entropy_with_logits((x + 1) / 2, logits)

    def _gaussian(self, x, outputs):
        constant = math.log(self.spread) + 0.5 * math.log(2 * math.pi)
        return 0.5 * tf.square((x - tf.tanh(outputs)) / self.spread) + constant

    def _laplace(self, x, outputs):
        return tf.abs(x - tf.tanh(outputs)) / self.spread + math.log(2 * self.spread)


def kl_divergence(mean, log_variance, prior_mean=0.0, prior_log_variance=0.0):
    """KL divergence of one diagonal Gaussian from another, by default the standard normal.

    Args:
        mean: Tensor `(batch, latent)`.
        log_variance: The same; logarithms of the variances.
        prior_mean: What the divergence is from; broadcast.
        prior_log_variance: The same.

    Returns:
        Tensor `(batch,)` in nats, 0 where both are equal.

    Reference:
        Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, appendix B
    """
    difference = log_variance - prior_log_variance
    squares = tf.square(mean - prior_mean) * tf.exp(-prior_log_variance)
    return 0.5 * tf.reduce_sum(tf.exp(difference) + squares - 1 - difference, -1)


def log_normal(x, mean=0.0, log_variance=0.0):
    """Log density of diagonal Gaussians, by default the standard normal.

    Args:
        x: Tensor `(batch, latent)`.
        mean: Broadcast to `x`.
        log_variance: The same.

    Returns:
        Tensor `(batch,)` in nats.
    """
    squares = tf.square(x - mean) * tf.exp(-log_variance) + log_variance
    return -0.5 * tf.reduce_sum(squares + math.log(2 * math.pi), -1)
