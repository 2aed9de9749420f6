"""The front page of the Data Docs: every gate's newest results, linking to the full pages.

Great Expectations' own index draws its table with scripts from the internet and stays
blank without it; this page needs nothing.
"""

from html import escape
from pathlib import Path
from urllib.parse import quote

from quality.suites import GATES, load_suite
from warehouse.ops import OpsStore
from warehouse.settings import Settings

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Data Docs: gates</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
       color: #1c2430; background: #fff; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .5rem .75rem; border-bottom: 1px solid #d9dee5; }}
th {{ font-size: .85rem; color: #566172; }}
.passed {{ color: #17693a; }} .failed {{ color: #b3261e; font-weight: 600; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #14181d; color: #e6e9ee; }}
 th, td {{ border-color: #333c47; }} a {{ color: #8ab4f8; }} .passed {{ color: #7bd49b; }}
 .failed {{ color: #ff8a80; }} }}
</style>
</head>
<body>
<h1>Gates</h1>
<p>What was checked on the newest data, and what was found. Expectations live in
<code>expectations/</code>; every past result is in <code>ops.gate_results</code>.</p>
<table>
<tr><th>Gate</th><th>Verdict</th><th>Blocking failures</th><th>Warnings</th>
<th>Checked (UTC)</th></tr>
{rows}
</table>
{details}
</body>
</html>
"""


def write_index(settings: Settings) -> Path:
    """Write ``docs/data_docs/index.html`` from the latest verdict of each gate."""
    folder = settings.docs_dir / "data_docs"
    folder.mkdir(parents=True, exist_ok=True)
    with OpsStore(settings.ops_path).connection() as connection:
        verdicts = connection.execute(
            "select gate, passed, count_blocking_failed, count_warnings, checked_at, gate_run_id "
            "from gate_verdicts "
            "qualify row_number() over (partition by gate order by checked_at desc) = 1"
        ).fetchall()
        by_gate = {verdict[0]: verdict for verdict in verdicts}
        results = {
            gate: connection.execute(
                "select expectation, asset, severity, passed, observed, expected "
                "from gate_results where gate_run_id = ? order by passed, rowid",
                [verdict[-1]],
            ).fetchall()
            for gate, verdict in by_gate.items()
        }
    rows = "\n".join(_row(gate, by_gate.get(gate)) for gate in GATES)
    details = "\n".join(
        _details(gate, folder, results.get(gate, [])) for gate in GATES if gate in by_gate
    )
    page = folder / "index.html"
    page.write_text(_PAGE.format(rows=rows, details=details))
    return page


def _row(gate: str, verdict: tuple | None) -> str:
    if verdict is None:
        return f"<tr><td>{escape(gate)}</td><td>not run yet</td><td></td><td></td><td></td></tr>"
    _, passed, failed, warnings, checked_at, _ = verdict
    word = "passed" if passed else "failed"
    return (
        f'<tr><td><a href="#{escape(gate)}">{escape(gate)}</a></td><td class="{word}">{word}</td>'
        f"<td>{failed}</td><td>{warnings}</td><td>{checked_at:%Y-%m-%d %H:%M:%S}</td></tr>"
    )


def _details(gate: str, folder: Path, results: list[tuple]) -> str:
    """A gate's expectations, what failed first, and links to Great Expectations' pages."""
    lines = "\n".join(
        f'<tr><td class="{"passed" if passed else "failed"}">{"passed" if passed else severity}'
        f"</td><td>{escape(key)}<br><small>{escape(asset)}</small></td>"
        f"<td>{escape(observed)}</td><td>{escape(expected)}</td></tr>"
        for key, asset, severity, passed, observed, expected in results
    )
    return (
        f'<h2 id="{escape(gate)}">{escape(gate)}</h2>\n<p>{_links(gate, folder)}</p>\n'
        "<table>\n<tr><th></th><th>Expectation</th><th>Observed</th><th>Expected</th></tr>\n"
        f"{lines}\n</table>"
    )


def _links(gate: str, folder: Path) -> str:
    """Each suite's validation page; its place is validations/<suite>/…/<batch>.html."""
    links = []
    for file in load_suite(gate).files:
        place = folder.joinpath(gate, "validations", *file.suite.split("."))
        for page in sorted(place.rglob("*.html"))[-1:]:
            href = quote(page.relative_to(folder).as_posix())
            links.append(f'<a href="{href}">{escape(file.suite)}</a>')
    return " · ".join(links)
