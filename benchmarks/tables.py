"""Tables of benchmarks: Markdown that also reads well in a terminal, and their place in a file."""

from turns import ratio


def markdown(headers, rows):
    """Returns a table as text; the first column is left-aligned, the others right-aligned."""
    table = [headers, *rows]
    widths = [max(len(str(row[i])) for row in table) for i in range(len(headers))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for row in (headers, rule, *rows):
        cells = [str(row[0]).ljust(widths[0])]
        cells += [str(cell).rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def milliseconds(seconds):
    """Returns a time in ms, with three digits."""
    value = 1000 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def times_as_fast(result):
    """Returns how many times as fast as the base a result is, with quartiles."""
    middle, low, high = ratio(result.base, result.seconds)
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def comparison(results, operations=None):
    """Returns the table of contenders that do the same work.

    Args:
        results: Dictionary from names to `measure.Result`; the first is the base.
        operations: Floating-point operations of one step, for the share of the peak.
    """
    base = next(iter(results.values()))
    with_peak = operations is not None and bool(base.peak)
    headers = ["", "ms", "times as fast"]
    headers += ["of peak"] * with_peak + ["MiB", "of base", "first step, s"]
    headers += ["output off", "gradients off"] * bool(base.errors)
    rows = []
    for name, result in results.items():
        row = [name, milliseconds(result.median), times_as_fast(result)]
        row += [f"{result.share_of_peak(operations):.0%}"] if with_peak else []
        row += [f"{result.memory:.0f}", f"{result.memory / base.memory:.2f}"]
        row += [f"{result.first_step:.1f}", *(f"{e:.1e}" for e in result.errors.values())]
        rows.append(row)
    return markdown(headers, rows)


def replaced(text, name, block):
    """Returns `text` with what stands between the markers of `name` replaced.

    The markers are lines: `<!-- name: begin -->` and `<!-- name: end -->`.

    Raises:
        ValueError: If there is no such pair of markers.
    """
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    before, opened, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"there is no {begin.strip()} with its end")
    return f"{before}{begin}\n{block}\n\n{end}{after}"
