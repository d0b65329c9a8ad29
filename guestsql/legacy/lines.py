"""Lines of COPY's text format: of records on their way to the staging table, and of guests who need no folding."""

from __future__ import annotations

from guestsql.legacy.copy_text import NULL, bytes_column, text_column
from guestsql.legacy.seen import SeenKeys

__all__ = ["COPY_GUESTS", "COPY_STAGING", "LineMaker"]

_GUEST_COLUMNS = (
    "phone_number",
    "chat_id",
    "user_name",
    "contact_name",
    "labels",
    "thread_id",
    "thread_created_at",
    "first_interaction",
    "last_interaction",
    "created_at",
    "total_interactions",
    "profile_data",
)
_REJECT_COLUMNS = ("pointer", "reason", "byte_offset", "record")
_STAGING_COLUMNS = ("file_number", "place", "recorded_at", *_GUEST_COLUMNS, *_REJECT_COLUMNS)

# The table is new, so its rows can be written as if they had been there for ever: nobody looks at each once more.
COPY_STAGING = f"COPY legacy_staging ({', '.join(_STAGING_COLUMNS)}) FROM STDIN (FREEZE)"
COPY_GUESTS = f"COPY guest_profiles ({', '.join(_GUEST_COLUMNS)}, updated_at) FROM STDIN"

_NO_GUEST = "\t".join([NULL] * (1 + len(_GUEST_COLUMNS)))
_NO_REJECT = "\t".join([NULL] * len(_REJECT_COLUMNS))


class LineMaker:
    """Makes the lines of one file.

    Args:
        number: the file's, from 1.
        seen: remembers the guests of all files; None when every record is to be staged.
        straight: whether a guest not told of before is written as such, and not staged. No file may follow then.

    Attributes:
        guests: lines for `COPY_GUESTS`, for the caller to take out.
    """

    def __init__(self, number: int, seen: SeenKeys | None = None, *, straight: bool = False) -> None:
        self.guests: list[str] = []
        self._number = number
        self._seen = seen
        self._straight = straight

    def record(  # noqa: PLR0917  one of each column
        self,
        place: int,
        key: str,
        at: str,
        names: str,
        labels: str,
        thread: str,
        earliest: str,
        last: str,
        made: str,
        messages: str,
        profile_data: str,
        *,
        is_future: bool = False,
    ) -> str:
        """Return a record's line for `COPY_STAGING`; "" when it is its guest's only one and was added to `guests`.

        Args:
            place: the record's rank among the file's records, from 0.
            key: the guest's.
            at: the record's own time.
            names: `chat_id`, `user_name` and `contact_name`, with tabs between.
            labels: an array.
            thread: `thread_id` and `thread_created_at`, likewise.
            earliest: the first message that is known.
            last: the last one.
            made: the earlier of the two.
            messages: how many.
            profile_data: as the guest's row is to have it.
            is_future: whether one of the times lies in the future, so that the queries must limit it.
        """
        is_first = self._seen is not None and self._seen.add(key)
        if is_first and self._straight and at != NULL and not is_future:
            # As fold_legacy_records and insert_legacy_guests would have made it of this one record.
            self.guests.append(
                f"{key}\t{names}\t{'{}' if labels == NULL else labels}\t{thread}"
                f"\t{NULL if earliest == NULL else made}\t{last}\t{at if made == NULL else made}"
                f"\t{'0' if messages == NULL else messages}\t{profile_data}\t{at}\n"
            )
            return ""
        return (
            f"{self._number}\t{place}\t{at}\t{key}\t{names}\t{labels}\t{thread}\t{earliest}\t{last}\t{made}"
            f"\t{messages}\t{profile_data}\t{_NO_REJECT}\n"
        )

    def reject(self, place: int, pointer: str, reason: str, byte_offset: int | None, written: bytes | None) -> str:
        """Return the line for `COPY_STAGING` of what is no guest.

        Args:
            place: its rank among the file's records, from 0.
            pointer: where it stands.
            reason: why it was rejected.
            byte_offset: where it begins; None when that is not known.
            written: its bytes; None when they are not known, or too many.
        """
        offset = NULL if byte_offset is None else byte_offset
        return (
            f"{self._number}\t{place}\t{_NO_GUEST}\t{text_column(pointer)}\t{text_column(reason)}"
            f"\t{offset}\t{bytes_column(written)}\n"
        )
