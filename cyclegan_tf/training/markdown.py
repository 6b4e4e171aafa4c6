"""The Markdown that evaluations write, as HTML: headings, paragraphs, lists and tables."""

import html
import re


def to_html(text, heading=3):
    r"""Turns the text of an `evaluation.md` into HTML.

    Args:
        text: Blocks with empty lines between. A table has `\|` for a bar within a cell.
        heading: Level of what is `##` in the text.

    Returns:
        HTML; a table scrolls sideways by itself, and is called what the paragraph before it says.
    """
    parts, said = [], ""
    for block in filter(None, re.split(r"\n\s*\n", text.strip())):
        if block.startswith("|"):
            parts.append(_table(block.splitlines(), said))
            continue
        said = html.escape(block.lstrip("# "))
        if block.startswith("#"):
            parts.append(f"<h{heading}>{said}</h{heading}>")
        elif block.startswith("- "):
            items = said.removeprefix("- ").split("\n- ")
            parts.append(f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>")
        else:
            parts.append(f"<p>{said}</p>")
    return "\n".join(parts)


def table(rows, name):
    """An HTML table in a box that scrolls.

    Args:
        rows: Lists of texts; the first is the head, the first of each names the row.
        name: What the table is called.
    """
    head, *body = [[html.escape(cell) for cell in row] for row in rows]
    columns = "".join(f'<th scope="col">{cell}</th>' for cell in head[1:])
    corner = f'<th scope="col">{head[0]}</th>' if head[0] else "<td></td>"
    lines = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for first, *cells in body
    )
    return (
        f'<div class="scroll" role="group" tabindex="0" aria-label="{name}"><table>'
        f"<thead><tr>{corner}{columns}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _table(lines, name):
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in (lines[0], *lines[2:])]
    return table([[cell.strip().replace("\\|", "|") for cell in row] for row in rows], name)
