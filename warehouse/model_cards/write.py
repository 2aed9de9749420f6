"""Cards as files: HOME/reports/model_cards/<model>.md and .html, and an index."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

from warehouse.model_cards.card import card, title
from warehouse.model_cards.facts import ModelFacts
from warehouse.model_cards.render import Bullets, Heading, as_html, as_markdown
from warehouse.settings import Settings


@dataclass(frozen=True)
class Written:
    """A card's files, and its Markdown."""

    model_key: str
    markdown_path: Path
    html_path: Path
    markdown: str


def cards_dir(settings: Settings) -> Path:
    return settings.home / "reports" / "model_cards"


def write_cards(facts: Iterable[ModelFacts], folder: Path) -> list[Written]:
    """Write what is given; the same facts write the same bytes. Other cards stay."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for of_model in facts:
        blocks = card(of_model)
        markdown = as_markdown(blocks)
        paths = [folder / f"{of_model.model_key}.{ending}" for ending in ("md", "html")]
        for path, text in zip(paths, (markdown, as_html(title(of_model), blocks)), strict=True):
            _replace(path, text)
        written.append(Written(of_model.model_key, *paths, markdown))
    names = sorted(path.stem for path in folder.glob("*.md"))
    page = as_html("Model cards", [Heading("Model cards", 1), Bullets(names)])
    for name in names:
        page = page.replace(
            f"<li>{escape(name)}</li>", f'<li><a href="{escape(name)}.html">{escape(name)}</a></li>'
        )
    _replace(folder / "index.html", page)
    return written


def _replace(path: Path, text: str) -> None:
    """Whoever reads meanwhile sees the old file or the new one, never half of one."""
    beside = path.with_suffix(path.suffix + ".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
