"""What holds the project's files to each other."""

import json
import re
import shutil
import subprocess

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
    assert [path.stem[:2] for path in notebooks] == [f"{n:02d}" for n in range(14)]
    for path in notebooks:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        outputs = [out for c in cells if c["cell_type"] == "code" for out in c["outputs"]]
        hidden, *_ = (cell for cell in cells if cell["cell_type"] == "code")
        assert hidden["metadata"]["jupyter"]["source_hidden"] and not hidden["outputs"], path.name
        assert not [out for out in outputs if out["output_type"] == "error"], path.name
        images = {"image/png", "image/jpeg"}
        assert [out for out in outputs if images & out.get("data", {}).keys()], path.name
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(home|root|work|Users)/", text), (
            f"{path.name} names a machine's path"
        )


def test_folders_for_data_and_runs_hold_a_page_alone():
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("what git ignores is known in a clone alone")
    for folder in ("data", "saved_models"):
        assert (ROOT / folder / "README.md").is_file()
        listed = subprocess.check_output([git, "ls-files", folder], cwd=ROOT, text=True)
        assert listed.split() == [f"{folder}/README.md"]
        ignored = [git, "check-ignore", "-q", f"{folder}/made.npz"]
        assert subprocess.call(ignored, cwd=ROOT) == 0
