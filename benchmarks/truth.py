"""One generator update in float64 by the PyTorch reference, and how far others are from it.

    python benchmarks/truth.py FILE --size 64 --batch 1

writes weights, images, the output of the generator from A to B, and the gradients of the weights
of both generators, all in Keras's layout. `speed.py` starts it.
"""

import argparse

import numpy as np

NETWORKS = ("gen_ab", "gen_ba", "disc_a", "disc_b")


def weights(file, name):
    """Returns the weights of one network in a truth file."""
    return [file[f"{name} {i}"] for i in range(sum(key.startswith(name) for key in file.files))]


def errors(file, output, gradients):
    """How far a contender is from the truth.

    Biases in front of an instance normalization are left out: their true gradient is zero.

    Args:
        file: The open truth file.
        output: Images `(batch, height, width, channels)`.
        gradients: List of the gradients of the weights of both generators.

    Returns:
        Dictionary of the norms of the differences, relative to the norm of the truth.
    """
    flags = [*file["has_effect"], *file["has_effect"]]
    expected = [file[f"gradient {i}"] for i in range(len(flags))]
    pairs = [
        (np.asarray(got, "float64"), true)
        for got, true, flag in zip(gradients, expected, flags, strict=True)
        if flag
    ]
    off = sum(np.sum((got - true) ** 2) for got, true in pairs)
    scale = sum(np.sum(true**2) for _, true in pairs)
    return {
        "output": relative(output, file["output"]),
        "gradients": float(np.sqrt(off / scale)),
    }


def relative(got, true):
    """Norm of the difference of two arrays, relative to the second's."""
    return float(np.linalg.norm(np.asarray(got, "float64") - true) / np.linalg.norm(true))


def main():
    import parity  # with it come TensorFlow and PyTorch, which those that compare may not have
    import torch

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    options = parser.parse_args()
    model = parity.reference_model()
    stored = {
        f"{name} {i}": array.copy()
        for name in NETWORKS
        for i, array in enumerate(parity.weights_of(getattr(model, name)))
    }
    for name in NETWORKS:
        getattr(model, name).double()
    shape = (2, options.batch, options.size, options.size, 3)
    a, b = np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")
    exact_a, exact_b = (parity.to_torch(images, torch.float64) for images in (a, b))
    with torch.no_grad():
        output = model.gen_ab(exact_a).permute(0, 2, 3, 1).numpy()
    model.train_step(exact_a, exact_b)
    networks = (model.gen_ab, model.gen_ba)
    gradients = [parameter.grad for network in networks for parameter in network.parameters()]
    for i, gradient in enumerate(gradients):
        gradient = gradient.numpy()
        stored[f"gradient {i}"] = gradient.transpose(2, 3, 1, 0) if gradient.ndim == 4 else gradient
    has_effect = parity.has_effect("generator")
    np.savez(options.file, a=a, b=b, output=output, has_effect=has_effect, **stored)


if __name__ == "__main__":
    main()
