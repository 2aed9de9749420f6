"""`plg model`: the growth model's arithmetic (`plg_statistics.growth_model`), asked and printed.

Inputs come from the published marts (`economics.rpt_growth_inputs`) where an option does not say
otherwise; tables of rules come from `seeds/`.
"""

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from plg_statistics import growth_model as growth
from warehouse.settings import PROJECT_ROOT, Settings

app = typer.Typer(help="The growth model: bookings, unit economics, advice.", no_args_is_help=True)
out = Console(width=None if sys.stdout.isatty() else 140)
err = Console(stderr=True)
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def _number(text: str | Decimal) -> Decimal:
    """An option's number as it is written; `30%` is 0.3. A default is a number already."""
    if isinstance(text, Decimal):
        return text
    try:
        value = Decimal(text.strip().rstrip("%").replace(",", ""))
    except InvalidOperation as error:
        raise typer.BadParameter(f"{text!r} is no number: write 0.3, 30% or 1500") from error
    if not value.is_finite():
        raise typer.BadParameter(f"{text!r} is no number: write 0.3, 30% or 1500")
    return value / 100 if text.strip().endswith("%") else value


def _option(help_text: str) -> Any:
    return typer.Option(parser=_number, metavar="NUMBER", help=help_text)


@app.command()
def bookings(
    monthly_signups: Annotated[
        Decimal | None, _option("Accounts that sign up a month; default measured.")
    ] = None,
    activation: Annotated[
        Decimal | None, _option("Share of them that activate (0.3 or 30%).")
    ] = None,
    free_to_paid: Annotated[
        Decimal | None, _option("Share of the activated that come to pay (0.05 or 5%).")
    ] = None,
    acv: Annotated[Decimal | None, _option("Annual value of a new customer.")] = None,
    target: Annotated[
        Decimal | None, _option("Bookings aimed at; default the targets of the newest 12 months.")
    ] = None,
    company_bookings: Annotated[
        Decimal | None, _option("First-year bookings of the whole company: is PLG's share sound?")
    ] = None,
    points: Annotated[
        Decimal, _option("How much better activation may become, in points.")
    ] = growth.POINTS["activation_rate"],
    paid_points: Annotated[
        Decimal, _option("How much better free-to-paid may become, in points.")
    ] = growth.POINTS["free_to_paid_rate"],
    as_json: JsonFlag = False,
) -> None:
    """Bookings of a year: monthly sign-ups × 12 × activation × free-to-paid × ACV."""
    measured = _measured()
    given = {
        "monthly_signups": monthly_signups,
        "activation_rate": activation,
        "free_to_paid_rate": free_to_paid,
        "acv": acv,
    }
    values, sources = _inputs(given, measured)
    inputs = _checked(growth.GrowthInputs, **values)
    if target is None:
        target = measured.get("target", (None, ""))[0]
    share = (
        None if company_bookings is None else growth.plg_share(inputs.bookings, company_bookings)
    )
    better = {"activation_rate": points, "free_to_paid_rate": paid_points}
    scenarios = {
        name: growth.scenario(inputs, factors).bookings for name, factors in _scenarios().items()
    }
    answer = {
        "inputs": {
            name: {"value": value, "source": sources[name]} for name, value in values.items()
        },
        "monthly_customers": inputs.monthly_customers,
        "bookings": inputs.bookings,
        "ramp": [asdict(quarter) for quarter in growth.ramped(inputs.bookings, target)],
        "target": target,
        "gap": None if target is None else inputs.bookings - target,
        "needed_for_target": None if target is None else growth.needed(inputs, target),
        "sensitivity": [asdict(change) for change in growth.sensitivity(inputs, better)],
        "scenarios": scenarios,
        "plg_share": share,
        "plg_share_grade": _grade("plg_share_of_bookings", share),
    }
    if as_json:
        _print_json(answer)
        return
    _table(
        "Inputs",
        ("input", "value", "source"),
        [(name, _input_text(name, values[name]), sources[name]) for name in values],
    )
    _line(
        f"\nBookings of a year at full pace: {_money(inputs.bookings)} "
        f"({_text(inputs.monthly_customers, 2)} customers a month)"
    )
    _table(
        "\nRamp of a first year",
        ("quarter", "pace", "bookings", "total", "target line", "gap"),
        [
            (
                quarter["quarter"],
                _percent(quarter["share"]),
                *(_money(quarter[name]) for name in ("bookings", "total", "target", "gap")),
            )
            for quarter in answer["ramp"]
        ],
    )  # fmt: skip
    if target is not None:
        _line(
            f"\nTarget {_money(target)}: gap {_money(answer['gap'])} at full pace. Alone it takes"
        )
        for name, value in answer["needed_for_target"].items():
            reached = "cannot reach it alone" if value is None else _input_text(name, value)
            _line(f"  {name}: {reached}")
    _table(
        "\nWhat moves it",
        ("input", "from", "to", "bookings", "difference", "change"),
        [
            (
                change["input"],
                _input_text(change["input"], change["before"]),
                _input_text(change["input"], change["after"]),
                _money(change["bookings"]),
                _money(change["difference"]),
                _percent(change["change"]),
            )
            for change in answer["sensitivity"]
        ],
    )
    _table(
        "\nMarket scenarios",
        ("scenario", "bookings"),
        [(name, _money(value)) for name, value in scenarios.items()],
    )
    if share is not None:
        _line(f"\nPLG brings {_percent(share)} of first-year bookings: {answer['plg_share_grade']}")


@app.command()
def unit(
    cost: Annotated[
        Decimal | None, _option("Cost of acquisition; default measured, 12 months.")
    ] = None,
    customers: Annotated[Decimal | None, _option("Customers won with it.")] = None,
    acv: Annotated[Decimal | None, _option("Annual value of a new customer.")] = None,
    margin: Annotated[Decimal, _option("Gross margin.")] = Decimal("0.80"),
    churn: Annotated[
        Decimal | None, _option("Customers lost a month; default measured, or of the lifetime.")
    ] = None,
    lifetime: Annotated[
        Decimal | None, _option("Years a customer stays; default 1 / churn / 12.")
    ] = None,
    overhead: Annotated[
        Decimal, _option("Support overhead of self-serve on CAC, 0.2 to 0.3.")
    ] = growth.SUPPORT_OVERHEAD,
    as_json: JsonFlag = False,
) -> None:
    """CAC, LTV:CAC, payback and return of an average customer."""
    from plg_statistics.cash_flows import annualised, irr

    measured = _measured()
    given = {"acquisition_cost": cost, "new_customers": customers, "acv_of_all": acv}
    values, sources = _inputs(given, measured)
    if churn is None and lifetime is None:
        churn = measured.get("monthly_churn", (None, ""))[0]
        if not churn:
            raise _fail(
                "how long a customer stays is not known (nobody has left, or nothing is "
                "published): give --churn or --lifetime"
            )
    if churn is not None and not 0 <= churn <= 1:
        raise _fail(f"--churn is {churn}: a share of customers a month lies between 0 and 1")
    if lifetime is not None and lifetime <= 0:
        raise _fail(f"--lifetime is {lifetime}: give years above 0")
    if lifetime is None:
        lifetime = growth.lifetime_years(churn)
    elif churn is None:
        churn = min(1 / lifetime / 12, Decimal(1))
    if lifetime is None:
        raise _fail("at a churn of 0 nobody ever leaves: give --lifetime")
    plain = growth.cac(values["acquisition_cost"], values["new_customers"])
    if plain is None:
        raise _fail("no customers were won: CAC is unknown; give --customers")
    effective = growth.effective_cac(plain, overhead)
    flows = growth.customer_cash_flows(
        effective, values["acv_of_all"], margin, churn, max(round(lifetime * 12), 1)
    )
    rate = irr(flows)
    answer = {
        "inputs": {
            **{name: {"value": value, "source": sources[name]} for name, value in values.items()},
            "margin": {"value": margin, "source": "given or default"},
            "monthly_churn": {"value": churn, "source": "given, measured or of the lifetime"},
            "lifetime_years": {"value": lifetime, "source": "given or of the churn"},
            "support_overhead": {"value": overhead, "source": "given or default"},
        },
        "cac": plain,
        "effective_cac": effective,
        "ltv": values["acv_of_all"] * margin * lifetime,
        "ltv_to_cac": growth.ltv_to_cac(values["acv_of_all"], margin, lifetime, plain),
        "ltv_to_effective_cac": growth.ltv_to_cac(
            values["acv_of_all"], margin, lifetime, effective
        ),
        "payback_months": growth.payback_months(plain, values["acv_of_all"], margin),
        "payback_months_without_margin": growth.payback_months(plain, values["acv_of_all"]),
        "irr_monthly": rate,
        "irr_annual": annualised(rate),
    }
    answer["grades"] = {
        "ltv_to_cac": _grade("ltv_to_cac", answer["ltv_to_cac"]),
        "payback_months": _grade("payback_months", answer["payback_months"]),
    }
    if as_json:
        _print_json(answer)
        return
    _table(
        "Inputs",
        ("input", "value", "source"),
        [
            (name, _text(part["value"], 4), part["source"])
            for name, part in answer["inputs"].items()
        ],
    )
    _table(
        "\nAn average customer",
        ("figure", "value", "benchmark"),
        [
            ("CAC", _money(plain), ""),
            ("CAC with support overhead", _money(effective), ""),
            ("LTV", _money(answer["ltv"]), ""),
            ("LTV:CAC", _text(answer["ltv_to_cac"], 1), answer["grades"]["ltv_to_cac"]),
            ("LTV:CAC with support overhead", _text(answer["ltv_to_effective_cac"], 1), ""),
            (
                "payback, months of gross profit",
                _text(answer["payback_months"], 1),
                answer["grades"]["payback_months"],
            ),
            ("payback, months of revenue", _text(answer["payback_months_without_margin"], 1), ""),
            ("IRR a year", "none" if rate is None else _percent(answer["irr_annual"]), ""),
        ],
    )


@app.command()
def churn(
    price: Annotated[Decimal | None, _option("Price a month; default the measured ARPA.")] = None,
    margin: Annotated[Decimal, _option("Gross margin; 1 counts revenue.")] = Decimal(1),
    rate: Annotated[
        list[Decimal] | None,
        typer.Option(parser=_number, metavar="NUMBER", help="Monthly churn; may be repeated."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Lifetime value by monthly churn."""
    values, _ = _inputs({"monthly_price": price}, _measured())
    rows = growth.churn_sensitivity(values["monthly_price"], rate or growth.CHURN_RATES, margin)
    if as_json:
        _print_json([{"monthly_churn": churned, "ltv": worth} for churned, worth in rows])
        return
    _table(
        f"LTV at {_money(values['monthly_price'])} a month",
        ("monthly churn", "LTV"),
        [(_percent(churned), _money(worth)) for churned, worth in rows],
    )


@app.command()
def freemium(
    users: Annotated[Decimal, _option("Free users of the cohort.")],
    conversion: Annotated[Decimal, _option("Share that comes to pay (0.05 or 5%).")],
    price: Annotated[Decimal, _option("Revenue of who pays.")],
    points: Annotated[Decimal, _option("What so many points more bring.")] = Decimal("0.01"),
    as_json: JsonFlag = False,
) -> None:
    """Revenue of a cohort of free users, and what a point of conversion is worth."""
    cohort = _checked(
        growth.freemium_cohort, users=users, conversion=conversion, price=price, points=points
    )
    if as_json:
        _print_json(asdict(cohort))
        return
    _line(
        f"{_text(users)} users × {_percent(conversion)} × {_money(price)} = "
        f"{_money(cohort.revenue)}; +{_percent(points)} is +{_money(cohort.revenue_per_point)}"
    )


@app.command()
def advice(
    time_to_value: Annotated[Decimal | None, _option("Minutes to the first value.")] = None,
    acv: Annotated[Decimal | None, _option("Annual value of a customer.")] = None,
    tam: Annotated[Decimal | None, _option("Companies in the market.")] = None,
    cogs: Annotated[Decimal | None, _option("Cost of serving, share of revenue.")] = None,
    segment: Annotated[str | None, typer.Option(help="smb, mid_market or enterprise.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """What your figures speak for: motion, freemium or trial, segment; and what is not ready."""
    answers = {
        name: value
        for name, value in {
            "time_to_value_minutes": time_to_value,
            "acv": acv,
            "tam_companies": tam,
            "cogs_share": cogs,
            "segment": segment,
        }.items()
        if value is not None
    }
    found = growth.advised(_seed("growth_advice"), answers)
    gaps = _readiness()
    if as_json:
        _print_json({"advice": found, "readiness": gaps})
        return
    for topic in dict.fromkeys(rule["topic"] for rule in found):
        _table(
            f"{topic.replace('_', ' ')}",
            ("criterion", "from", "to", "speaks for", "because"),
            [
                (
                    rule["criterion"], rule["segment"] or rule["from_value"], rule["to_value"],
                    rule["advice"], rule["reason"],
                )
                for rule in found
                if rule["topic"] == topic
            ],
        )  # fmt: skip
        _line("")
    if not found:
        _line("no rule fits")
    if gaps:
        _table(
            "readiness, newest final figures",
            ("metric", "value", "good from", "red flag from", "is", "what to do"),
            [
                (
                    gap["metric"], _text(gap["value"], 3), gap["good_from"], gap["red_from"],
                    gap["grade"], gap["advice"] if gap["grade"] == "red flag" else "",
                )
                for gap in gaps
            ],
        )  # fmt: skip
    else:
        _line("readiness: nothing is published yet (plg run)")


# --- where values come from -------------------------------------------------------------------


def _measured() -> dict[str, tuple[Decimal, str]]:
    """Input → value and where it was measured; empty while nothing is published."""
    rows = _query(
        "select input_key, value, first_month, last_month from economics.rpt_growth_inputs"
    )
    found = {
        key: (growth.exact(round(value, 12)), f"measured {first:%Y-%m} to {last:%Y-%m}")
        for key, value, first, last in rows
    }
    targets = _query(
        "select metric, sum(target), min(month), max(month) from (select *, row_number() over "
        "(partition by metric order by month desc) as newest from economics.rpt_targets "
        "where metric in ('plg_bookings', 'plg_sourced_bookings', 'bookings')) "
        "where newest <= 12 group by metric having count(*) = 12 order by metric desc"
    )
    if targets:
        metric, total, first, last = targets[0]
        found["target"] = (
            growth.exact(total),
            f"targets of {metric} {first:%Y-%m} to {last:%Y-%m}",
        )
    return found


def _query(sql: str) -> list[tuple]:
    from warehouse.query import NothingPublished, QueryFailed, run_query

    try:
        return run_query(Settings(), sql).rows
    except (NothingPublished, QueryFailed):
        # not published, or by a version that did not have the table
        return []


_OPTIONS = {
    "monthly_signups": "--monthly-signups",
    "activation_rate": "--activation",
    "free_to_paid_rate": "--free-to-paid",
    "acv": "--acv",
    "acv_of_all": "--acv",
    "acquisition_cost": "--cost",
    "new_customers": "--customers",
    "monthly_price": "--price",
}


def _inputs(
    given: dict[str, Decimal | None], measured: dict[str, tuple[Decimal, str]]
) -> tuple[dict[str, Decimal], dict[str, str]]:
    values, sources, missing = {}, {}, []
    for name, value in given.items():
        if value is not None:
            values[name], sources[name] = value, "given"
        elif name in measured:
            values[name], sources[name] = measured[name]
        else:
            missing.append(_OPTIONS[name])
    if missing:
        raise _fail(
            f"not measured and not given: {', '.join(missing)} (or run the pipeline: plg run)"
        )
    return values, sources


def _seed(name: str) -> list[dict[str, str]]:
    with (PROJECT_ROOT / "seeds" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _scenarios() -> dict[str, dict[str, str]]:
    factors: dict[str, dict[str, str]] = {}
    for row in _seed("growth_scenarios"):
        factors.setdefault(row["scenario"], {})[row["input"]] = row["factor"]
    return factors


def _benchmark(metric: str) -> dict[str, str] | None:
    return next(
        (row for row in _seed("benchmarks") if row["metric"] == metric and row["cut"] == "all"),
        None,
    )


def _grade(metric: str, value: Decimal | None) -> str | None:
    row = _benchmark(metric)
    if row is None:
        return None
    return growth.grade(value, row["better"], row["good_from"], row["red_from"])


def _readiness() -> list[dict[str, Any]]:
    newest = dict(
        _query(
            "select measure, arg_max(value, month) from economics.fct_metric_months "
            "where is_mature and value is not null group by measure"
        )
    )
    gaps = []
    for row in _seed("benchmarks"):
        if row["cut"] == "all" and row["metric"] in newest:
            value = growth.exact(newest[row["metric"]])
            gaps.append(
                {
                    "metric": row["metric"],
                    "value": value,
                    "good_from": row["good_from"],
                    "red_from": row["red_from"],
                    "grade": growth.grade(value, row["better"], row["good_from"], row["red_from"]),
                    "advice": row["advice"],
                }
            )
    return gaps


# --- how they are printed ---------------------------------------------------------------------


def _checked(make: Any, **values: Any) -> Any:
    try:
        return make(**values)
    except ValueError as error:
        raise _fail(str(error)) from None


def _fail(message: str) -> typer.Exit:
    err.print(f"[bold red]error[/]: {message}", highlight=False, markup=True)
    return typer.Exit(1)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=float))


def _line(text: str) -> None:
    out.print(text, highlight=False, markup=False)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    _line(title)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        is_figure = rows and all(_is_figure(row[columns.index(column)]) for row in rows)
        table.add_column(column, justify="right" if is_figure else "left", header_style="bold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    out.print(table, highlight=False, markup=False)


def _is_figure(value: Any) -> bool:
    text = str(value or "").replace(",", "").replace("%", "").strip()
    return text.lstrip("-+").replace(".", "", 1).isdigit() or text in ("", "none")


def _text(value: Decimal | float | None, places: int = 0) -> str:
    return "" if value is None else f"{value:,.{places}f}"


def _money(value: Decimal | float | None) -> str:
    return _text(value)


def _percent(value: Decimal | float | None) -> str:
    return "" if value is None else f"{value:,.2%}"


def _input_text(name: str, value: Decimal) -> str:
    return _percent(value) if name in growth.SHARES else _text(value, 0 if value >= 1000 else 2)
