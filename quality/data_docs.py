"""The front page of the Data Docs: one line a gate, linking to Great Expectations' pages."""

from html import escape
from pathlib import Path

from quality.suites import GATES
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
</body>
</html>
"""


def write_index(settings: Settings) -> Path:
    """Write ``docs/data_docs/index.html`` from the latest verdict of each gate."""
    folder = settings.docs_dir / "data_docs"
    folder.mkdir(parents=True, exist_ok=True)
    with OpsStore(settings.ops_path).connection() as connection:
        verdicts = connection.execute(
            "select gate, passed, count_blocking_failed, count_warnings, checked_at "
            "from gate_verdicts "
            "qualify row_number() over (partition by gate order by checked_at desc) = 1"
        ).fetchall()
    by_gate = {verdict[0]: verdict for verdict in verdicts}
    rows = "\n".join(_row(gate, by_gate.get(gate), folder) for gate in GATES)
    page = folder / "index.html"
    page.write_text(_PAGE.format(rows=rows))
    return page


def _row(gate: str, verdict: tuple | None, folder: Path) -> str:
    if verdict is None:
        return f"<tr><td>{escape(gate)}</td><td>not run yet</td><td></td><td></td><td></td></tr>"
    _, passed, failed, warnings, checked_at = verdict
    name = escape(gate)
    if (folder / gate / "index.html").is_file():
        name = f'<a href="{name}/index.html">{name}</a>'
    word = "passed" if passed else "failed"
    return (
        f'<tr><td>{name}</td><td class="{word}">{word}</td><td>{failed}</td><td>{warnings}</td>'
        f"<td>{checked_at:%Y-%m-%d %H:%M:%S}</td></tr>"
    )
