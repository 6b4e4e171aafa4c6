"""A generator made ready for use gives what the generator gives, in every way it is called."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.inference import compiled, load
from cyclegan_tf.inference.compiled import OFTEN, CompiledGenerator
from cyclegan_tf.networks import generator_file, generators
from cyclegan_tf.networks.layers.convolutions import set_fast


def noise(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


def by_winograd(**options):
    """A generator whose convolutions go by Winograd."""
    generator = generators.resnet_generator(filters=8, seed=0, **options)
    set_fast([generator], True)
    return generator


@pytest.mark.parametrize("shape", [(1, 16, 20, 3), (3, 32, 16, 3)])
def test_every_call_gives_the_generator_s_images(shape):
    generator = by_winograd(blocks=2)
    network, x = CompiledGenerator(generator), noise(*shape)
    expected = np.asarray(generator(x))
    for call in range(OFTEN + 3):
        np.testing.assert_allclose(network(x), expected, atol=2e-5, err_msg=f"call {call}")


def test_a_shape_gets_a_graph_of_its_own_only_when_it_comes_back():
    network = CompiledGenerator(generators.resnet_generator(filters=2, blocks=1))
    for _ in range(OFTEN):
        network(noise(1, 8, 8, 3))
        network(noise(1, 8, 12, 3))
    assert not network._graphs
    network(noise(1, 8, 8, 3))
    assert list(network._graphs) == [((1, 8, 8, 3),)]


def test_kernels_are_transformed_once_for_all_shapes():
    generator = by_winograd(blocks=1)
    network = CompiledGenerator(generator)
    network.prepare((1, 8, 8, 3))
    kernels = network._kernels
    network.prepare((1, 12, 8, 3))
    assert network._kernels is kernels and len(kernels) == 2
    assert not any(getattr(layer, "shared_kernel", None) for layer in generator.layers)


def test_bfloat16_is_near_and_the_difference_is_told(tmp_path):
    generator = by_winograd(blocks=2)
    for weight in generator.weights:
        weight.assign(3 * weight)  # so that the image is not flat
    generator_file.save(tmp_path / "g.keras", generator, generator_file.Translation(size=(32, 32)))
    exact = load.load(tmp_path / "g.keras")
    reduced = load.load(tmp_path / "g.keras", precision="mixed_bfloat16")
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("uint8")
    off = np.abs(exact(images).astype(float) - reduced(images)) / 255
    assert reduced.difference(images) == pytest.approx((off.mean(), off.max()), abs=1e-6)
    assert 0 < off.mean() < 0.03
    assert exact.difference(images) == (0, 0)
    for _ in range(OFTEN + 1):
        often = reduced(images)  # now by Winograd with products in bfloat16
    assert 0 < np.abs(often / 255 - exact(images) / 255).mean() < 0.05
    assert len(reduced._network._kernels) == 4


def test_an_unknown_precision_is_named(tmp_path):
    with pytest.raises(InputError, match="precision must be .* received 'float8'"):
        load.load(tmp_path, precision="float8")


def test_graphs_do_not_grow_with_the_number_of_shapes(monkeypatch):
    monkeypatch.setattr(compiled, "GRAPHS", 2)
    generator = generators.resnet_generator(filters=2, blocks=1, seed=0)
    network = CompiledGenerator(generator)
    for _ in range(OFTEN + 1):
        for side in (8, 12, 16, 20):
            x = noise(1, side, 8, 3)
            np.testing.assert_allclose(network(x), np.asarray(generator(x)), atol=2e-5)
    assert list(network._graphs) == [((1, 16, 8, 3),), ((1, 20, 8, 3),)]
    network(noise(1, 8, 8, 3))  # has to come back before it gets a graph again
    assert len(network._graphs) == 2 and ((1, 8, 8, 3),) not in network._graphs
    for side in range(8, 8 + 4 * 30, 4):
        network(noise(1, side, 12, 3))
    assert len(network._seen) <= 10 * 2 + 1


def test_several_threads_get_what_each_would_alone():
    generator = by_winograd(blocks=2)
    network = CompiledGenerator(generator)
    inputs = [noise(1, 16, 8 + 4 * (i % 3), 3) * (i + 1) / 12 for i in range(12)]
    expected = [np.asarray(generator(x)) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for x, y in zip(pool.map(network, inputs), expected, strict=True):
                np.testing.assert_allclose(x, y, atol=2e-5)
