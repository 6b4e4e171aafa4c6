"""Floating-point operations of CycleGAN's plain convolutions, counted from the networks' shapes.

A convolution takes `2 * kernel² * channels in * channels out` operations (a multiplication and an
addition each) per output pixel, a transposed one as many per input pixel. Nothing else is
counted: normalization, padding, activations and the optimizer are a few per cent. Algorithms
that need fewer operations for the same convolution are credited with the plain number.
"""

import itertools


def generator_layers(size, filters=64, blocks=9, channels=3):
    """Operations of each convolution of the ResNet generator, in forward order, for one image.

    Args:
        size: Height and width in pixels, a multiple of 4.
        filters: Channels after the first convolution.
        blocks: Number of residual blocks.
        channels: Channels of input and output.
    """
    outer = size**2 * 7**2 * channels * filters
    # Going down counts output pixels and going up input pixels: the same numbers, in reverse.
    down = [(size // 2) ** 2 * 3**2 * filters * 2 * filters]
    down.append((size // 4) ** 2 * 3**2 * 2 * filters * 4 * filters)
    block = (size // 4) ** 2 * 3**2 * (4 * filters) ** 2
    return [2 * n for n in (outer, *down, *2 * blocks * [block], *down[::-1], outer)]


def discriminator_layers(size, filters=64, layers=3, channels=3):
    """The same of the PatchGAN discriminator (4x4 kernels, padding 1)."""
    widths = [channels, *(filters * min(2**level, 8) for level in range(layers + 1)), 1]
    counts = []
    for level, (width_in, width_out) in enumerate(itertools.pairwise(widths)):
        size = size // 2 if level < layers else size - 1
        counts.append(2 * size**2 * 4**2 * width_in * width_out)
    return counts


def training_step(size, batch=1, filters=64, blocks=9, channels=3):
    """Operations of one CycleGAN step with identity losses.

    Either gradient of a convolution costs as much as the convolution. The generators run six
    times: translation, cycle and identity, both ways; each time the weights need their gradient
    and so does each layer's input, but for images, which need none. The discriminators see
    two fakes for the generators' sake, which takes the inputs' gradients alone, and then two real
    and two fake images for their own, which takes everything but the images' gradients.

    Args:
        size: Height and width in pixels.
        batch: Images of each domain.
        filters: Channels after the first convolution of every network.
        blocks: Residual blocks of the generators.
        channels: Channels of the images.
    """
    generator = generator_layers(size, filters, blocks, channels)
    discriminator = discriminator_layers(size, filters, channels=channels)
    generators = 6 * 3 * sum(generator) - 4 * generator[0]
    judging = 2 * 2 * sum(discriminator)
    discriminators = 4 * 3 * sum(discriminator) - 4 * discriminator[0]
    return batch * (generators + judging + discriminators)
