"""The README, the pages of docs/ and the notebooks: what they say exists and works."""

import ast
import importlib.util
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys

import pytest
from PIL import Image

import cyclegan_tf
from cyclegan_tf.cli import main
from support.datasets import ROOT, fill

REPOSITORY = "https://github.com/cyclegan-tf/cyclegan_tf"
README = ROOT / "README.md"


def pages():
    """The texts for people, and the prose of the notebooks, by their paths."""
    paths = [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("cyclegan_tf/*/README.md")]
    paths += (ROOT / "docs").rglob("*.md")
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        texts[path] = "\n".join(prose)
    return texts


def blocks(text, language=""):
    """The blocks of code of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def commands(text):
    """The words of each `cyclegan-tf` command line of a page."""
    lines = re.findall(r"^(?:\$ )?cyclegan-tf (.+?)(?: +#.*)?$", text, re.M)
    return [shlex.split(line) for line in lines]


def anchors(text):
    """What the headings of a page are called in links, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in headings]


def links(path, text):
    """`(file of the repository, anchor)` of each link of a page that leads into it."""
    for link, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
        inside = re.fullmatch(rf"{REPOSITORY}/(?:blob|raw|tree)/main/(.*)", link)
        if inside:
            yield ROOT / inside[1], anchor
        elif link == REPOSITORY:
            yield README, anchor
        elif not re.match(r"https?:|mailto:", link):
            yield (path.parent / link).resolve() if link else path, anchor


def test_the_readme_is_one_page_whose_links_hold_anywhere():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert not re.findall(r"\]\((?!https:)", text)


def test_links_lead_somewhere():
    texts = pages()
    for path, text in texts.items():
        for target, anchor in links(path, text):
            assert target.exists(), f"{path.name}: {target}"
            assert not anchor or anchor in anchors(texts[target]), f"{path.name}: {target}#{anchor}"


def test_every_page_of_docs_is_linked_and_every_image_shown():
    texts = pages()
    linked = {target for path, text in texts.items() for target, _ in links(path, text)}
    files = {*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.[jp]*g")}
    examples = {ROOT / "docs" / name for name in ("sketch.png", "cartoon.png")}
    assert files - linked - examples == set()


def test_make_targets_exist():
    targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for path, text in pages().items():
        for target in re.findall(r"(?:^|`)make ([\w-]+)", text, re.M):
            assert target in targets, path


def test_extras_exist():
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 and newer read TOML")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for path, text in pages().items():
        for extras in re.findall(r"pip install [\"'](?:\.|cyclegan_tf)\[([\w,]+)\]", text):
            assert set(extras.split(",")) <= project["optional-dependencies"].keys(), path


def test_commands_are_understood(capsys):
    for path, text in pages().items():
        for words in commands(text):
            try:
                main._parser(words).parse_intermixed_args(words[1:])
            except SystemExit as end:
                assert not end.code, f"{path.name}: {words}\n{capsys.readouterr().err}"


def test_python_names_exist():
    for path, text in pages().items():
        for block in blocks(text, "python"):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and node.module.startswith("cyclegan_tf"):
                    names = ", ".join(alias.name for alias in node.names)
                    exec(f"from {node.module} import {names}", {})
                if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "cg":
                    assert hasattr(cyclegan_tf, node.attr), path


def test_the_reference_is_made_of_the_declarations():
    generate = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    made = generate["reference"]()
    pix2pix = made["reference/methods/pix2pix.md"]
    assert "| `--l1-weight` | `100.0` |" in pix2pix and "`--cycle-weight` |" not in pix2pix
    for name in main.COMMANDS:
        assert f"\n## {name}\n" in made["reference/command-line.md"]
    assert "`--overwrite`" in made["reference/command-line.md"]
    assert "| `fid` | FID | lower |" in made["reference/metrics.md"]
    assert "`.nii.gz`" in made["reference/formats.md"] and "`onnx`" in made["reference/formats.md"]


def test_links_of_the_site_lead_to_its_pages_or_to_the_repository():
    relinked = runpy.run_path(str(ROOT / "docs" / "generate.py"))["relinked"]
    address_of = {"docs/faq.md": "../faq.md"}.get
    text = (
        f"[a]({REPOSITORY}/blob/main/docs/faq.md#b) [c](../../LICENSE) [d](https://x.org) [e](#f)"
    )
    assert relinked(text, "docs/guides/x.md", address_of) == (
        f"[a](../faq.md#b) [c]({REPOSITORY}/blob/main/LICENSE) [d](https://x.org) [e](#f)"
    )


def own_folders(folder):
    """What the README's commands and lines are given, in an empty folder; small, to be quick."""
    fill(folder / "photos", range(8))
    fill(folder / "paintings", range(50, 58))
    shutil.copy(folder / "photos" / "0.png", folder / "holiday.png")
    Image.open(folder / "holiday.png").convert("RGB").save(folder / "holiday.jpg")
    (folder / "docs").mkdir()
    for name in ("sketch.png", "cartoon.png"):
        shutil.copy(ROOT / "docs" / name, folder / "docs")
    return folder


@pytest.mark.slow
def test_the_five_lines_of_python_run(tmp_path, monkeypatch):
    monkeypatch.chdir(own_folders(tmp_path))
    (block,) = blocks(README.read_text(encoding="utf-8"), "python")
    small = "epochs=2, steps_per_epoch=2, filters=2, blocks=1, disc_layers=1, verbose=0"
    block = block.replace("size=128", "size=16").replace("minutes=30", small)
    assert small in block and len(re.findall(r"^\S", block, re.M)) == 5
    block = block.replace("dataset))", "dataset, metrics=['edge_preservation']))")
    exec(compile(block, str(README), "exec"), {})
    assert Image.open("holiday_painted.png").size == Image.open("holiday.jpg").size


@pytest.mark.long
def test_the_first_hour_runs_from_another_folder(tmp_path):
    folder = own_folders(tmp_path / "elsewhere")
    shortened = {"128": "32", "30": "0.2"}
    run = [sys.executable, "-m", "cyclegan_tf"]
    more = {"train": ["--filters", "2"], "evaluate": ["--features", "none", "--lpips", "none"]}
    done = []
    for words in commands(README.read_text(encoding="utf-8")):
        if words[0] == "serve":  # its own tests start it
            continue
        words = [shortened.get(word, word) for word in words] + more.get(words[0], [])
        result = subprocess.run([*run, *words], cwd=folder, capture_output=True, text=True)
        assert result.returncode == 0, f"{words}\n{result.stdout}\n{result.stderr}"
        done.append(words[0])
    assert done == ["translate", "translate", "prepare", "train", "evaluate", "translate"]
    made = ("cartoon.png", "sketch.png", "holiday_painted.png")
    assert [Image.open(folder / name).size for name in made[:2]] == [(256, 256)] * 2
    assert Image.open(folder / made[2]).size == Image.open(folder / "holiday.jpg").size
    assert (folder / "saved_models" / "paintings" / "report.html").is_file()


@pytest.mark.long
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mkdocs_jupyter", "mkdocstrings")),
    reason="the extra docs is not installed",
)
def test_the_site_is_built_without_a_warning(tmp_path):
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(build, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for page in ("index.html", "reference/methods/cyclegan/index.html", "gallery/index.html"):
        assert (tmp_path / page).is_file(), page
