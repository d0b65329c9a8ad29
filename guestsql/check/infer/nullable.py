"""Which columns of a query can be NULL.

The rule is the cautious one: what is not known to be a value may be NULL. Aside from that, everything that PostgreSQL's
analysis shows is followed: into tables, views, subqueries and WITH queries, through joins and set operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from guestsql.check.infer import joins
from guestsql.check.infer.arrays import ANY_DEPTH, common_depth, constant_bytes
from guestsql.check.infer.expressions import judge
from guestsql.check.infer.known import Rule, rule_of
from guestsql.check.infer.nodes import TreeNode
from guestsql.check.infer.scope import DELETE, INSERT, MERGE, NOTHING, UNKNOWN, UPDATE, Known, Nullness, Scope

__all__ = ["column", "columns", "nullness"]

_RELATION, _SUBQUERY, _JOIN, _FUNCTION, _VALUES, _CTE, _GROUP = "0", "1", "2", "3", "5", "6", "9"
_UNION, _INTERSECT = "1", "2"
_OLD, _NEW = "1", "2"


def columns(scope: Scope) -> list[Nullness]:
    """Return what is known about each column that a query returns.

    Args:
        scope: the query.
    """
    known, key = scope.known, id(scope.query)
    if key in known.found:
        return known.found[key]
    # In their order, each after those that it mentions: from the end, a long chain would be as deep a recursion.
    for entry in scope.query.nodes("cteList"):
        if not entry.flag("cterecursive"):
            _with_columns(scope, entry)
    operation = scope.query.node("setOperations")
    if operation is not None:
        found = [_set_column(scope, operation, number) for number in range(1, len(scope.outputs) + 1)]
    else:
        found = [nullness(scope, expression) for expression in scope.outputs]
    if not known.assumed:  # what depends on an assumption may not last
        known.found[key] = found
    return found


def nullness(scope: Scope, expression: TreeNode) -> Nullness:
    """Return what is known about an expression in a query.

    Args:
        scope: the query.
        expression: any expression's node.
    """
    if expression.tag == "VAR":
        return _variable(scope, expression)
    found = judge(scope, expression, nullness, columns)
    is_left_out = scope.has_grouping_sets and expression.tag != "CONST" and expression.key() in scope.group_keys
    return replace(found, itself=True) if is_left_out else found


def column(scope: Scope, number: int) -> Nullness:
    """Return what is known about a column that a query returns.

    Args:
        scope: the query.
        number: 1 or more.
    """
    found = columns(scope)
    return found[number - 1] if 0 < number <= len(found) else UNKNOWN


def _set_column(scope: Scope, node: TreeNode, number: int) -> Nullness:
    if node.tag != "SETOPERATIONSTMT":
        entry = scope.entry(node.number("rtindex"))
        query = None if entry is None else entry.node("subquery")
        return UNKNOWN if query is None else column(scope.inner(query), number)
    left, right = node.node("larg"), node.node("rarg")
    if left is None or right is None:
        return UNKNOWN
    first = _set_column(scope, left, number)
    if node.text("op") == _UNION:
        return first | _set_column(scope, right, number)
    if node.text("op") == _INTERSECT:
        second = _set_column(scope, right, number)
        depth = common_depth((first.depth, second.depth))
        return Nullness(first.itself and second.itself, first.within and second.within, depth)
    return first


def _variable(scope: Scope, variable: TreeNode) -> Nullness:
    at = scope.up(variable.number("varlevelsup"))
    if at is None:
        return UNKNOWN
    number, attribute = variable.number("varno"), variable.number("varattno")
    entry = at.entry(number)
    if entry is None:
        return UNKNOWN
    found = _of_entry(at, number, entry, attribute)
    if at.has_grouping_sets or not _is_whole(at, number, variable):
        return replace(found, itself=True)
    # An UPDATE returns the new row, to which its conditions do not apply.
    is_new = number == at.query.number("resultRelation") and at.command in (INSERT, UPDATE, MERGE)
    if (number, attribute) in at.joins.forced and not is_new:
        return replace(found, itself=False)
    return replace(found, itself=True) if at.joins.nulled.get(number) else found


def _is_whole(scope: Scope, number: int, variable: TreeNode) -> bool:
    """Return True if a row exists for a column wherever RETURNING gives it."""
    command, target = scope.command, scope.query.number("resultRelation")
    if command == MERGE and number != target:
        return False
    if number == target and command in (UPDATE, INSERT, DELETE, MERGE):
        relation = scope.relation(number)
        if relation is None or not relation.is_table:
            return False
        version = variable.text("varreturningtype")
        if version in (_OLD, _NEW):
            return command == UPDATE or (command, version) in ((INSERT, _NEW), (DELETE, _OLD))
    return True


def _of_entry(scope: Scope, number: int, entry: TreeNode, attribute: int) -> Nullness:
    """Return the nullness of a column of a range table entry, before the joins above it."""
    judges: dict[str, Callable[[], Nullness]] = {
        _RELATION: lambda: _of_relation(scope, entry, attribute),
        _SUBQUERY: lambda: _of_subquery(scope, entry, attribute),
        _JOIN: lambda: _of_join(scope, entry, attribute, number),
        _FUNCTION: lambda: _of_function(scope, entry, attribute),
        _VALUES: lambda: _of_values(scope, entry, attribute),
        _CTE: lambda: _of_with(scope, entry, attribute),
        _GROUP: lambda: _of_group(scope, entry, attribute),
    }
    found = judges.get(entry.text("rtekind"))
    if found is None:
        return UNKNOWN
    if attribute == 0:  # the row as a whole
        return Nullness(itself=False)
    return found()


def _of_relation(scope: Scope, entry: TreeNode, attribute: int) -> Nullness:
    oid = entry.number("relid")
    relation = scope.known.facts.relations.get(oid)
    if relation is None:
        return UNKNOWN
    if relation.view is not None:
        found = _of_view(scope.known, oid, relation.view)
        return found[attribute - 1] if 0 < attribute <= len(found) else UNKNOWN
    if attribute < 0:
        return Nullness(itself=relation.kind not in ("r", "p"))
    within = not any(_forbids_null(check, scope) for check in scope.known.facts.array_checks.get((oid, attribute), ()))
    depth = ANY_DEPTH if (oid, attribute) in scope.known.facts.nested else 1
    return Nullness((oid, attribute) not in scope.known.facts.required, within, depth)


def _of_view(known: Known, oid: int, query: TreeNode) -> list[Nullness]:
    if oid not in known.views:
        known.views[oid] = []  # a view cannot select from itself; this guards against it all the same
        known.views[oid] = columns(Scope(query, Known(known.facts, frozenset(), views=known.views)))
    return known.views[oid]


def _forbids_null(check: TreeNode, scope: Scope) -> bool:
    """Return True if a check that is not false implies that an array has no NULL element."""
    if check.tag == "BOOLEXPR" and check.text("boolop") in ("and", "or"):
        each = [_forbids_null(argument, scope) for argument in check.nodes("args")]
        return any(each) if check.text("boolop") == "and" else all(each)
    if check.tag == "OPEXPR":
        operator = scope.known.facts.operators.get(check.number("opno"))
        sides = [_cast_of(scope, argument) or argument for argument in check.nodes("args")]
        return operator == "=" and {side.tag for side in sides} == {"VAR", "CONST"} and any(map(_is_empty_array, sides))
    argument = check.node("arg")
    if check.tag != "NULLTEST" or check.text("nulltesttype") != "0" or argument is None:
        return False
    function = scope.known.facts.functions.get(argument.number("funcid"))
    arguments = argument.nodes("args")
    is_position = argument.tag == "FUNCEXPR" and function is not None and function.name == "array_position"
    # A third argument would be the start.
    return is_position and [each.tag for each in arguments] == ["VAR", "CONST"] and arguments[1].flag("constisnull")


def _is_empty_array(node: TreeNode) -> bool:
    """Return True if a constant is an array without dimensions: four bytes of length, then four of zero."""
    return constant_bytes(node)[:4] == bytes(4)


def _of_subquery(scope: Scope, entry: TreeNode, attribute: int) -> Nullness:
    query = entry.node("subquery")
    return UNKNOWN if query is None else column(scope.inner(query), attribute)


def _of_join(scope: Scope, entry: TreeNode, attribute: int, number: int) -> Nullness:
    aliases = entry.items("joinaliasvars")
    alias = aliases[attribute - 1] if 0 < attribute <= len(aliases) else None
    if not isinstance(alias, TreeNode):
        return UNKNOWN
    if entry.text("jointype") == joins.FULL and alias.tag == "COALESCEEXPR":
        # One of the two sides is there, so both columns must be values where their own side is.
        sides = [_beside(scope, side, number) for side in alias.nodes("args")]
        depth = common_depth(side.depth for side in sides)
        return Nullness(any(side.itself for side in sides), any(side.within for side in sides), depth)
    return nullness(scope, alias)


def _beside(scope: Scope, node: TreeNode, join: int) -> Nullness:
    """Return the nullness of a side's column when the join itself does not make it NULL."""
    inner = node
    while (argument := _cast_of(scope, inner)) is not None:
        inner = argument
    entry = scope.entry(inner.number("varno"))
    if inner.tag != "VAR" or entry is None or inner.number("varlevelsup"):
        return UNKNOWN
    number, attribute = inner.number("varno"), inner.number("varattno")
    found = _of_entry(scope, number, entry, attribute)
    others = scope.joins.nulled.get(number, frozenset()) - {join}
    return replace(found, itself=True) if others else found


def _cast_of(scope: Scope, node: TreeNode) -> TreeNode | None:
    """Return the argument of a cast that returns a value for every value."""
    if node.tag in ("RELABELTYPE", "COLLATEEXPR", "COERCEVIAIO"):
        return node.node("arg")
    function = scope.known.facts.functions.get(node.number("funcid"))
    arguments = node.nodes("args")
    is_cast = node.tag == "FUNCEXPR" and function is not None and rule_of(function) is Rule.ALL and len(arguments) == 1
    return arguments[0] if is_cast else None


def _of_function(scope: Scope, entry: TreeNode, attribute: int) -> Nullness:
    functions = entry.nodes("functions")
    counts = [function.number("funccolcount") for function in functions]
    if entry.flag("funcordinality") and attribute == sum(counts) + 1:
        return Nullness(itself=False)
    expression = functions[0].node("funcexpr") if len(functions) == 1 and counts == [1] else None
    return UNKNOWN if expression is None else judge(scope, expression, nullness, columns, is_alone=True)


def _of_values(scope: Scope, entry: TreeNode, attribute: int) -> Nullness:
    found = NOTHING
    for row in entry.items("values_lists"):
        values = [value for value in row if isinstance(value, TreeNode)] if isinstance(row, list) else []  # pyright: ignore[reportUnknownVariableType]  a list of nodes
        found |= nullness(scope, values[attribute - 1]) if 0 < attribute <= len(values) else UNKNOWN
    return found


def _of_group(scope: Scope, entry: TreeNode, attribute: int) -> Nullness:
    expressions = entry.nodes("groupexprs")
    return nullness(scope, expressions[attribute - 1]) if 0 < attribute <= len(expressions) else UNKNOWN


def _of_with(scope: Scope, entry: TreeNode, attribute: int) -> Nullness:
    at = scope.up(entry.number("ctelevelsup"))
    found = None if at is None else at.with_query(entry.text("ctename"))
    if at is None or found is None:
        return UNKNOWN
    listed = _with_columns(at, found)
    return listed[attribute - 1] if 0 < attribute <= len(listed) else UNKNOWN


def _with_columns(scope: Scope, entry: TreeNode) -> list[Nullness]:
    """The columns of a WITH query. One that calls itself is judged until nothing more turns out to be NULL."""
    known, key = scope.known, id(entry)
    if key in known.assumed:
        return known.assumed[key]
    query = entry.node("ctequery")
    if query is None:
        return []
    inner = scope.inner(query)
    if not entry.flag("cterecursive"):
        # Nothing is assumed, so what is found lasts: else a chain of them would be judged anew for each mention.
        return columns(inner)
    if id(query) in known.found:
        return known.found[id(query)]
    known.assumed[key] = [NOTHING] * len(inner.outputs)
    while (found := columns(inner)) != known.assumed[key]:
        known.assumed[key] = found
    del known.assumed[key]
    if not known.assumed:
        known.found[id(query)] = found
    return found
