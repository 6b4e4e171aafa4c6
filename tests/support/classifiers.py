"""Weights for AlexNet and VGG16 that are drawn, in place of the published ones."""

import functools
import zlib

import numpy as np

ALEX = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
VGG_FILTERS = {0: 64, 2: 64, 5: 128, 7: 128, 10: 256, 12: 256, 14: 256}
VGG_FILTERS |= dict.fromkeys((17, 19, 21, 24, 26, 28), 512)
VGG = {
    index: (filters, depth, 3)
    for (index, filters), depth in zip(
        VGG_FILTERS.items(), (3, *VGG_FILTERS.values()), strict=False
    )
}
# For each network its convolutions, those that end a slice, and its name in Flax.
NETWORKS = {
    "alex": (ALEX, (0, 3, 6, 8, 10), "AlexNet_0"),
    "vgg": (VGG, (2, 7, 14, 21, 28), "VGG16_0"),
}


@functools.cache
def drawn(network):
    """A state dict of `lpips.LPIPS` with each tensor drawn from its name's own generator."""
    convolutions, ends, _ = NETWORKS[network]
    state, block = {}, 1
    for index, (filters, depth, size) in convolutions.items():
        name = f"net.slice{block}.{index}"
        he = np.sqrt(2 / (depth * size**2))
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        kernel = rng.standard_normal((filters, depth, size, size)) * he
        state[f"{name}.weight"] = kernel.astype(np.float32)
        state[f"{name}.bias"] = rng.normal(0, 0.1, filters).astype(np.float32)
        if index in ends:
            head = rng.uniform(0, 1, (1, filters, 1, 1)).astype(np.float32)
            state[f"lin{block - 1}.model.1.weight"] = head
            block += 1
    return state
