"""The rules: a code for each, and in a few words what it asks for. Each has a page, docs/rules/CODE.md."""

from __future__ import annotations

from pathlib import Path

__all__ = ["RULES", "is_advisory", "read_page"]

RULES: dict[str, str] = {
    # The file as a text.
    "GS001": "a file can be read",
    "GS002": "strings, comments and quoted names end",
    "GS003": "the name line and the lines of the parameters are well formed",
    "GS004": "a query is one statement",
    "GS005": "a name is unique",
    "GS006": "a query's comments are below its name",
    "GS007": "a mark can be read",
    "GS008": "a suppression is used",
    "GS009": "an override states which packaged query it replaces, as it is now",
    "GS010": "an override can replace its packaged query",
    # Parameters.
    "GS101": "a parameter is declared",
    "GS102": "a parameter is used",
    "GS103": "a parameter has a type in its comment",
    "GS104": "a parameter is cast",
    "GS105": "a parameter is outside quotes",
    "GS106": "a parameter has one type under one name",
    "GS107": "a parameter is cast to the type of its comment",
    "GS108": "psql reads a query as the bot does",
    "GS109": "a default is of its parameter's type",
    # The server's answer.
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
    "GS403": "the current time is statement_timestamp()",
    "GS404": "a query leaves its connection as it was",
    "GS405": "COPY transfers no rows through the program",
    # How it is done.
    "GS501": "a large table is not read whole",
    "GS502": "a hot query costs the same however large the tables are",
    "GS503": "a routed query finds its rows by the guest's key",
    "GS504": "a routed query that writes calls no volatile function",
    # What the stubs have promised.
    "GS601": "a column matches the stubs",
    "GS602": "a parameter matches the stubs",
    "GS603": "a query exists and returns what the stubs promise",
    # The deploy order, with --against.
    "GS701": "the older queries run on the newer schema",
    "GS702": "the older queries take and return the same on the newer schema",
    "GS703": "the older queries fill what the newer schema requires",
    "GS704": "the newer queries run on the older schema",
    "GS705": "the migrations of an older release stay as they are",
    # What only a reader can decide: it does not fail the check.
    "GS751": "what is written fits the constraints of the other schema",
    "GS752": "what is written fits the types of the other schema",
    "GS753": "triggers, functions and rights are those of the other schema",
    "GS754": "what was never NULL is never NULL",
    "GS755": "the older queries run on the older schema",
    # What is stored about a person.
    "GS801": "export, erasure and merging cover a table that holds guests' keys",
    "GS802": "a segment lists people through the view that requires consent",
    # How a query looks as a page.
    "GS901": "a chart suits the columns of its query",
    "GS902": "charts and choices do not show who a guest is",
    "GS903": "choices come from a query of rows that needs no values",
    "GS904": "a query on a dashboard needs no values",
    "GS905": "a mark has an effect on its query",
}


def is_advisory(code: str) -> bool:
    """Return True if a rule's findings are for a reader, and do not fail the check."""
    return code.startswith("GS75")


def read_page(code: str) -> str:
    """Return the page of a rule, as Markdown.

    Args:
        code: a key of `RULES`.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "rules"
    folder = installed if installed.is_dir() else package.parent / "docs" / "rules"
    return (folder / f"{code}.md").read_text(encoding="utf-8")
