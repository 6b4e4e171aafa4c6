"""CycleGAN in PyTorch, as published: what the TensorFlow package is measured against.

Written for reading and comparing, not for use: networks, image pool, losses and one training
step in the order of the authors' code, on batches of shape `(batch, channels, height, width)`
with values in [-1, 1].

Reference: Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent
Adversarial Networks", https://arxiv.org/abs/1703.10593
"""

import itertools
import random

import torch
from torch import nn
from torch.nn import functional as F


class Residual(nn.Sequential):
    """A stack of layers whose input is added to its output."""

    def forward(self, x):
        """Returns `x + layers(x)`."""
        return x + super().forward(x)


def resnet_generator(channels=3, filters=64, blocks=9):
    """The ResNet generator (section 7.1); height and width must be multiples of 4.

    Args:
        channels: Channels of input and output.
        filters: Channels after the first convolution.
        blocks: Number of residual blocks.

    Returns:
        `nn.Sequential` whose parameters are in forward order.
    """

    def norm(width):
        # The defaults spelled out: epsilon 1e-5, no affine, no running statistics.
        return nn.InstanceNorm2d(width, eps=1e-5, affine=False, track_running_stats=False)

    def convolution(width_in, width_out, size, **kwargs):
        return [nn.Conv2d(width_in, width_out, size, **kwargs), norm(width_out), nn.ReLU()]

    def upsample(width):
        options = {"stride": 2, "padding": 1, "output_padding": 1}
        layer = nn.ConvTranspose2d(width, width // 2, 3, **options)
        return [layer, norm(width // 2), nn.ReLU()]

    wide = 4 * filters
    layers = [nn.ReflectionPad2d(3), *convolution(channels, filters, 7)]
    layers += convolution(filters, 2 * filters, 3, stride=2, padding=1)
    layers += convolution(2 * filters, wide, 3, stride=2, padding=1)
    for _ in range(blocks):
        first = [nn.ReflectionPad2d(1), *convolution(wide, wide, 3)]
        second = [nn.ReflectionPad2d(1), *convolution(wide, wide, 3)[:2]]
        layers.append(Residual(*first, *second))
    layers += upsample(wide) + upsample(wide // 2)
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(filters, channels, 7), nn.Tanh()]
    return nn.Sequential(*layers)


def patch_discriminator(channels=3, filters=64, layers=3):
    """The PatchGAN discriminator (section 7.1): logits, one per 70x70 patch with 3 layers.

    Args:
        channels: Channels of the input.
        filters: Channels after the first convolution.
        layers: Number of stride-2 convolutions.

    Returns:
        `nn.Sequential` whose parameters are in forward order.
    """
    stack = [nn.Conv2d(channels, filters, 4, 2, 1), nn.LeakyReLU(0.2)]
    width = filters
    for level in range(1, layers + 1):
        wider = filters * min(2**level, 8)
        stack += [nn.Conv2d(width, wider, 4, 2 if level < layers else 1, 1)]
        stack += [nn.InstanceNorm2d(wider), nn.LeakyReLU(0.2)]
        width = wider
    return nn.Sequential(*stack, nn.Conv2d(width, 1, 4, 1, 1))


class ImagePool:
    """A history of generated images for one discriminator.

    Args:
        size: Number of images kept.
        seed: Key of its draws.
    """

    def __init__(self, size=50, seed=0):
        self.size = size
        self.images = []
        self.rng = random.Random(seed)

    def __call__(self, batch):
        """Returns each image of `batch` or, once the pool is full, half the time an old one."""
        shown = []
        for image in batch:
            if len(self.images) < self.size:
                self.images.append(image)
            elif self.rng.random() > 0.5:
                slot = self.rng.randrange(self.size)
                image, self.images[slot] = self.images[slot], image
            shown.append(image)
        return torch.stack(shown)


def least_squares(logits, target):
    """Mean of `(logits - target) ** 2`."""
    return F.mse_loss(logits, torch.full_like(logits, target))


def binary_crossentropy(logits, target):
    """Mean binary cross-entropy from logits."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


class CycleGAN:
    """The training step: both generators first, then both discriminators on the same fakes.

    Args:
        gen_ab: Generator from domain A to domain B.
        gen_ba: Generator from B to A.
        disc_a: Discriminator of domain A.
        disc_b: Discriminator of domain B.
        adversarial_loss: `least_squares` or `binary_crossentropy`.
        cycle_weight: Weight of each cycle loss, lambda.
        identity_weight: Weight of each identity loss, absolute: 0.5 * lambda.
        pool_size: Images kept in each image pool.
    """

    def __init__(
        self,
        gen_ab,
        gen_ba,
        disc_a,
        disc_b,
        adversarial_loss=least_squares,
        cycle_weight=10.0,
        identity_weight=5.0,
        pool_size=50,
    ):
        self.gen_ab, self.gen_ba, self.disc_a, self.disc_b = gen_ab, gen_ba, disc_a, disc_b
        self.adversarial_loss = adversarial_loss
        self.cycle_weight, self.identity_weight = cycle_weight, identity_weight
        self.pool_a, self.pool_b = ImagePool(pool_size, seed=0), ImagePool(pool_size, seed=1)
        generators = itertools.chain(gen_ab.parameters(), gen_ba.parameters())
        discriminators = itertools.chain(disc_a.parameters(), disc_b.parameters())
        adam = {"lr": 2e-4, "betas": (0.5, 0.999), "eps": 1e-8}
        self.gen_optimizer = torch.optim.Adam(generators, **adam)
        self.disc_optimizer = torch.optim.Adam(discriminators, **adam)

    def train_step(self, a, b):
        """Updates every network once.

        Args:
            a: Images of domain A.
            b: Images of domain B.

        Returns:
            Dict of weighted losses as floats, under the TensorFlow package's names.
        """
        fake_b, fake_a = self.gen_ab(a), self.gen_ba(b)

        self._freeze_discriminators(True)
        gen_losses = {
            "adv_ab": self.adversarial_loss(self.disc_b(fake_b), 1.0),
            "adv_ba": self.adversarial_loss(self.disc_a(fake_a), 1.0),
            "cycle_a": self.cycle_weight * F.l1_loss(self.gen_ba(fake_b), a),
            "cycle_b": self.cycle_weight * F.l1_loss(self.gen_ab(fake_a), b),
            "identity_a": self.identity_weight * F.l1_loss(self.gen_ba(a), a),
            "identity_b": self.identity_weight * F.l1_loss(self.gen_ab(b), b),
        }
        self._update(self.gen_optimizer, gen_losses)

        self._freeze_discriminators(False)
        disc_losses = {
            "disc_a": self._disc_loss(self.disc_a, a, self.pool_a(fake_a.detach())),
            "disc_b": self._disc_loss(self.disc_b, b, self.pool_b(fake_b.detach())),
        }
        self._update(self.disc_optimizer, disc_losses)
        return {name: loss.item() for name, loss in (gen_losses | disc_losses).items()}

    def train_steps(self, batches):
        """Takes one step for each `(a, b)` of `batches`. Returns the list of their losses."""
        return [self.train_step(a, b) for a, b in batches]

    def _disc_loss(self, disc, real, fake):
        on_real = self.adversarial_loss(disc(real), 1.0)
        return 0.5 * (on_real + self.adversarial_loss(disc(fake), 0.0))

    def _freeze_discriminators(self, frozen):
        for disc in (self.disc_a, self.disc_b):
            disc.requires_grad_(not frozen)

    @staticmethod
    def _update(optimizer, losses):
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
