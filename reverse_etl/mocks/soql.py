"""Enough SOQL for the clients in use: one object, parent fields, filters, order, limit, count().

``compile_query`` checks every name against the schema and gives SQL for the mock's SQLite
store with all values as parameters. What it does not know (aggregates other than COUNT(),
sub-queries) is refused as MALFORMED_QUERY, never answered wrongly.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from reverse_etl.mocks.salesforce_org import Field, ObjectType, Org, RequestError
from reverse_etl.mocks.store import Record

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:?\d{2}))
    | (?P<date>\d{4}-\d{2}-\d{2})
    | (?P<number>[+-]?\d+(?:\.\d+)?)
    | (?P<op><=|>=|!=|<>|=|<|>|\(|\)|,|:)
    | (?P<name>[A-Za-z_][A-Za-z0-9_.]*)
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "'": "'", '"': '"', "\\": "\\"}


@dataclass(frozen=True)
class Column:
    """A selected or filtered column: of the object itself or of a parent."""

    field: Field
    parent: tuple[str, str, str] | None = None  # relationship, foreign key, parent object

    @property
    def name(self) -> str:
        """As a result calls it: ``Name``, ``Account.Name``."""
        return f"{self.parent[0]}.{self.field.name}" if self.parent else self.field.name


@dataclass
class Query:
    """A compiled query: ``where`` and ``order`` are SQL over the ``records`` table."""

    object_type: ObjectType
    columns: list[Column]
    is_count: bool
    where: str = "1"
    parameters: list[Any] = field(default_factory=list)
    order: str = "id"
    limit: int | None = None
    offset: int = 0
    all_rows: bool = False


def compile_query(
    text: str, schema: Mapping[str, ObjectType], now: datetime | None = None
) -> Query:
    """Parse SOQL; `RequestError` (400) with MALFORMED_QUERY, INVALID_FIELD or INVALID_TYPE."""
    return _Parser(text, schema, now or datetime.now(UTC)).query()


def read_column(org: Org, record: Record, column: Column) -> Any:
    """The value of a selected column; null where the parent is not there."""
    if column.parent is None:
        return org.value(record, column.field.name)
    _, foreign_key, parent_name = column.parent
    parent_id = record.fields.get(foreign_key)
    parent = org.store.get(parent_name, parent_id, with_deleted=True) if parent_id else None
    return org.value(parent, column.field.name) if parent else None


def malformed(message: str) -> RequestError:
    return RequestError(400, "MALFORMED_QUERY", message)


class _Parser:
    def __init__(self, text: str, schema: Mapping[str, ObjectType], now: datetime):
        self.text, self.schema, self.now = text, schema, now
        self.tokens = self._tokens(text)
        self.position = 0
        self.parameters: list[Any] = []

    @staticmethod
    def _tokens(text: str) -> list[tuple[str, str]]:
        tokens, position = [], 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise malformed(f"unexpected token: '{text[position : position + 20].strip()}'")
            tokens.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
            position = match.end()
        return tokens

    # token helpers
    def peek(self) -> str:
        return self.tokens[self.position][1] if self.position < len(self.tokens) else ""

    def kind(self) -> str:
        return self.tokens[self.position][0] if self.position < len(self.tokens) else ""

    def take(self) -> str:
        if self.position >= len(self.tokens):
            raise malformed("unexpected token: '<EOF>'")
        token = self.tokens[self.position][1]
        self.position += 1
        return token

    def accept(self, *words: str) -> bool:
        end = self.position + len(words)
        upcoming = [token.upper() for _, token in self.tokens[self.position : end]]
        if upcoming == [word.upper() for word in words]:
            self.position = end
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise malformed(f"expecting '{word}', found '{self.peek() or '<EOF>'}'")

    # grammar
    def query(self) -> Query:
        self.expect("SELECT")
        selected = self._selected_names()
        self.expect("FROM")
        name = self.take()
        object_type = next(
            (o for key, o in self.schema.items() if key.lower() == name.lower()), None
        )
        if object_type is None:
            raise RequestError(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")
        is_count = selected == ["COUNT()"]
        query = Query(object_type, self._columns(object_type, selected, is_count), is_count)
        if self.accept("WHERE"):
            query.where = self._or(object_type)
        query.parameters = self.parameters
        if self.accept("ORDER", "BY"):
            query.order = self._order(object_type)
        if self.accept("LIMIT"):
            query.limit = self._whole_number("LIMIT")
        if self.accept("OFFSET"):
            query.offset = self._whole_number("OFFSET")
        if self.accept("ALL", "ROWS"):
            query.all_rows = True
        if self.position < len(self.tokens):
            raise malformed(f"unexpected token: '{self.peek()}'")
        return query

    def _selected_names(self) -> list[str]:
        names = []
        while True:
            name = self.take()
            if name.upper() in ("COUNT", "FIELDS") and self.accept("("):
                inner = "" if self.peek() == ")" else self.take()
                self.expect(")")
                name = f"{name.upper()}({inner.upper()})"
            names.append(name)
            if not self.accept(","):
                return names

    def _columns(self, object_type: ObjectType, names: list[str], is_count: bool) -> list[Column]:
        if is_count:
            return []
        columns: list[Column] = []
        for name in names:
            if name in ("FIELDS(ALL)", "FIELDS(STANDARD)", "FIELDS(CUSTOM)"):
                wanted = name[7:-1]
                columns += [
                    Column(f)
                    for f in object_type.fields.values()
                    if wanted == "ALL" or f.name.endswith("__c") == (wanted == "CUSTOM")
                ]
            else:
                columns.append(self._column(object_type, name))
        return columns

    def _column(self, object_type: ObjectType, name: str) -> Column:
        head, _, rest = name.partition(".")
        if rest and head.lower() == object_type.name.lower() and "." not in rest:
            head, rest = rest, ""
        if rest:
            link = next(
                (
                    f
                    for f in object_type.fields.values()
                    if f.relationship and f.relationship.lower() == head.lower()
                ),
                None,
            )
            parent = self.schema[link.to[0]] if link else None
            found = parent.field(rest) if parent else None
            if link is None or parent is None or found is None:
                raise self._no_column(object_type, name)
            return Column(found, (str(link.relationship), link.name, parent.name))
        found = object_type.field(head)
        if found is None:
            raise self._no_column(object_type, name)
        return Column(found)

    def _no_column(self, object_type: ObjectType, name: str) -> RequestError:
        return RequestError(
            400,
            "INVALID_FIELD",
            f"\n{self.text}\n^\nERROR at Row:1:Column:1\nNo such column '{name}' on entity "
            f"'{object_type.name}'. If you are attempting to use a custom field, be sure to "
            "append the '__c' after the custom field name. Please reference your WSDL or the "
            "describe call for the appropriate names.",
        )

    def _or(self, object_type: ObjectType) -> str:
        parts = [self._and(object_type)]
        while self.accept("OR"):
            parts.append(self._and(object_type))
        return f"({' or '.join(parts)})"

    def _and(self, object_type: ObjectType) -> str:
        parts = [self._not(object_type)]
        while self.accept("AND"):
            parts.append(self._not(object_type))
        return f"({' and '.join(parts)})"

    def _not(self, object_type: ObjectType) -> str:
        if self.accept("NOT"):
            return f"not {self._not(object_type)}"
        if self.accept("("):
            inner = self._or(object_type)
            self.expect(")")
            return inner
        return self._comparison(object_type)

    def _comparison(self, object_type: ObjectType) -> str:
        if self.kind() != "name":
            raise malformed(f"unexpected token: '{self.peek() or '<EOF>'}'")
        column = self._column(object_type, self.take())
        expression = _sql(column)
        if self.accept("NOT", "IN"):
            return self._membership(column, expression, "not in")
        if self.accept("IN"):
            return self._membership(column, expression, "in")
        if self.accept("LIKE"):
            value = self._literal(column.field)
            self.parameters.append(str(value))
            # SOQL escapes % and _ with a backslash
            return f"({expression} like ? escape '\\')"
        operator = self.take()
        if operator not in ("=", "!=", "<>", "<", "<=", ">", ">="):
            raise malformed(f"unexpected token: '{operator}'")
        value = self._literal(column.field)
        if value is None:
            if operator == "=":
                return f"({expression} is null)"
            if operator in ("!=", "<>"):
                return f"({expression} is not null)"
            raise malformed(f"null cannot be compared with '{operator}'")
        self.parameters.append(value)
        collation = " collate nocase" if isinstance(value, str) else ""
        if operator in ("!=", "<>"):
            return f"({expression} is not ?{collation})"
        return f"({expression} {operator} ?{collation})"

    def _membership(self, column: Column, expression: str, operator: str) -> str:
        self.expect("(")
        if self.peek().upper() == "SELECT":
            raise malformed("sub-queries are not supported by this mock")
        values = [self._literal(column.field)]
        while self.accept(","):
            values.append(self._literal(column.field))
        self.expect(")")
        self.parameters += values
        marks = ", ".join("?" for _ in values)
        return f"({expression} collate nocase {operator} ({marks}))"

    def _order(self, object_type: ObjectType) -> str:
        parts = []
        while True:
            expression = _sql(self._column(object_type, self.take()))
            direction = "desc" if self.accept("DESC") else "asc"
            if direction == "asc":
                self.accept("ASC")
            nulls = "first" if direction == "asc" else "last"
            if self.accept("NULLS", "FIRST"):
                nulls = "first"
            elif self.accept("NULLS", "LAST"):
                nulls = "last"
            parts.append(f"{expression} {direction} nulls {nulls}")
            if not self.accept(","):
                return ", ".join([*parts, "id"])

    def _whole_number(self, clause: str) -> int:
        token = self.take()
        if not token.isdigit():
            raise malformed(f"{clause} expects a whole number, found '{token}'")
        return int(token)

    def _literal(self, column: Field) -> Any:
        kind, token = self.kind(), self.take()
        match kind:
            case "string":
                return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], f"\\{m[1]}"), token[1:-1])
            case "number":
                return float(token) if "." in token else int(token)
            case "datetime":
                text = re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", token.replace("Z", "+00:00"))
                return _comparable(datetime.fromisoformat(text))
            case "date":
                return token
        word = token.upper()
        if word == "NULL":
            return None
        if word in ("TRUE", "FALSE"):
            return int(word == "TRUE")
        today = self.now.astimezone(UTC).date()
        days = {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}
        if word in days:
            return self._day(column, today + timedelta(days=days[word]))
        if word in ("LAST_N_DAYS", "NEXT_N_DAYS"):
            self.expect(":")
            number = self._whole_number(word)
            sign = -1 if word.startswith("LAST") else 1
            return self._day(column, today + timedelta(days=sign * number))
        raise malformed(f"unexpected token: '{token}'")

    @staticmethod
    def _day(column: Field, day: date) -> str:
        return day.isoformat() if column.type == "date" else f"{day.isoformat()}T00:00:00.000"


def _comparable(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def _sql(column: Column) -> str:
    expression = _plain(column.field, "records" if column.parent is None else "parent")
    if column.parent is None:
        return expression
    _, foreign_key, parent_object = column.parent
    return (
        f"(select {expression} from records as parent where parent.object = '{parent_object}' "
        f"and parent.id = json_extract(records.fields, '$.{foreign_key}'))"
    )


def _plain(column: Field, table: str) -> str:
    system = {
        "Id": "id",
        "IsDeleted": "is_deleted",
        "CreatedDate": "substr({t}.created_at, 1, 23)",
        "LastModifiedDate": "substr({t}.updated_at, 1, 23)",
        "SystemModstamp": "substr({t}.updated_at, 1, 23)",
    }.get(column.name)
    if system:
        return system.replace("{t}", table) if "{t}" in system else f"{table}.{system}"
    value = f"json_extract({table}.fields, '$.{column.name}')"
    if column.type == "boolean":
        return f"coalesce({value}, 0)"
    if column.type == "datetime":
        return f"substr({value}, 1, 23)"
    return value
