"""Measures how closely the metrics follow PyTorch, SciPy and scikit-image.

    python benchmarks/metrics_parity.py --inception default_1.pt \
        --lpips-alex alexnet.ckpt --lpips-vgg vgg16.ckpt

The weight files are those of the packages that `networks.pretrained.weights` names. Both sides
see the same images, generated cartoons and sketches or those of two folders, in one process on
the CPU. Prints one table; the exit status is 0 if every row passes and 1 otherwise. Rows whose
weights are not given are left out. Needs PyTorch, SciPy and scikit-image, and for LPIPS the
packages lpips and torchvision.
"""

import argparse
import sys

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from cyclegan_tf.data import prepare
from cyclegan_tf.data.io import image_file, listing
from cyclegan_tf.evaluation import metrics
from cyclegan_tf.evaluation.metrics import inception_features
from cyclegan_tf.evaluation.metrics.perceptual import load as load_lpips
from cyclegan_tf.networks.pretrained import weight_files

try:
    import scipy.linalg
    import skimage.metrics
    import torch
    import torch.nn.functional as F
except ImportError as error:
    sys.exit(f"metrics_parity.py compares with other libraries: {error}.")

RELATIVE_BOUND, EXACT_BOUND = 1e-4, 1e-9
FLAX_NAMES = {"alex": "AlexNet_0", "vgg": "VGG16_0"}


def clean_resize(images):
    """The antialiased bicubic resize of PyTorch, `(n, 3, 299, 299)`."""
    resized = F.interpolate(images, (299, 299), mode="bicubic", antialias=True)
    return resized.clamp(0, 255)


def legacy_resize(images):
    """Bilinear with the corners of pixel 0 on each other, by gathering neighbours."""
    for axis in (2, 3):
        size = images.shape[axis]
        place = torch.arange(299, dtype=torch.float32) * (size / 299)
        low = place.long()
        high = (low + 1).clamp_max(size - 1)
        share = (place - low).reshape((-1, 1) if axis == 2 else (-1,))
        near, far = images.index_select(axis, low), images.index_select(axis, high)
        images = near + (far - near) * share
    return images


def reference_features(network, resize, images):
    """Features by PyTorch, float64 `(n, 2048)`."""
    features = []
    with torch.no_grad():
        for start in tqdm(range(0, len(images), 32), desc="PyTorch", leave=False):
            batch = torch.from_numpy(images[start : start + 32].transpose(0, 3, 1, 2).copy())
            batch = batch.float().expand(-1, 3, -1, -1)
            features.append(network((resize(batch) - 128) / 128).numpy())
    return np.concatenate(features).astype(np.float64)


def reference_fid(x, y):
    """The Fréchet distance by the formula, with a matrix root."""
    shift = x.mean(axis=0) - y.mean(axis=0)
    covariance_x, covariance_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(covariance_x @ covariance_y)
    return shift @ shift + np.trace(covariance_x + covariance_y - 2 * root.real)


def reference_kid(x, y):
    """The unbiased estimator by the formula, with whole kernel matrices."""

    def kernel(a, b):
        return (np.einsum("nd,md->nm", a, b) / a.shape[1] + 1) ** 3

    n, m = len(x), len(y)
    within_x, within_y = kernel(x, x)[~np.eye(n, dtype=bool)], kernel(y, y)[~np.eye(m, dtype=bool)]
    return within_x.mean() + within_y.mean() - 2 * kernel(x, y).mean()


def relative(value, expected):
    """Relative difference of two numbers, or the largest of two arrays."""
    return np.max(np.abs(np.subtract(value, expected)) / np.abs(expected))


def inception_rows(file, a, b):
    """Features, FID and KID with either resize."""
    network = torch.jit.load(file).eval()
    for name, resize in (("clean", clean_resize), ("legacy", legacy_resize)):
        extractor = inception_features.load(file, name)
        ours = [extractor(images, progress=True).astype(np.float64) for images in (a, b)]
        theirs = [reference_features(network, resize, images) for images in (a, b)]
        off = np.linalg.norm(np.subtract(ours, theirs)) / np.linalg.norm(theirs)
        yield f"{name}: features, relative norm", off, RELATIVE_BOUND
        fid, expected = metrics.frechet_distance(*ours), reference_fid(*theirs)
        label = f"{name}: FID {fid:.4f}, expected {expected:.4f}, relative"
        yield label, relative(fid, expected), RELATIVE_BOUND
        kid, expected = metrics.kernel_distance(*ours)[0], reference_kid(*theirs)
        label = f"{name}: KID x1000 {1000 * kid:.4f}, expected {1000 * expected:.4f}, relative"
        yield label, relative(kid, expected), RELATIVE_BOUND


def reference_lpips(network, file):
    """The network of the package lpips with the weights of a Flax file."""
    import lpips

    model = lpips.LPIPS(net=network, pretrained=False, pnet_rand=True, verbose=False).eval()
    arrays = weight_files.read(file)

    def assign(parameter, name):
        values = arrays[name]
        values = values.transpose(3, 2, 0, 1) if values.ndim == 4 else values
        parameter.data.copy_(torch.from_numpy(values.copy()))

    layers = [layer for layer in model.net.modules() if isinstance(layer, torch.nn.Conv2d)]
    for number, layer in enumerate(layers):
        assign(layer.weight, f"{FLAX_NAMES[network]}.Conv_{number}.kernel")
        assign(layer.bias, f"{FLAX_NAMES[network]}.Conv_{number}.bias")
    for number, head in enumerate(model.lins):
        assign(head.model[1].weight, f"NetLinLayer_{number}.Conv_0.kernel")
    return model


def lpips_row(network, file, x, y):
    """LPIPS of pairs of stored images."""
    model = reference_lpips(network, file)
    tensors = (torch.from_numpy(z.transpose(0, 3, 1, 2) / 127.5 - 1).float() for z in (x, y))
    with torch.no_grad():
        expected = model(*tensors).numpy().ravel()
    ours = load_lpips(network, file)(*(z.astype(np.float32) / 127.5 - 1 for z in (x, y)))
    label = f"LPIPS {network}, mean {ours.mean():.4f}, relative"
    yield label, relative(ours, expected), RELATIVE_BOUND


def paired_rows(x, y):
    """PSNR and SSIM of pairs of stored images."""
    psnr = [skimage.metrics.peak_signal_noise_ratio(i, j) for i, j in zip(x, y, strict=True)]
    yield "PSNR, dB", np.abs(metrics.psnr(x, y) - psnr).max(), EXACT_BOUND
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    ssim = [
        skimage.metrics.structural_similarity(i, j, channel_axis=-1, **options)
        for i, j in zip(x, y, strict=True)
    ]
    yield "SSIM", np.abs(metrics.ssim(x, y) - ssim).max(), EXACT_BOUND


def read_folder(folder, count):
    """The first images of a folder, 64x64 RGB."""
    files = listing.images(folder)[:count]
    read = [image_file.fit(image_file.to_channels(image_file.read(file), 3), 64) for file in files]
    return np.stack(read).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inception", metavar="FILE", help="TorchScript archive")
    parser.add_argument("--lpips-alex", metavar="FILE", help="Flax weights of LPIPS with AlexNet")
    parser.add_argument("--lpips-vgg", metavar="FILE", help="Flax weights of LPIPS with VGG16")
    parser.add_argument("--folders", nargs=2, metavar="FOLDER", help="8-bit images to compare")
    parser.add_argument("--images", type=int, default=500, metavar="N", help="of each kind")
    arguments = parser.parse_args()
    tf.config.set_visible_devices([], "GPU")
    if arguments.folders:
        a, b = (read_folder(folder, arguments.images) for folder in arguments.folders)
    else:
        drawn = prepare.generated(arguments.images, 0)
        a, b = drawn.train_a, drawn.train_b
    # Pairs: each image with the noisy mean of it and the one before.
    x, noise = b[:64], np.random.default_rng(0).normal(0, 20, b[:64].shape)
    y = np.clip((x + np.roll(x, 1, axis=0)) / 2 + noise, 0, 255).astype(np.uint8)
    rows = list(paired_rows(x, y))
    for network, file in (("alex", arguments.lpips_alex), ("vgg", arguments.lpips_vgg)):
        rows += lpips_row(network, file, x, y) if file else []
    rows += inception_rows(arguments.inception, a, b) if arguments.inception else []
    print(f"{'':66}{'measured':>9}{'bound':>7}")
    for label, value, bound in rows:
        print(f"{label:66}{value:9.1e}{bound:7.0e}  {'pass' if value <= bound else 'FAIL'}")
    sys.exit(any(not value <= bound for _, value, bound in rows))


if __name__ == "__main__":
    main()
