"""The Inception network of 2015-12-05, whose features all published FIDs are made of.

It differs from the Inception v3 of `keras.applications`: other weights, average pools that leave
the padding out of the count, and a maximum pool in the last block.

References:
    Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision",
    https://arxiv.org/abs/1512.00567; as features Heusel et al. 2017,
    https://arxiv.org/abs/1706.08500
"""

import keras
import numpy as np
from keras import ops

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.networks.pretrained import weight_files

#: Height and width of the images that the network takes.
SIDE = 299
#: Of all batch normalizations.
EPSILON = 1e-3


def network(tensors):
    """Builds the network, from images to features.

    Every convolution is followed by batch normalization with fixed moments and by ReLU. The
    normalization is folded into the convolution's kernel and bias.

    Args:
        tensors: Dictionary of arrays as from `weight_files.read`, in the layout of the PyTorch
            port ("Mixed_5b.branch5x5_1.conv.weight") or of the TensorFlow graph
            ("layers.mixed.tower.conv.weight"), either behind any prefix. Others, such as those of
            the classifier, are not looked at.

    Returns:
        Keras model from float32 `(n, 299, 299, 3)` in 0..255 to `(n, 2048)`, at least 0.

    Raises:
        InputError: If a tensor is missing, has another shape or holds NaN, or the tensors are
            those of torchvision's Inception v3.
    """
    images = keras.Input((SIDE, SIDE, 3), dtype="float32")
    x = (images - 128) / 128
    x = _conv(x, 32, 3, "Conv2d_1a_3x3", strides=2, padding="valid")
    x = _conv(x, 32, 3, "Conv2d_2a_3x3", padding="valid")
    x = _conv(x, 64, 3, "Conv2d_2b_3x3")
    x = ops.max_pool(x, 3, 2)
    x = _conv(x, 80, 1, "Conv2d_3b_1x1")
    x = _conv(x, 192, 3, "Conv2d_4a_3x3", padding="valid")
    x = ops.max_pool(x, 3, 2)
    x = _block_a(x, "Mixed_5b", pool=32)
    x = _block_a(x, "Mixed_5c", pool=64)
    x = _block_a(x, "Mixed_5d", pool=64)
    x = _block_b(x, "Mixed_6a")
    x = _block_c(x, "Mixed_6b", inner=128)
    x = _block_c(x, "Mixed_6c", inner=160)
    x = _block_c(x, "Mixed_6d", inner=160)
    x = _block_c(x, "Mixed_6e", inner=192)
    x = _block_d(x, "Mixed_7a")
    x = _block_e(x, "Mixed_7b", ops.average_pool)
    x = _block_e(x, "Mixed_7c", ops.max_pool)
    model = keras.Model(images, ops.mean(x, axis=(1, 2)), name="inception_2015_12_05")
    _assign(model, tensors)
    return model


def _conv(x, filters, size, name, strides=1, padding="same"):
    # float32 whatever the global policy: features are compared with published ones.
    return keras.layers.Conv2D(
        filters, size, strides, padding, activation="relu", name=name, dtype="float32"
    )(x)


def _block_a(x, name, pool):
    a = _conv(x, 64, 1, f"{name}.branch1x1")
    b = _conv(x, 48, 1, f"{name}.branch5x5_1")
    b = _conv(b, 64, 5, f"{name}.branch5x5_2")
    c = _conv(x, 64, 1, f"{name}.branch3x3dbl_1")
    c = _conv(c, 96, 3, f"{name}.branch3x3dbl_2")
    c = _conv(c, 96, 3, f"{name}.branch3x3dbl_3")
    d = _conv(ops.average_pool(x, 3, 1, "same"), pool, 1, f"{name}.branch_pool")
    return ops.concatenate([a, b, c, d], axis=-1)


def _block_b(x, name):
    a = _conv(x, 384, 3, f"{name}.branch3x3", strides=2, padding="valid")
    b = _conv(x, 64, 1, f"{name}.branch3x3dbl_1")
    b = _conv(b, 96, 3, f"{name}.branch3x3dbl_2")
    b = _conv(b, 96, 3, f"{name}.branch3x3dbl_3", strides=2, padding="valid")
    return ops.concatenate([a, b, ops.max_pool(x, 3, 2)], axis=-1)


def _block_c(x, name, inner):
    a = _conv(x, 192, 1, f"{name}.branch1x1")
    b = _conv(x, inner, 1, f"{name}.branch7x7_1")
    b = _conv(b, inner, (1, 7), f"{name}.branch7x7_2")
    b = _conv(b, 192, (7, 1), f"{name}.branch7x7_3")
    c = _conv(x, inner, 1, f"{name}.branch7x7dbl_1")
    c = _conv(c, inner, (7, 1), f"{name}.branch7x7dbl_2")
    c = _conv(c, inner, (1, 7), f"{name}.branch7x7dbl_3")
    c = _conv(c, inner, (7, 1), f"{name}.branch7x7dbl_4")
    c = _conv(c, 192, (1, 7), f"{name}.branch7x7dbl_5")
    d = _conv(ops.average_pool(x, 3, 1, "same"), 192, 1, f"{name}.branch_pool")
    return ops.concatenate([a, b, c, d], axis=-1)


def _block_d(x, name):
    a = _conv(x, 192, 1, f"{name}.branch3x3_1")
    a = _conv(a, 320, 3, f"{name}.branch3x3_2", strides=2, padding="valid")
    b = _conv(x, 192, 1, f"{name}.branch7x7x3_1")
    b = _conv(b, 192, (1, 7), f"{name}.branch7x7x3_2")
    b = _conv(b, 192, (7, 1), f"{name}.branch7x7x3_3")
    b = _conv(b, 192, 3, f"{name}.branch7x7x3_4", strides=2, padding="valid")
    return ops.concatenate([a, b, ops.max_pool(x, 3, 2)], axis=-1)


def _block_e(x, name, pool):
    a = _conv(x, 320, 1, f"{name}.branch1x1")
    b = _conv(x, 384, 1, f"{name}.branch3x3_1")
    b1 = _conv(b, 384, (1, 3), f"{name}.branch3x3_2a")
    b2 = _conv(b, 384, (3, 1), f"{name}.branch3x3_2b")
    c = _conv(x, 448, 1, f"{name}.branch3x3dbl_1")
    c = _conv(c, 384, 3, f"{name}.branch3x3dbl_2")
    c1 = _conv(c, 384, (1, 3), f"{name}.branch3x3dbl_3a")
    c2 = _conv(c, 384, (3, 1), f"{name}.branch3x3dbl_3b")
    d = _conv(pool(x, 3, 1, "same"), 192, 1, f"{name}.branch_pool")
    return ops.concatenate([a, b1, b2, c1, c2, d], axis=-1)


def _assign(model, tensors):
    """Sets every convolution's kernel and bias, the batch normalization folded into them."""
    tensorflow_prefix = _prefix(tensors, "layers.conv.weight")
    prefix = _prefix(tensors, "Conv2d_1a_3x3.conv.weight") or ""
    if np.shape(tensors.get(f"{prefix}fc.weight")) == (1000, 2048):
        raise InputError(
            "The Inception weights are those of torchvision, with which no FID is defined: give "
            "the ones of 2015-12-05."
        )

    def tensor(name, shape):
        return weight_files.tensor(tensors, name, shape, "Inception")

    for layer in model.layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        height, width, depth, filters = layer.kernel.shape
        kernel_shape, vector = (filters, depth, height, width), (filters,)
        if tensorflow_prefix is None:
            name = prefix + layer.name
            kernel = tensor(f"{name}.conv.weight", kernel_shape)
            scale = tensor(f"{name}.bn.weight", vector)
            beta = tensor(f"{name}.bn.bias", vector)
            mean = tensor(f"{name}.bn.running_mean", vector)
            variance = tensor(f"{name}.bn.running_var", vector)
        else:
            name = tensorflow_prefix + tensorflow_name(layer.name)
            kernel, scale = tensor(f"{name}.weight", kernel_shape), 1.0
            beta, mean = tensor(f"{name}.beta", vector), tensor(f"{name}.mean", vector)
            variance = tensor(f"{name}.var", vector)
        scale = scale / np.sqrt(variance + EPSILON)
        layer.set_weights([kernel.transpose(2, 3, 1, 0) * scale, beta - mean * scale])


def _prefix(tensors, ending):
    """What stands before `ending` where a name ends with it, else None."""
    found = [name.removesuffix(ending) for name in tensors if name.endswith(ending)]
    return found[0] if found else None


def tensorflow_name(layer):
    """What a convolution is called in the TensorFlow graph, below "layers" in its PyTorch copy.

    "Mixed_6b.branch7x7dbl_5" is "layers.mixed_4.tower_1.conv_4".
    """
    block, _, branch = layer.partition(".")
    if not branch:
        return f"layers.{_numbered('conv', list(_STEM).index(layer))}"
    return f"layers.{_numbered('mixed', list(_BLOCKS).index(block))}.{_BLOCKS[block][branch]}"


def _numbered(name, index):
    return f"{name}_{index}" if index else name


def _tower(branch, tower, convolutions):
    return {
        f"{branch}_{index + 1}": f"{tower}.{_numbered('conv', index)}"
        for index in range(convolutions)
    }


_STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
_A = {
    "branch1x1": "conv",
    **_tower("branch5x5", "tower", 2),
    **_tower("branch3x3dbl", "tower_1", 3),
    "branch_pool": "tower_2.conv",
}
_B = {"branch3x3": "conv", **_tower("branch3x3dbl", "tower", 3)}
_C = {
    "branch1x1": "conv",
    **_tower("branch7x7", "tower", 3),
    **_tower("branch7x7dbl", "tower_1", 5),
    "branch_pool": "tower_2.conv",
}
_D = {**_tower("branch3x3", "tower", 2), **_tower("branch7x7x3", "tower_1", 4)}
_E = {
    "branch1x1": "conv",
    "branch3x3_1": "tower_conv",
    "branch3x3_2a": "tower_mixed_conv",
    "branch3x3_2b": "tower_mixed_conv_1",
    "branch3x3dbl_1": "tower_1_conv",
    "branch3x3dbl_2": "tower_1_conv_1",
    "branch3x3dbl_3a": "tower_1_mixed_conv",
    "branch3x3dbl_3b": "tower_1_mixed_conv_1",
    "branch_pool": "tower_2_conv",
}
_BLOCKS = {
    **dict.fromkeys(("Mixed_5b", "Mixed_5c", "Mixed_5d"), _A),
    "Mixed_6a": _B,
    **dict.fromkeys(("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"), _C),
    "Mixed_7a": _D,
    **dict.fromkeys(("Mixed_7b", "Mixed_7c"), _E),
}
