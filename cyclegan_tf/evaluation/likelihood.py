"""Bounds of the log-likelihood of images under a VAE: ELBO and importance-weighted, in nats."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class LikelihoodBounds:
    """Lower bounds of each image's log-likelihood, in nats.

    Attributes:
        elbo: The evidence lower bound, its divergence computed exactly, its likelihood as the
            mean over the draws; float64 array `(n,)`.
        importance: The importance-weighted bound with `draws` draws: at least as high in
            expectation, and the log-likelihood itself as the draws become many.
        draws: Codes that were drawn for each image.
    """

    elbo: np.ndarray
    importance: np.ndarray
    draws: int

    def __str__(self):
        rows = (("ELBO", self.elbo), (f"importance-weighted, k={self.draws}", self.importance))
        return "\n".join(
            f"{name}: {values.mean():.2f} nats ±{standard_error(values):.2f}"
            for name, values in rows
        )


def standard_error(values):
    """Standard error of the mean of independent values."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def likelihood_bounds(model, a, b, *, draws=1, seed=0, batch_size=100):
    """Computes both bounds for images of domain B.

    Where the model binarizes, each image is binarized once, and the bounds are those of the
    binarized images. Published values are means over the test set with the sign turned.

    Args:
        model: `methods.vae.VAE`, or `methods.cvae.CVAE` for log p(b | a).
        a: Images of domain A, conditions for a CVAE; not looked at by a VAE (then None will do).
        b: Images `(n, height, width, channels)` in [-1, 1].
        draws: Codes to draw for each image.
        seed: Integer key of all draws.
        batch_size: Images per step; changes the draws.

    Returns:
        `LikelihoodBounds`.

    Reference:
        Burda et al. 2016, "Importance Weighted Autoencoders", https://arxiv.org/abs/1509.00519,
        equation 8 and theorem 1
    """
    a = b if a is None else a
    terms = tf.function(lambda *batch: model.terms(batch), autograph=False)
    parts = [
        _of_batch(
            model, terms, a[start:][:batch_size], b[start:][:batch_size], draws, (seed, start)
        )
        for start in range(0, len(b), batch_size)
    ]
    elbo, importance = (np.concatenate(part) for part in zip(*parts, strict=True))
    return LikelihoodBounds(elbo, importance, draws)


#: Its old name.
evidence = likelihood_bounds


def _of_batch(model, terms, a, b, draws, key):
    fold_in = tf.random.experimental.stateless_fold_in
    # All but the last of the noise makes the image; the last draws the code.
    *fixed, _ = model.noise(len(b), tf.constant(key))
    elbo, weights = np.zeros(len(b)), np.full(len(b), -np.inf)
    for draw in range(draws):
        *_, normal = model.noise(len(b), fold_in(tf.constant(key), draw + 1))
        surprise, divergence, weight = terms(a, b, *fixed, normal)
        elbo -= (surprise.numpy().astype("float64") + divergence.numpy()) / draws
        weights = np.logaddexp(weights, weight.numpy().astype("float64"))
    return elbo, weights - np.log(draws)
