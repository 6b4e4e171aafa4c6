"""Loss functions: pure functions from tensors to one scalar."""

import tensorflow as tf


def least_squares(logits, target):
    """Least-squares adversarial loss: the mean of `(logits - target) ** 2`.

    Args:
        logits: Discriminator's output of any shape.
        target: 1.0 where the image is to be called real, 0.0 where generated.

    Returns:
        Scalar tensor.

    Reference:
        Mao et al. 2017, https://arxiv.org/abs/1611.04076, equation 9
    """
    return tf.reduce_mean(tf.square(logits - target))


def binary_crossentropy(logits, target):
    """The original GAN's loss: mean binary cross-entropy, from logits.

    Args:
        logits: Discriminator's output of any shape, before the sigmoid.
        target: 1.0 where the image is to be called real, 0.0 where generated.

    Returns:
        Scalar tensor, in nats.

    Reference:
        Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, equation 1 (with the
        non-saturating generator of section 3)
    """
    targets = tf.fill(tf.shape(logits), tf.cast(target, logits.dtype))
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits))


def hinge(logits, target):
    """A discriminator's hinge loss: mean of max(0, 1 - x) where real, of max(0, 1 + x) where fake.

    Images that it is sure enough of have no part in it. The generator's is `negative_mean`.

    Args:
        logits: Discriminator's output of any shape.
        target: 1.0 where the image is to be called real, 0.0 where generated.

    Returns:
        Scalar tensor.

    Reference:
        Lim and Ye 2017, https://arxiv.org/abs/1705.02894; with spectral normalization Miyato et al.
        2018, https://arxiv.org/abs/1802.05957, equation 16
    """
    return tf.reduce_mean(tf.nn.relu(1.0 - (2.0 * target - 1.0) * logits))


def negative_mean(logits):
    """A generator's loss where the discriminator's is `hinge`: mean of -x.

    Args:
        logits: Discriminator's output for generated images, of any shape.

    Returns:
        Scalar tensor.

    Reference:
        Miyato et al. 2018, https://arxiv.org/abs/1802.05957, equation 17
    """
    return -tf.reduce_mean(logits)


def of_discriminator(adversarial_loss, real_logits, fake_logits):
    """Half of the loss on real images and on generated ones: the discriminator learns slower.

    Args:
        adversarial_loss: Function of `(logits, target)`, such as `least_squares`.
        real_logits: Discriminator's output for real images, of any shape.
        fake_logits: The same for generated ones.

    Returns:
        Scalar tensor.

    Reference:
        Zhu et al. 2017, https://arxiv.org/abs/1703.10593, section 7.1: "we divide the objective by
        2 while optimizing D"
    """
    return 0.5 * (adversarial_loss(real_logits, 1.0) + adversarial_loss(fake_logits, 0.0))


def over_scales(adversarial_loss, logits, target):
    """Sum of an adversarial loss over the outputs of a discriminator of several scales.

    Args:
        adversarial_loss: Function of `(logits, target)`, such as `least_squares`.
        logits: List of tensors, one of each scale.
        target: As for `adversarial_loss`.

    Returns:
        Scalar tensor, float32 at least.

    Reference:
        Wang et al. 2018, https://arxiv.org/abs/1711.11585, equation 3
    """
    wide = [x if x.dtype == tf.float64 else tf.cast(x, tf.float32) for x in logits]
    return tf.add_n([adversarial_loss(x, target) for x in wide])


def l1(x, y):
    """Mean absolute difference of two tensors of the same shape, as a scalar tensor."""
    return tf.reduce_mean(tf.abs(x - y))


def gradient_difference(x, y):
    """How far the edges of two images differ in strength, wherever they lie and of either sign.

    Args:
        x: Tensor `(batch, height, width, channels)`.
        y: The same shape.

    Returns:
        Scalar tensor: mean of | |dx| - |dy| | over neighbours down, plus that across.

    Reference:
        Mathieu et al. 2016, https://arxiv.org/abs/1511.05440, equation 6 with alpha = 1 (means
        in place of sums); for MR to CT: Nie et al. 2017, https://arxiv.org/abs/1612.05362
    """
    down = tf.abs(x[:, 1:] - x[:, :-1]) - tf.abs(y[:, 1:] - y[:, :-1])
    across = tf.abs(x[:, :, 1:] - x[:, :, :-1]) - tf.abs(y[:, :, 1:] - y[:, :, :-1])
    return tf.reduce_mean(tf.abs(down)) + tf.reduce_mean(tf.abs(across))


def non_saturating(logits):
    """The generator's loss that has a slope where it is needed: mean of -log D(G(z)).

    Args:
        logits: Discriminator's output for generated images, before the sigmoid, of any shape.

    Returns:
        Scalar tensor, in nats.

    Reference:
        Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 3: "rather than training
        G to minimize log(1 - D(G(z))) we can train G to maximize log D(G(z))"
    """
    return tf.reduce_mean(tf.nn.softplus(-logits))


def minimax(logits):
    """The generator's part of the game as it is written: mean of log(1 - D(G(z))).

    Its slope in the logit is -D(G(z)), and so vanishes where the discriminator is sure.

    Args:
        logits: As for `non_saturating`.

    Returns:
        Scalar tensor, in nats; negative.

    Reference:
        Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, equation 1
    """
    return -tf.reduce_mean(tf.nn.softplus(logits))


def info_nce(queries, keys, temperature=0.07):
    """Contrastive loss: of all keys of its image, each query is to find its own.

    Args:
        queries: Tensor `(batch, count, features)` of unit vectors.
        keys: The same shape; key i belongs to query i, all others of the image do not.
        temperature: What similarities are divided by.

    Returns:
        Scalar tensor: mean cross-entropy in nats; log(count) where keys are alike.

    Reference:
        van den Oord et al. 2018, https://arxiv.org/abs/1807.03748, equation 4; by patches: Park
        et al. 2020, https://arxiv.org/abs/2007.15651, equation 3
    """
    similarities = tf.matmul(queries, keys, transpose_b=True) / temperature
    own = tf.linalg.diag_part(similarities)
    return tf.reduce_mean(tf.reduce_logsumexp(similarities, -1) - own)


def self_similarity(features, places):
    """How like some places of an image all its places are: where they lie, not how they look.

    Args:
        features: Tensor `(batch, height, width, channels)`, at least float32.
        places: Integers `(batch, count)` below `height * width`, counted row by row.

    Returns:
        Tensor `(batch, count, height * width)`: cosines of the features at a place and at each.

    Reference:
        Zheng et al. 2021, https://arxiv.org/abs/2104.00854, equation 1
    """
    flat = tf.reshape(features, [features.shape[0], -1, features.shape[-1]])
    flat = tf.math.l2_normalize(flat, -1)
    return tf.matmul(tf.gather(flat, places, batch_dims=1), flat, transpose_b=True)


def spatially_correlative(similarities, others):
    """How far the layouts of two images differ, of whatever colours and textures they are.

    Args:
        similarities: `self_similarity` of one image's features.
        others: The same of the other's, for the same places.

    Returns:
        Scalar tensor: mean of 1 - r, where r is the correlation (from -1 to 1) of a place's
        similarities in one image and in the other.

    Reference:
        Zheng et al. 2021, https://arxiv.org/abs/2104.00854, equation 3 (there with the cosine, so
        that what all places have in common counts, too)
    """
    x, y = (m - tf.reduce_mean(m, -1, keepdims=True) for m in (similarities, others))
    x, y = (tf.math.l2_normalize(m, -1) for m in (x, y))
    return 1.0 - tf.reduce_mean(tf.reduce_sum(x * y, -1))


def palette_distance(images, others, grid=4):
    """How far the mean colours of the parts of two images are apart, wherever their outlines lie.

    Args:
        images: Tensor `(batch, height, width, channels)` in [-1, 1], at least float32.
        others: The same shape.
        grid: Parts along each side, of which each is as large as the sides allow.

    Returns:
        Scalar tensor: mean absolute difference, from 0 to 2.
    """
    sides = [max(side // grid, 1) for side in images.shape[1:3]]
    difference = tf.nn.avg_pool2d(images - others, sides, sides, "VALID")
    return tf.reduce_mean(tf.abs(difference))


def feature_distance(features, others):
    """How far two images are apart in features of a classifier: LPIPS before its heads.

    Args:
        features: List of tensors `(batch, height, width, channels)` of one image, a level each.
        others: The same of the other.

    Returns:
        Scalar tensor from 0 to 4: mean over levels and places of the squared distance of the
        features there, each scaled to length 1.

    Reference:
        Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual
        Metric", https://arxiv.org/abs/1801.03924, equation 1
    """
    distances = []
    for pair in zip(features, others, strict=True):
        x, y = (tf.math.l2_normalize(tf.cast(m, tf.float32), -1, 1e-10) for m in pair)
        distances.append(tf.reduce_mean(tf.reduce_sum(tf.math.squared_difference(x, y), -1)))
    return tf.add_n(distances) / len(distances)


def by_name(name):
    """An adversarial loss by its name.

    Args:
        name: "least_squares", "binary_crossentropy" or "hinge".

    Returns:
        `(loss, generator_loss)`: a function of `(logits, target)`, and one of the logits of
        generated images that the generators minimize.
    """
    if name == "hinge":
        return hinge, negative_mean
    loss = {"least_squares": least_squares, "binary_crossentropy": binary_crossentropy}[name]
    return loss, lambda logits: loss(logits, 1.0)
