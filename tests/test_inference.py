"""A generator made ready for use gives what the generator gives, in every way it is called."""

import numpy as np
import pytest

from cyclegan_tf import networks
from cyclegan_tf.inference import OFTEN, Inference


def noise(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


@pytest.mark.parametrize("shape", [(1, 16, 20, 3), (3, 32, 16, 3)])
def test_every_call_gives_the_generator_s_pictures(shape):
    generator = networks.resnet_generator(filters=8, blocks=2, seed=0, fast=True)
    network, x = Inference(generator), noise(*shape)
    expected = np.asarray(generator(x))
    for call in range(OFTEN + 3):
        np.testing.assert_allclose(network(x), expected, atol=2e-5, err_msg=f"call {call}")


def test_a_shape_gets_a_graph_of_its_own_only_when_it_comes_back():
    network = Inference(networks.resnet_generator(filters=2, blocks=1))
    for _ in range(OFTEN):
        network(noise(1, 8, 8, 3))
        network(noise(1, 8, 12, 3))
    assert not network._graphs
    network(noise(1, 8, 8, 3))
    assert list(network._graphs) == [(1, 8, 8, 3)]


def test_kernels_are_transformed_once_for_all_shapes():
    generator = networks.resnet_generator(filters=8, blocks=1, fast=True)
    network = Inference(generator)
    network.prepare((1, 8, 8, 3))
    kernels = network._kernels
    network.prepare((1, 12, 8, 3))
    assert network._kernels is kernels and len(kernels) == 2
    assert not any(getattr(layer, "shared_kernel", None) for layer in generator.layers)
