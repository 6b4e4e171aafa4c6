"""What holds the project's files to each other."""

import json
import re

import pytest
from conftest import ROOT

yaml = pytest.importorskip("yaml")
tomllib = pytest.importorskip("tomllib", reason="Python 3.11 and newer read TOML")


def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_conda_and_pip_give_the_same_environment():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = [entry for entry in conda["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    assert plain == [f"python{pyproject()['requires-python']}", "pip"]
    assert sorted(pip) == sorted([*pyproject()["dependencies"], "-e ."])


def test_one_ruff_for_pre_commit_and_ci():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (version,) = [hook["rev"].removeprefix("v") for hook in hooks["repos"]]
    assert f"ruff=={version}" in pyproject()["optional-dependencies"]["test"]


def test_addons_are_no_requirement():
    extras = pyproject()["optional-dependencies"].values()
    requirements = [*pyproject()["dependencies"], *(name for extra in extras for name in extra)]
    assert not [name for name in requirements if "addons" in name]
    assert not [name for name in pyproject()["dependencies"] if name.startswith("torch")]


def test_imports_point_down_the_floors():
    floors = {
        "translation": 0,
        "translator": 3,
        "app": 4.7,
        "cli": 6,
        "commands": 5,
        "__main__": 7,
        "colab": 5,
        "compare": 4.5,
        "budget": 2.5,
        "options": 4,
        "recipes": 4,
        "evaluate": 4,
        "translate": 4.4,
        "translate_volumes": 4.4,
        "fastest": 4.2,
        "export": 4,
        "example_pictures": 3,
        "runtimes": 2,
        "sampling": 4,
        "training_run": 4,
        "methods": 3,
        "callbacks": 3,
        "memory": 3.5,
        "directions": 3,
        "report": 2.5,
        "evaluation": 2.5,
        "training": 2,
        "networks": 2,
        "projected": 2.5,
        "vector_coders": 2,
        "likelihoods": 2,
        "evidence": 4,
        "losses": 2,
        "coders": 2,
        "generators": 2,
        "scoring": 2,
        "scores": 1.5,
        "layers": 1,
        "resampling": 1,
        "inference": 2.2,
        "tiling": 2.75,
        "reach": 2.5,
        "convolutions": 1,
        "spectral": 1.5,
        "optimizers": 1,
        "averaging": 1,
        "winograd": 0.5,
        "volumes": 0.7,
        "precision": 1,
        "accumulation": 1,
        "recomputation": 1,
        "devices": 0,
        "quiet": 0,
        "cache": 0,
        "health": 1,
        "plotting": 1,
        "slice_pictures": 1.5,
        "viewer": 4.6,
        "metrics": 1,
        "data": 0.5,
        "atomic": 0,
        "errors": -1,
    }
    package = ROOT / "cyclegan_tf"
    for path in package.rglob("*.py"):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        text = path.read_text(encoding="utf-8")
        used = re.findall(r"^\s*from cyclegan_tf\.(\w+)", text, re.M)
        for names in re.findall(r"^\s*from cyclegan_tf import ([^#\n]+)", text, re.M):
            used += [name.split(" as ")[0].strip() for name in names.split(",")]
        for other in set(used) - {room}:
            assert floors[other] < floors[room], f"{path.name} imports {other}"


def test_notebooks_carry_real_outputs():
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert [path.stem[:2] for path in notebooks] == [f"{n:02d}" for n in range(1, 13)]
    for path in notebooks:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        outputs = [out for c in cells if c["cell_type"] == "code" for out in c["outputs"]]
        assert not [out for out in outputs if out["output_type"] == "error"], path.name
        assert [out for out in outputs if "image/png" in out.get("data", {})], path.name
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(home|root|work|Users)/", text), (
            f"{path.name} names a machine's path"
        )


def test_readme_commands_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for target in re.findall(r"^make (\w+)", readme, re.M):
        assert target in targets
    for path in re.findall(r"\]\((?!https?:|#)([^)#]+)", readme):
        assert (ROOT / path).exists(), path
