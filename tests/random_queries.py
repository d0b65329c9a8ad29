"""Random queries over small tables: joins, groups, subqueries, windows and set operations, of columns of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

SCHEMA = """
CREATE TABLE floors (id int PRIMARY KEY, code int UNIQUE, kind int NOT NULL);
CREATE TABLE rooms (id int PRIMARY KEY, floor int NOT NULL, tag int);
CREATE TABLE stays (room int, day int, guest int, PRIMARY KEY (room, day));
CREATE TABLE cards (guest int UNIQUE NULLS NOT DISTINCT, floor int);
CREATE TABLE notes (guest int, text int);
CREATE TABLE doors (id int NOT NULL, room int NOT NULL, is_open boolean NOT NULL);
CREATE UNIQUE INDEX doors_open ON doors (room) WHERE is_open;
CREATE UNIQUE INDEX doors_next ON doors ((id + 1));
CREATE VIEW busy_rooms AS SELECT r.id, r.tag, count(s.day) AS days FROM rooms r LEFT JOIN stays s ON s.room = r.id
GROUP BY r.id, r.tag;
"""
TABLES = {
    "floors": ["id", "code", "kind"],
    "rooms": ["id", "floor", "tag"],
    "stays": ["room", "day", "guest"],
    "cards": ["guest", "floor"],
    "notes": ["guest", "text"],
    "doors": ["id", "room"],
    "busy_rooms": ["id", "tag", "days"],
}
_JOINS = ["INNER JOIN", "INNER JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"]


def data_statements(random: Random) -> list[str]:
    """Statements that fill the tables with few different values, NULL among them."""
    values = ["NULL", "0", "1", "2"]
    statements = [f"TRUNCATE {', '.join(name for name in TABLES if name != 'busy_rooms')}"]
    for name, columns in TABLES.items():
        if name == "busy_rooms":
            continue
        written = [*columns, "is_open"] if name == "doors" else columns
        for _ in range(random.randrange(1, 7)):
            row = [random.choice(values) for _ in columns] + ([random.choice(["TRUE", "FALSE"])] * (name == "doors"))
            row[0] = row[0] if name in ("cards", "notes") or row[0] != "NULL" else "3"
            # What breaks a key, or NOT NULL, is left out.
            statements.append(f"INSERT INTO {name} ({', '.join(written)}) VALUES ({', '.join(row)})")
    return statements


@dataclass
class _Item:
    sql: str
    columns: list[str]


class QueryMaker:
    """Makes queries.

    Args:
        random: the source of chance.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._names = 0

    def query(self) -> tuple[str, list[int]]:
        """Return a query with an order, and the places of the columns that it is ordered by."""
        sql, width = self._select(depth=0)
        places = self._random.sample(range(width), self._random.choice([1, 1, 1, max(width - 1, 1), width]))
        order = ", ".join(str(place + 1) for place in places)
        head = self._with_query() if self._random.random() < 0.15 else ""
        return f"{head}{sql} ORDER BY {order}", places

    def _with_query(self) -> str:
        inner, width = self._select(depth=1)
        return f"WITH unused_query AS ({inner}) " if width else ""

    def _name(self) -> str:
        self._names += 1
        return f"q{self._names}"

    def _select(self, depth: int, outer: list[str] | None = None) -> tuple[str, int]:
        if depth < 2 and self._random.random() < 0.12:
            return self._operation(depth)
        item = self._from(depth)
        columns = [*item.columns, *(outer or [])]
        where = self._where(columns) if self._random.random() < 0.6 else ""
        kind = self._random.random()
        if kind < 0.2:
            return self._grouped(item, where)
        listed = [self._expression(item.columns) for _ in range(self._random.randrange(1, 4))]
        if self._random.random() < 0.12:
            listed.append(
                f"row_number() OVER (PARTITION BY {self._random.choice(item.columns)}"
                f" ORDER BY {self._random.choice(item.columns)})::int"
            )
        head, tail = "SELECT", ""
        if kind < 0.35:
            head = "SELECT DISTINCT"
        elif kind < 0.42 and depth:
            head = f"SELECT DISTINCT ON ({listed[0]})"
        elif kind < 0.5 and depth:
            tail = self._random.choice([" LIMIT 1", " LIMIT 2", f" ORDER BY {listed[0]} FETCH FIRST 1 ROW WITH TIES"])
        return f"{head} {', '.join(listed)} FROM {item.sql}{where}{tail}", len(listed)

    def _grouped(self, item: _Item, where: str) -> tuple[str, int]:
        groups = self._random.sample(item.columns, self._random.randrange(0, min(3, len(item.columns) + 1)))
        listed = [*groups, self._random.choice(["count(*)::int", f"max({self._random.choice(item.columns)})"])]
        listed = self._random.sample(listed, self._random.randrange(1, len(listed) + 1))
        by = f" GROUP BY {', '.join(groups)}" if groups else ""
        if groups and self._random.random() < 0.1:
            by = f" GROUP BY ROLLUP ({', '.join(groups)})"
        having = f" HAVING {groups[0]} = 1" if groups and self._random.random() < 0.2 else ""
        if not groups and not any("(" in each for each in listed):
            listed.append("count(*)::int")
        return f"SELECT {', '.join(listed)} FROM {item.sql}{where}{by}{having}", len(listed)

    def _operation(self, depth: int) -> tuple[str, int]:
        operator = self._random.choice(["UNION", "UNION ALL", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL"])
        sides = []
        for _ in range(2):
            item = self._table()
            where = self._where(item.columns) if self._random.random() < 0.5 else ""
            sides.append((item, where))
        width = self._random.randrange(1, 3)
        written = [
            f"SELECT {', '.join(self._expression(item.columns) for _ in range(width))} FROM {item.sql}{where}"
            for item, where in sides
        ]
        del depth
        return f"({written[0]}) {operator} ({written[1]})", width

    def _from(self, depth: int) -> _Item:
        item = self._item(depth)
        for _ in range(self._random.choice([0, 0, 1, 1, 1, 2])):
            if self._random.random() < 0.12 and depth < 2:
                item = self._lateral(item, depth)
                continue
            other, kind = self._item(depth), self._random.choice(_JOINS)
            on = "" if kind == "CROSS JOIN" else f" ON {self._on(item, other, kind)}"
            item = _Item(f"({item.sql} {kind} {other.sql}{on})", [*item.columns, *other.columns])
        return item

    def _lateral(self, item: _Item, depth: int) -> _Item:
        inner, width = self._select(depth + 1, item.columns)
        name = self._name()
        columns = [f"c{at}" for at in range(width)]
        join = self._random.choice(["CROSS JOIN LATERAL {} AS {}", "LEFT JOIN LATERAL {} AS {} ON TRUE"])
        sql = join.format(f"({inner})", f"{name} ({', '.join(columns)})")
        return _Item(f"({item.sql} {sql})", [*item.columns, *(f"{name}.{each}" for each in columns)])

    def _item(self, depth: int) -> _Item:
        chance = self._random.random()
        if depth < 2 and chance < 0.25:
            inner, width = self._select(depth + 1)
            name = self._name()
            columns = [f"c{at}" for at in range(width)]
            return _Item(f"({inner}) AS {name} ({', '.join(columns)})", [f"{name}.{each}" for each in columns])
        if chance < 0.3:
            name = self._name()
            return _Item(f"generate_series(0, {self._random.randrange(3)}) AS {name} (n)", [f"{name}.n"])
        if chance < 0.33:
            name = self._name()
            return _Item(
                f"(VALUES (1, 2){self._random.choice(['', ', (1, 3)'])}) AS {name} (a, b)", [f"{name}.a", f"{name}.b"]
            )
        return self._table()

    def _table(self) -> _Item:
        table, name = self._random.choice(list(TABLES)), self._name()
        return _Item(f"{table} AS {name}", [f"{name}.{column}" for column in TABLES[table]])

    def _on(self, one: _Item, other: _Item, kind: str) -> str:
        found = [
            f"{self._random.choice(one.columns)} = {self._random.choice(other.columns)}"
            for _ in range(self._random.choice([1, 1, 2]))
        ]
        if kind != "FULL JOIN" and self._random.random() < 0.3:
            found.append(self._condition([*one.columns, *other.columns]))
        return " AND ".join(found)

    def _where(self, columns: list[str]) -> str:
        return " WHERE " + " AND ".join(self._condition(columns) for _ in range(self._random.choice([1, 1, 2, 3])))

    def _condition(self, columns: list[str]) -> str:
        one, other = self._random.choice(columns), self._random.choice(columns)
        return self._random.choice(
            [
                f"{one} = {self._random.randrange(3)}",
                f"{one} = {self._random.randrange(3)}",
                f"{one} = {other}",
                f"{one} IS NOT NULL",
                f"{one} IS NULL",
                f"{one} IN (0, 1)",
                f"{one} > 0",
                f"{one} IS NOT DISTINCT FROM {other}",
                f"{one} IS NOT DISTINCT FROM 1",
                f"{one} = (SELECT max(id) FROM rooms)",
                f"{one} IN (SELECT floor FROM rooms WHERE id = 1)",
                f"({one}, {other}) = (SELECT id, floor FROM rooms WHERE id = 1)",
                f"EXISTS (SELECT FROM notes WHERE notes.guest = {one})",
                f"{one} + 1 = 2",
                f"NOT ({one} = ANY ('{{}}'::int[]))",
            ]
        )

    def _expression(self, columns: list[str]) -> str:
        one, other = self._random.choice(columns), self._random.choice(columns)
        return self._random.choice(
            [one] * 8 + [f"{one} + {other}", f"coalesce({one}, 0)", f"{one}::bigint::int", f"{one} / 2"]
        )
