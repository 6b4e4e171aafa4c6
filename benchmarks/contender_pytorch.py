"""PyTorch's contenders: the reference's networks, trained and in use, and the machine's peak."""

import os
import time

import numpy as np
import pytorch_reference as reference
import torch
import truth

torch.set_num_threads(os.cpu_count() or 2)


def noise(count, size, batch):
    """Returns images in [-1, 1], a list of `count` tensors NCHW."""
    torch.manual_seed(0)
    return [torch.rand(batch, 3, size, size) * 2 - 1 for _ in range(count)]


class HalfPrecision(torch.nn.Module):
    """A network whose convolutions run in bfloat16.

    Args:
        network: A float32 network; its weights stay float32.
        layout: How weights and images lie in memory.
    """

    def __init__(self, network, layout):
        super().__init__()
        self.network, self.layout = network.to(memory_format=layout), layout
        for module in network.modules():
            if isinstance(module, torch.nn.InstanceNorm2d):
                module.register_forward_hook(_with_contiguous_gradient)

    def forward(self, x):
        """Returns the network's output, float32."""
        with torch.autocast("cpu", torch.bfloat16):
            return self.network(x.to(memory_format=self.layout)).float()


def _with_contiguous_gradient(module, inputs, output):
    """Keeps PyTorch 2.13's InstanceNorm from wrong gradients.

    On a CPU they are off by 1.4 times their norm, in float32 as well, without a word, where what
    comes back lies channels last.
    """
    if output.requires_grad:
        output.register_hook(torch.Tensor.contiguous)


def prepared(network, half=False, channels_last=False, compiled=False):
    """Returns a network as the arguments of a contender say."""
    if half:
        layout = torch.channels_last if channels_last else torch.contiguous_format
        network = HalfPrecision(network, layout)
    return torch.compile(network) if compiled else network


class Training:
    """Training steps on the same noise over and over.

    Args:
        size: Height and width in pixels.
        batch: Images of each domain.
        **kind: Arguments of `prepared`.
    """

    def __init__(self, size, batch=1, **kind):
        torch.manual_seed(0)
        plain = [reference.resnet_generator() for _ in range(2)]
        plain += [reference.patch_discriminator() for _ in range(2)]
        self.plain = dict(zip(truth.NETWORKS, plain, strict=True))
        self.model = reference.CycleGAN(*(prepared(network, **kind) for network in plain))
        self.batch = noise(2, size, batch)

    def step(self):
        """Updates every network once."""
        self.model.train_step(*self.batch)

    def errors(self, path):
        """Compares one step from the weights in a truth file."""
        with np.load(path) as file:
            for name, network in self.plain.items():
                arrays = truth.weights(file, name)
                for parameter, array in zip(network.parameters(), arrays, strict=True):
                    array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
                    parameter.data.copy_(torch.from_numpy(array.copy()))
            a, b = (torch.from_numpy(file[k].transpose(0, 3, 1, 2).copy()) for k in "ab")
            with torch.no_grad():
                output = self.model.gen_ab(a).permute(0, 2, 3, 1).numpy()
            self.model.train_step(a, b)
            gradients = [
                parameter.grad.permute(2, 3, 1, 0) if parameter.ndim == 4 else parameter.grad
                for name in ("gen_ab", "gen_ba")
                for parameter in self.plain[name].parameters()
            ]
            return truth.errors(file, output, gradients)


class Translation:
    """A generator in use.

    Args:
        size: Height and width in pixels.
        batch: Images at once.
        **kind: Arguments of `prepared`.
    """

    def __init__(self, size, batch=1, **kind):
        torch.manual_seed(0)
        self.network = prepared(reference.resnet_generator(), **kind).eval()
        (self.images,) = noise(1, size, batch)

    def step(self):
        """Translates the images."""
        with torch.no_grad():
            self.network(self.images).numpy()


class MatrixMultiplication:
    """The largest number of float32 operations a second that a matrix product gets here.

    The faster of NumPy's and PyTorch's, on all cores.

    Args:
        side: Rows and columns of both matrices.
    """

    def __init__(self, side=2048):
        x = torch.rand(side, side)
        self.operations = 2 * side**3
        ways = {"PyTorch": lambda: torch.mm(x, x), "NumPy": lambda: x.numpy() @ x.numpy()}
        fastest = {}
        for name, product in ways.items():
            fastest[name] = min(self._time(product) for _ in range(4))
        self.about = min(fastest, key=fastest.get)
        self.product = ways[self.about]

    def step(self):
        """Multiplies once; returns the operations."""
        self.product()
        return {"operations": self.operations}

    @staticmethod
    def _time(product):
        began = time.perf_counter()
        product()
        return time.perf_counter() - began
