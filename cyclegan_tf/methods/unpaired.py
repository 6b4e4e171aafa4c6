"""What CycleGAN, CUT and FSeSim share: ResNet generators, patch discriminators, their options."""

from dataclasses import dataclass
from typing import Literal

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods.options import (
    Adversarial,
    FastConvolutions,
    LinearDecay,
    check_same_size,
    check_sides,
    loss_option,
    network_option,
)
from cyclegan_tf.networks import discriminators, generators
from cyclegan_tf.networks.projected_discriminator import projected_discriminator


@dataclass(frozen=True, kw_only=True)
class UnpairedOptions(FastConvolutions, Adversarial, LinearDecay):
    """Options of generators and discriminators, and of the loss between them."""

    blocks: int | None = network_option(
        None,
        "residual blocks of the ResNet generator; by default 6 up to 128 pixels and 9 above",
        low=0,
    )
    filters: int = network_option(64, "channels after the first convolution of each network", low=1)
    upsampling: Literal["transposed", "resize", "bilinear"] = network_option(
        "transposed",
        "how sizes are doubled: transposed convolution, or nearest neighbours or bilinear "
        "resizing before a convolution, which leave no checkerboard (Odena et al. 2016)",
    )
    gen_norm: Literal["instance", "layer"] = network_option(
        "instance",
        "normalization of the ResNet generators; that of the layer leaves them the colours of "
        "their input (Ba et al. 2016)",
        since="instance",
    )
    disc_layers: int = network_option(
        3,
        "stride-2 convolutions of the PatchGAN: 3 judges patches of 70x70 pixels, 0 single pixels",
        low=0,
    )
    disc_filters: int | None = network_option(
        None, "another number of filters for the discriminators", low=1
    )
    adversarial_loss: Literal["least_squares", "binary_crossentropy", "hinge"] = loss_option(
        "least_squares", "adversarial loss"
    )
    adversarial_weight: float = loss_option(
        1.0, "weight of the generators' adversarial losses", low=0
    )

    # What `DiscriminatorOptions` offers.
    disc_norm, disc_features = "instance", None

    def resolve(self, shape_a, shape_b):
        """Blocks by the size of the images, as the authors do; filters of the discriminators."""
        blocks = (6 if min(shape_a[:2]) <= 128 else 9) if self.blocks is None else self.blocks
        disc_filters = self.filters if self.disc_filters is None else self.disc_filters
        return self.replace(blocks=blocks, disc_filters=disc_filters)

    def resnet(self, channels, output_channels, number, name, **more):
        """The ResNet generator that the options ask for, of the run's seed and a number.

        Args:
            channels: Of the input.
            output_channels: Of the output.
            number: Tells its initial weights from those of other networks.
            name: Name of the model.
            **more: As for `networks.generators.resnet_generator`.
        """
        return generators.resnet_generator(
            (None, None, channels),
            self.filters,
            self.blocks,
            output_channels=output_channels,
            upsampling=self.upsampling,
            norm=self.gen_norm,
            seed=(self.seed, number),
            name=name,
            **more,
        )

    def discriminator(self, image_shape, number, name, doublings=0):
        """The discriminator that the options ask for: of patches, pixels or features."""
        check_layers(self.disc_layers, *image_shape[:2])
        options = {"seed": (self.seed, number), "name": name}
        sizes = (self.disc_filters, self.disc_layers)
        if self.disc_features:
            of_network = (*sizes, self.disc_features, doublings)
            return projected_discriminator(image_shape, *of_network, **options)
        return discriminators.discriminator(
            (None, None, image_shape[-1]), *sizes, norm=self.disc_norm, **options
        )


@dataclass(frozen=True, kw_only=True)
class DiscriminatorOptions(UnpairedOptions):
    """What discriminators are normalized by, and what they see."""

    disc_norm: Literal["instance", "spectral"] = network_option(
        "instance",
        "normalization of the discriminators; spectral ones see colours as they are "
        "(Miyato et al. 2018)",
        since="instance",
    )
    disc_features: Literal["alex", "vgg"] | None = network_option(
        None,
        "classifier trained on ImageNet whose features the discriminators see beside the pixels "
        "(Sauer et al. 2021); needs disc_norm spectral",
        since=None,
    )

    def resolve(self, shape_a, shape_b):
        """Checks that features are asked for of a discriminator that can take them."""
        if self.disc_features and self.disc_norm != "spectral":
            raise InputError(
                f"disc_features={self.disc_features!r} needs disc_norm='spectral', received "
                f"{self.disc_norm!r}: give that, too."
            )
        if self.disc_features and self.disc_layers == 0:
            raise InputError(
                "disc_features needs disc_layers of at least 1, received 0: leave it out."
            )
        return super().resolve(shape_a, shape_b)


def check_shapes(shape_a, shape_b):
    """Raises InputError unless the networks take images of these shapes."""
    check_same_size(shape_a, shape_b)
    check_sides(*shape_a[:2], 4, 8)


def check_layers(disc_layers, height, width):
    """Raises InputError unless images are large enough for a patch discriminator."""
    # A 4x4 convolution with padding 1 takes one pixel off after the `disc_layers` halvings,
    # and there are two; a patch and one more pixel for its normalization must remain.
    smallest = 3 * 2**disc_layers if disc_layers else 1
    if min(height, width) < smallest:
        raise InputError(
            f"disc_layers={disc_layers} needs images of at least {smallest} pixels, received "
            f"{height}x{width}: give fewer layers."
        )
