"""What the site has beyond the pages of this folder: a hook of MkDocs (`make docs`).

The reference is made of the declarations that the program itself reads: parsers of the command
line, options of the methods, metrics, tables of formats. Notebooks, the README and the pages of
other folders join the site, and links between files of the repository lead to its pages. Links to
what is no page lead to the repository.
"""

import argparse
import functools
import importlib
import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/cyclegan-tf/cyclegan_tf"
#: Files outside of this folder that are pages of the site, with their addresses in it.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "explanation/benchmarks.md",
    "cyclegan_tf/pretrained/README.md": "model-card.md",
}
PAGES |= {
    f"notebooks/{path.name}": f"tutorials/{path.name}"
    for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
}
#: Modules of which the reference shows what is public.
MODULES = {
    "The package": ("cyclegan_tf",),
    "Data": ("data.prepare", "data.npz", "data.digits", "data.tfds", "data.pipeline"),
    "Training": ("methods.train", "methods.registry", "training.run", "training.distribute"),
    "In use": ("inference.load", "inference.translator", "inference.sampler", "inference.tiling"),
    "Export": ("inference.export", "inference.autotune"),
    "Evaluation": (
        *("evaluation.evaluate", "evaluation.callback", "evaluation.compare"),
        *("evaluation.likelihood", "evaluation.steadiness"),
    ),
    "Networks": ("networks.generators", "networks.discriminators", "networks.generator_file"),
    "Volumes": ("volumes.volume", "volumes.prepare", "volumes.viewer", "inference.volumes"),
    "Service": ("serving.service", "serving.server"),
    "Common": ("common.value_range", "common.errors", "common.colab"),
}
_LINK = re.compile(r"(\]\(|(?:href|src)=\")(?!#|mailto:|data:)([^)\s\"]+)(?=[)\"])")
_OF_REPOSITORY = re.compile(rf"{REPOSITORY}/(?:blob|raw|tree)/main/(.*)")


@functools.cache
def reference():
    """The pages of the reference: dictionary from addresses in the site to Markdown."""
    from cyclegan_tf.methods.names import METHODS

    pages = {f"reference/methods/{name}.md": _method(name) for name in METHODS}
    pages["reference/command-line.md"] = _command_line()
    pages["reference/metrics.md"] = _metrics()
    pages["reference/formats.md"] = _formats()
    pages |= {f"reference/api/{_slug(title)}.md": _api(title) for title in MODULES}
    return pages


def _slug(title):
    return title.lower().replace(" ", "-")


def _table(head, rows):
    """A table in Markdown; nothing where there are no rows."""
    lines = [head, ["---"] * len(head), *rows] if rows else []
    cells = [
        [re.sub(r"\s+", " ", str(cell)).replace("|", "\\|") for cell in line] for line in lines
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def _command_line():
    from cyclegan_tf.cli import main

    parts = [
        "# Command line\n\nWhat `cyclegan-tf COMMAND --help` says. The options that a method adds "
        "to `train` are on the page of [each method](index.md).\n"
    ]
    for name, command in main.COMMANDS.items():
        subcommands = argparse.ArgumentParser(prog="cyclegan-tf").add_subparsers()
        command.add(subcommands, *([["--method", "cyclegan"]] if name == "train" else []))
        parts.append(_command(name, subcommands.choices[name]))
    return "\n".join(parts)


def _command(name, parser):
    """A section for one command: what it does, and a table for each group of its options."""
    from cyclegan_tf.methods.options import GROUPS

    about = (
        "Trains a method into a folder; the same command again goes on with the run."
        if name == "train"
        else (parser.description or "").strip()
    )
    tables = {"": []}
    for group in parser._action_groups:
        if name == "train" and group.title in GROUPS.values():
            continue
        title = "" if group.title in ("positional arguments", "options") else group.title
        shown = [
            a for a in group._group_actions if a.help != argparse.SUPPRESS and a.dest != "help"
        ]
        tables.setdefault(title, []).extend((_words(action), _help(action)) for action in shown)
    parts = [f"## {name}\n\n{about}\n"]
    for title, rows in tables.items():
        heading = f"**{title[:1].upper()}{title[1:]}**\n\n" if title and rows else ""
        parts.append(heading + _table(("", ""), rows))
    return "\n".join(parts)


def _words(action):
    """An option or argument as it is typed."""
    value = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    if action.choices and not action.metavar:
        value = ", ".join(map(str, action.choices))
    value = " ".join(value) if isinstance(value, tuple) else value
    if not action.option_strings:
        return f"`{value}`"
    flags = ", ".join(f"`{flag}`" for flag in action.option_strings)
    return flags if action.nargs == 0 else f"{flags} `{value}`"


def _help(action):
    return (action.help or "").replace("%%", "%").replace("%(default)s", str(action.default))


def _method(name):
    from cyclegan_tf.methods import registry
    from cyclegan_tf.methods.names import METHODS
    from cyclegan_tf.methods.options import GROUPS

    found = registry.find(name)
    module = importlib.import_module(f"cyclegan_tf.methods.{METHODS[name][0]}")
    parts = [
        f"# {name}\n\n{METHODS[name][1][:1].upper()}{METHODS[name][1][1:]}.\n",
        re.sub(r"(https?://\S+)", r"<\1>", module.__doc__.strip()) + "\n",
        f"```\ncyclegan-tf train data/x.npz saved_models/x --method {name}\n```\n",
        f'```python\ncg.train("{name}", dataset, "saved_models/x")\n```\n',
        f"Batch size {found.batch} by default. In Python an option has underscores, "
        "`cycle_weight` for `--cycle-weight`. Where no default stands, its description says it.\n",
    ]
    if found.defaults:
        set_ = ", ".join(
            f"`--{k.replace('_', '-')}` {_value(v)}" for k, v in found.defaults.items()
        )
        parts.append(f"A preset of `{found.model.method}` with other defaults: {set_}.\n")
    if found.adapt:
        parts.append("Some defaults depend on the data: `--dry-run` prints what a run takes.\n")
    for group, title in GROUPS.items():
        rows = [
            (f"`{one.flag}`", _value(one.default), f"{one.help}{_rule(one)}")
            for one in found.declared.values()
            if one.group == group and not one.of_run
        ]
        if rows:
            parts += [f"## {title.capitalize()}\n", _table(("option", "default", "what"), rows)]
    return "\n".join(parts)


def _value(default):
    if default is None:
        return ""
    return ("off", "on")[default] if isinstance(default, bool) else f"`{default}`"


def _rule(option):
    if option.kind is bool:
        return ""
    if option.choices:
        return f"; {', '.join(f'`{choice}`' for choice in option.choices)}"
    return f" ({option.rule})"


def _metrics():
    from cyclegan_tf.evaluation import metrics  # noqa: F401
    from cyclegan_tf.evaluation.registry import GROUPS, METRICS

    parts = [
        "# Metrics\n\nThe scores of `cyclegan-tf evaluate --metrics NAMES` and `cg.evaluate`.\n"
    ]
    for group, title in GROUPS.items():
        rows = [
            (f"`{name}`", one.title, one.better, _about(one.function), _needs(one))
            for name, one in METRICS.items()
            if one.group == group
        ]
        head = ("name", "column", "better", "what", "needs")
        parts += [f"## {title}\n", _table(head, rows)]
    return "\n".join(parts)


def _about(function):
    return ((function.__doc__ or "").strip().split("\n\n") or [""])[0]


def _needs(metric):
    features = f"{metric.features} features" if metric.features else ""
    images = f"{metric.least_images} images" if metric.least_images > 1 else ""
    side = f"sides of {metric.least_side} pixels" if metric.least_side > 1 else ""
    return ", ".join(filter(None, (features, images, side)))


def _formats():
    from cyclegan_tf.data.io import formats as images
    from cyclegan_tf.inference import formats as exports
    from cyclegan_tf.volumes.io import formats as volumes

    def code(words):
        return " ".join(f"`{word}`" for word in words)

    def exact(row):
        return "every type" if row.exact is None else ", ".join(row.exact) or "8 bits"

    def channels(row):
        return "any" if row.channels is None else ", ".join(map(str, row.channels))

    yes = {True: "yes", False: ""}
    rows = [
        (r.name, code(r.suffixes), yes[r.writable], exact(r), channels(r), yes[r.frames])
        if r.writable
        else (r.name, code(r.suffixes), "", "", "", yes[r.frames])
        for r in images.FORMATS
    ]
    head = (
        "format",
        "files",
        "written",
        "kept exactly",
        "channels written",
        "several images",
    )
    parts = ["# Formats\n\n## Images\n", _table(head, rows)]
    rows = [
        (r.name, code(r.suffixes) or "a folder", yes[r.write is not None], ", ".join(r.dtypes))
        for r in volumes.FORMATS
    ]
    parts += ["## Volumes\n", _table(("format", "files", "written", "types"), rows)]
    rows = [
        (f"`{r.name}`", f"`{r.suffix}`" if r.suffix else "a folder", r.tolerance, code(r.libraries))
        for r in exports.FORMATS.values()
    ]
    head = ("`export --format`", "file", "mean difference allowed, grey levels of 255", "libraries")
    parts += ["## Exported generators\n", _table(head, rows)]
    return "\n".join(parts)


def _api(title):
    names = [f"cyclegan_tf.{name}".removesuffix(".cyclegan_tf") for name in MODULES[title]]
    sections = [f"## {name}\n\n::: {name}\n" for name in names]
    return "\n".join([f"# {title}\n", *sections])


def relinked(text, source, address_of):
    """The text with its links to files of the repository leading where `address_of` says.

    Args:
        text: Markdown or HTML.
        source: The file that it is of, as a path in the repository.
        address_of: Function of a path in the repository that gives an address, or None for
            what is no page.
    """

    def replaced(match):
        before, link = match.groups()
        path, hash_, anchor = link.partition("#")
        found = _OF_REPOSITORY.fullmatch(path)
        if found is None and (":" in path or path.startswith("/")):
            return match[0]
        path = found[1] if found else posixpath.join(posixpath.dirname(source), path)
        path = posixpath.normpath(path)
        address = address_of(path)
        if address is None and not (ROOT / path).exists():
            return match[0]
        return f"{before}{address or f'{REPOSITORY}/blob/main/{path}'}{hash_}{anchor}"

    return _LINK.sub(replaced, text)


def _in_site(path):
    """The address in the site of a file of the repository; None where it has none."""
    inside = path.removeprefix("docs/")
    return PAGES.get(path) or (inside if inside != path else None)


def _source(address):
    """The file of the repository that a page is of."""
    return {page: path for path, page in PAGES.items()}.get(address, f"docs/{address}")


def _titles(folder):
    names = sorted(page for page in PAGES.values() if page.startswith(folder))
    return [f"{folder}index.md", *names]


def on_config(config):
    """Puts the pages that are made here into the navigation."""
    pages = reference()
    methods = [page for page in pages if "/methods/" in page]
    api = [page for page in pages if "/api/" in page]
    others = [page for page in pages if page not in (*methods, *api)]
    made = {
        "Tutorials": _titles("tutorials/"),
        "Reference": ["reference/index.md", *others, {"Methods": methods}, {"Python": api}],
    }
    for entry in config.nav:
        for title in entry.keys() & made.keys():
            entry[title] = made[title]
    return config


def on_files(files, config):
    """Adds the pages that are made here, and those of other folders."""
    from mkdocs.structure.files import File
    from mkdocs_jupyter.plugin import NotebookFile

    for address, content in reference().items():
        files.append(File.generated(config, address, content=content))
    for path, address in PAGES.items():
        file = File.generated(config, address, abs_src_path=str(ROOT / path))
        if address.endswith(".ipynb"):
            file = NotebookFile(file, **config)
            file.abs_src_path = str(ROOT / path)
        files.append(file)
    return files


def on_page_markdown(markdown, page, config, files):
    """Leads links to pages of the site, and lists the reference on its first page."""
    address = page.file.src_uri
    if address == "reference/index.md":
        markdown += _contents()
    if address.startswith("reference/"):
        return markdown
    if address in ("index.md", "gallery.md"):  # which have no neighbours
        page.meta["hide"] = ["navigation"]
    here = posixpath.dirname(address) or "."

    def address_of(path):
        target = _in_site(path)
        return target and posixpath.relpath(target, here)

    return relinked(markdown, _source(address), address_of)


def _contents():
    """Lists the pages of the reference."""
    from cyclegan_tf.methods.names import METHODS

    methods = [(f"[{name}](methods/{name}.md)", what) for name, (_, what) in METHODS.items()]
    modules = [
        (f"[{title}](api/{_slug(title)}.md)", ", ".join(f"`{name}`" for name in names))
        for title, names in MODULES.items()
    ]
    return (
        "\n[Command line](command-line.md), [metrics](metrics.md), [formats](formats.md)\n\n"
        f"## Methods and their options\n\n{_table(('', ''), methods)}\n"
        f"## Python\n\n{_table(('', ''), modules)}"
    )


def on_page_content(html, page, config, files):
    """Leads the links of notebooks, which are no Markdown, to pages of the site."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html

    def address_of(path):
        target = _in_site(path)
        found = target and files.get_file_from_path(target)
        return found and found.url_relative_to(page.file)

    return relinked(html, _source(page.file.src_uri), address_of)
