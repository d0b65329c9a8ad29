"""`database.queries` of a `GuestDatabase`: the packaged queries, which type checkers know by name."""

from __future__ import annotations

from guestsql.guests._async.methods import AsyncQueryMethods
from guestsql.sql._async.queries import AsyncQueries

__all__ = ["AsyncGuestQueries"]


class AsyncGuestQueries(AsyncQueryMethods, AsyncQueries):
    """The queries of a guest database: `queries.get_profile(phone_number="573000000001")`.

    Rows are classes of `guestsql.guests.query_rows`. The packaged queries take any id of a guest in its
    canonical spelling (`guestsql.guests.identity.canonical_user_id`): no other spelling is known here. For what a
    method takes, returns and raises see `guestsql.sql`'s `AsyncQueries`.
    """
