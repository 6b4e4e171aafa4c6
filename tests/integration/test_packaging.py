"""What strangers get: types on the public API, one version, and a wheel that holds everything."""

import inspect
import re
import subprocess
import sys
import typing
import zipfile

import pytest

import cyclegan_tf as cg
from cyclegan_tf.data import npz
from cyclegan_tf.evaluation.result import Evaluation
from cyclegan_tf.inference.translator import Translator
from support.datasets import ROOT


def public():
    """The functions that users call, by name."""
    makers = ("from_folders", "from_pairs", "from_tfds", "generated", "stream")
    found = {name: getattr(cg, name) for name in ("train", "load", "evaluate")}
    found |= {f"prepare.{name}": getattr(cg.prepare, name) for name in makers}
    found |= {"npz.load": npz.load, "npz.save": npz.save}
    for owner in (Translator, npz.Dataset, Evaluation):
        for name, value in vars(owner).items():
            function = getattr(value, "fget", None) or getattr(value, "func", None) or value
            if inspect.isfunction(function) and not name.startswith("_"):
                found[f"{owner.__name__}.{name}"] = function
    return found


@pytest.mark.parametrize("name", public())
def test_public_functions_say_their_types(name):
    function = public()[name]
    given = [p for p in inspect.signature(function).parameters if p != "self"]
    assert {*given, "return"} <= typing.get_type_hints(function).keys()


def test_what_is_public_is_what_type_checkers_see():
    assert sorted(cg.__all__) == sorted([*cg._PUBLIC, "__version__"])


def test_the_version_is_in_one_place():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (version,) = re.findall(r'^version = "(\d+\.\d+\.\d+)"$', text, re.M)
    for path in (ROOT / "cyclegan_tf").rglob("*.py"):
        assert f'"{version}"' not in path.read_text("utf-8"), path
    first = re.search(r"^## \[(\d.*)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert first[1] == version


@pytest.mark.long
def test_the_wheel_holds_all_that_is_no_python(tmp_path):
    source = tmp_path / "source"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, tracked.stdout.decode().split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", tmp_path, source]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < 6e6
    held = set(zipfile.ZipFile(wheel).namelist())
    package = {str(p.relative_to(source)) for p in (source / "cyclegan_tf").rglob("*.*")}
    assert {name for name in package if not (source / name).is_dir()} <= held
    for name in ("py.typed", "pretrained/gen_ab.keras", "serving/page/index.html"):
        assert f"cyclegan_tf/{name}" in held
    assert not {name for name in held if name.startswith(("tests/", "benchmarks/"))}
