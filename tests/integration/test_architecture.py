"""The rooms of the package: an import points down this list, never up or sideways."""

import ast

from support.datasets import ROOT

#: From the top down; rooms on one line do not see each other.
ROOMS = (
    ("cli",),
    ("serving", "evaluation"),
    ("inference", "methods"),
    ("volumes", "training"),
    ("data", "networks"),
    ("common",),
)
FLOOR = {room: len(ROOMS) - i for i, rooms in enumerate(ROOMS) for room in rooms}


def imported_rooms(path):
    """The rooms that a module imports from, wherever in its text."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cyclegan_tf"):
            _, *inside = node.module.split(".")
            yield from inside[:1] or [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            yield from (name[1] for name in names if name[0] == "cyclegan_tf" and name[1:])


def test_imports_point_down():
    package = ROOT / "cyclegan_tf"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    assert rooms == set(FLOOR)
    wrong = [
        f"{path.relative_to(package)} imports {other}"
        for room in rooms
        for path in sorted((package / room).rglob("*.py"))
        for other in imported_rooms(path)
        if other != room and not FLOOR.get(other, len(ROOMS)) < FLOOR[room]
    ]
    assert not wrong, "\n".join(wrong)
