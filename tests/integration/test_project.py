"""What holds the project's files to each other."""

import json
import re

import pytest

from support.datasets import ROOT

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
