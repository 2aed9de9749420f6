"""Blocks of a document as Markdown and as an HTML page that needs nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Bullets:
    items: Sequence[str]


@dataclass(frozen=True)
class Note:
    """Something to be seen first. ``kind``: good, watch or bad."""

    text: str
    kind: str = "watch"


@dataclass(frozen=True)
class Table:
    """``figures``: columns of numbers, set to the right; ``bars``: of a share from 0 to 1 that is
    drawn behind the text of the same cell, by (row, column)."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: frozenset[int] = frozenset()
    bars: dict[tuple[int, int], float] = field(default_factory=dict)


Block = Heading | Text | Bullets | Note | Table

_SHORT = 12  # characters that are not worth a second line
_MARK = {"good": "OK", "watch": "Note", "bad": "Attention"}

_STYLE = """
:root { color-scheme: light; --ink: #1d2733; --soft: #5b6875; --line: #d9dfe5; --bar: #cfe3f5; }
* { box-sizing: border-box; }
body { margin: 0; background: #f4f6f8; color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 58rem; margin: 2rem auto; padding: 2rem 2.5rem; background: #fff;
  border: 1px solid var(--line); border-radius: 8px; }
h1 { margin: 0 0 .25rem; font-size: 1.75rem; }
h2 { margin: 2.2rem 0 .6rem; padding-bottom: .25rem; font-size: 1.2rem;
  border-bottom: 1px solid var(--line); }
h3 { margin: 1.4rem 0 .4rem; font-size: 1rem; }
p, ul { margin: .4rem 0 .8rem; }
ul { padding-left: 1.2rem; }
.scroll { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th.figure, td.figure { text-align: right; font-variant-numeric: tabular-nums; }
td.figure, td.short { white-space: nowrap; }
.note { margin: .6rem 0; padding: .5rem .8rem;
  border-left: 4px solid #8a6d00; background: #fff8e1; }
.note.good { border-color: #1b7a3d; background: #e9f6ee; }
.note.bad { border-color: #b3261e; background: #fdecea; }
@media (max-width: 40rem) { main { margin: 0; padding: 1rem; border: 0; border-radius: 0; } }
@media print { body { background: #fff; } main { border: 0; margin: 0; max-width: none; } }
""".strip()


def as_markdown(blocks: Iterable[Block]) -> str:
    """GitHub-flavoured Markdown, one blank line between blocks."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def as_html(title: str, blocks: Iterable[Block]) -> str:
    """A whole page: style within, no script, nothing loaded."""
    body = "\n".join(_html(block) for block in blocks)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Text(text):
            return text
        case Bullets(items):
            return "\n".join(f"- {item}" for item in items)
        case Note(text, kind):
            return f"> **{_MARK[kind]}:** {text}"
        case Table(columns, rows, figures):
            rule = ["---:" if i in figures else "---" for i in range(len(columns))]
            lines = [columns, rule, *rows]
            return "\n".join(
                "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
                for line in lines
            )
    raise TypeError(f"no block of a document: {block!r}")


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Text(text):
            return f"<p>{escape(text)}</p>"
        case Bullets(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Note(text, kind):
            return f'<div class="note {kind}"><strong>{_MARK[kind]}:</strong> {escape(text)}</div>'
        case Table(columns, rows, figures):
            head = "".join(
                f'<th scope="col"{_figure(i in figures)}>{escape(name)}</th>'
                for i, name in enumerate(columns)
            )
            body = "\n".join(
                "<tr>"
                + "".join(
                    f"<td{_figure(i in figures, cell)}{_bar(block.bars.get((n, i)))}>"
                    f"{escape(cell)}</td>"
                    for i, cell in enumerate(row)
                )
                + "</tr>"
                for n, row in enumerate(rows)
            )
            return (
                f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n'
                f"<tbody>\n{body}\n</tbody>\n</table></div>"
            )
    raise TypeError(f"no block of a document: {block!r}")


def _figure(is_figure: bool, cell: str = "") -> str:
    if is_figure:
        return ' class="figure"'
    return ' class="short"' if 0 < len(cell) <= _SHORT else ""


def _bar(share: float | None) -> str:
    if share is None:
        return ""
    width = f"{100 * min(max(share, 0), 1):.0f}%"
    return f' style="background: linear-gradient(90deg, var(--bar) {width}, transparent {width})"'
