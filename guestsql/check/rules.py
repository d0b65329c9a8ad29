"""The rules: a code for each, and in a few words what it asks for. Each has a page, docs/rules/CODE.md."""

from __future__ import annotations

__all__ = ["RULES"]

RULES: dict[str, str] = {
    # The file as a text.
    "GS001": "a file can be read",
    "GS002": "strings, comments and quoted names end",
    "GS003": "the name line and the lines of the parameters are well formed",
    "GS004": "a query is one statement",
    "GS005": "a name stands once",
    "GS006": "a query's text stands below its name",
    "GS007": "a check: line can be read",
    "GS008": "an exception excepts something",
    # Parameters.
    "GS101": "a parameter is declared",
    "GS102": "a parameter is used",
    "GS103": "a parameter has a type in its comment",
    "GS104": "a parameter is cast",
    "GS105": "a parameter stands outside quotes",
    "GS106": "a parameter has one type under one name",
    "GS107": "a parameter is cast to the type of its comment",
    "GS108": "psql reads a query as the bot does",
    # What the server says.
    "GS201": "the SQL parses",
    "GS202": "the tables exist",
    "GS203": "the columns exist",
    "GS204": "the functions and operators exist",
    "GS205": "the types and other objects exist",
    "GS206": "the server accepts the statement",
    # What is returned.
    "GS301": "columns are named",
    "GS302": "a query for one row cannot return many",
    "GS303": "a query for a count returns no rows",
    "GS304": "a query for rows returns rows",
    "GS305": "a query for a value returns one column",
    "GS306": "a list has a total order",
    "GS307": "a list has a limit",
    "GS308": "a column has its own name",
    # What is done.
    "GS401": "a file of read queries only reads",
    "GS402": "UPDATE and DELETE have a WHERE",
    "GS403": "the clock moves",
    # How it is done.
    "GS501": "a large table is not read whole",
    "GS502": "a hot query costs the same however large the tables are",
}
