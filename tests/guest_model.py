"""What the methods do to a guest's profile, threads, tokens, context and messages, as a model without a database."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guestsql import CLEAR


def context_of(user_name: str | None, labels: list[str], data: Mapping[str, Any]) -> str:
    """The text of the builder that the test uses."""
    return f"{user_name} {labels} {sorted(data.items())}"


@dataclass
class Guest:
    """A guest; `replaced` has the tokens of each former thread, and `erased` the messages before an erasure."""

    exists: bool = False
    user_name: str | None = None
    labels: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    remembers: bool = True
    thread: str | None = None
    tokens: int = 0
    replaced: dict[str, int] = field(default_factory=dict)
    messages: int = 0
    replies: int = 0
    done: set[str] = field(default_factory=set)
    counted: set[str] = field(default_factory=set)
    spent: dict[tuple[str, str], int] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)

    def copy(self) -> Guest:
        return copy.deepcopy(self)

    def picture(self) -> tuple[Any, ...] | None:
        """What is stored of the guest, as the test reads it; None for none."""
        if not self.exists:
            return None
        return (
            self.user_name, self.labels, self.data, self.remembers, self.thread, self.tokens, self.messages,
            sorted(self.replaced.items()), self.replies,
        )  # fmt: skip

    # Each call returns what its method returns, as far as it is compared.

    def update(self, **given: Any) -> tuple[Any, ...] | None:
        self.exists = True
        if given.get("user_name") is not None:
            self.user_name = None if given["user_name"] is CLEAR else given["user_name"]
        if given.get("labels") is not None:
            self.labels = [] if given["labels"] is CLEAR else list(given["labels"])
        if given.get("profile_data") is not None:
            self.data = {} if given["profile_data"] is CLEAR else self.data | given["profile_data"]
        if given.get("memory_enabled") is not None:
            self.remembers = given["memory_enabled"]
        return self.picture()

    def add_labels(self, labels: list[str]) -> tuple[Any, ...] | None:
        self.exists = True
        self.labels = list(dict.fromkeys([*self.labels, *labels]))
        return self.picture()

    def remove_labels(self, labels: list[str]) -> tuple[Any, ...] | None:
        self.exists = True
        self.labels = [each for each in self.labels if each not in labels]
        return self.picture()

    def set_thread(self, thread: str | None) -> tuple[str | None, int]:
        self.exists = True
        if thread != self.thread:
            if self.thread is not None:
                self.replaced[self.thread] = self.tokens
            self.thread = thread
            self.tokens = 0 if thread is None else self.replaced.pop(thread, 0)
        return self.thread, self.tokens

    def create_thread(self, thread: str) -> tuple[str | None, int]:
        return self.set_thread(self.thread or thread)

    def add_tokens(self, thread: str, tokens: int, message: str | None) -> int:
        if message in self.erased:
            return 0
        if message is not None and (message, thread) in self.spent:
            return max(self.spent[message, thread], self.tokens_of(thread))
        if thread in self.replaced:
            self.replaced[thread] += tokens
        else:
            self.set_thread(thread)
            self.tokens += tokens
        if message is not None:
            self.spent[message, thread] = self.tokens_of(thread)
        return self.tokens_of(thread)

    def tokens_of(self, thread: str) -> int:
        return self.tokens if thread == self.thread else self.replaced.get(thread, 0)

    def record(self, message: str | None) -> None:
        if message in self.erased or message in self.counted:
            return
        self.exists = True
        self.messages += 1
        if message is not None:
            self.counted.add(message)

    def message(self, message: str, thread: str, tokens: int) -> str:
        if message in self.erased:
            return "erased"
        if message in self.done:
            return "done"
        self.done.add(message)
        self.record(message)
        self.exists = True
        self.replies += 1
        if (message, thread) not in self.spent:
            self.add_tokens(thread, tokens, message)
        return "new"

    def context(self) -> str:
        self.exists = True
        return context_of(self.user_name, self.labels, self.data) if self.remembers else ""

    def invalidate(self) -> bool:
        return self.exists

    def forget(self) -> None:
        erased = self.erased | self.done | self.counted | {message for message, _ in self.spent}
        self.__init__(erased=erased)  # type: ignore[misc]
