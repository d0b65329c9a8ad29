"""The hash of an erased id: which key makes it, who recognises it, and that the key is never shown."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from guestsql import Settings
from guestsql.errors import SettingsError
from guestsql.guests.erasure import ErasureKey

OLD, NEW = "o" * 32, "n" * 32
PHONE, SALT = "573000000001", b"salt"


def test_without_a_key_the_salt_of_the_database_is_used():
    key = ErasureKey(None)
    assert key.hash(PHONE, SALT) == hashlib.sha256(SALT + PHONE.encode()).digest()
    assert (key.keyed(PHONE), key.candidates(PHONE, SALT), key.key_id) == ([], [key.hash(PHONE, SALT)], None)


def test_the_newest_key_hashes_and_every_key_recognises():
    before, after = ErasureKey(OLD), ErasureKey(f"{NEW}, {OLD}")
    assert before.hash(PHONE, SALT) == hmac.digest(OLD.encode(), b"guestsql id 573000000001", "sha256")
    assert after.hash(PHONE, SALT) != before.hash(PHONE, SALT)
    known = {key.hash(PHONE, SALT) for key in (ErasureKey(None), before, after)}
    assert known == set(after.candidates(PHONE, SALT))
    assert after.key_ids == [after.key_id, before.key_id]


def test_the_key_is_in_no_repr_and_no_error():
    settings = Settings.from_env({"GUESTSQL_ERASURE_KEY": f"{NEW},{OLD}"})
    shown = repr(settings) + repr(ErasureKey(settings.erasure_key)) + str(ErasureKey(NEW).key_ids)
    assert NEW not in shown
    for short in ("short-secret", f"{NEW},short-secret", f"{NEW},"):
        with pytest.raises(SettingsError, match=r"GUESTSQL_ERASURE_KEY.*at least 32 characters") as raised:
            Settings.from_env({"GUESTSQL_ERASURE_KEY": short})
        assert "secret" not in str(raised.value)
        assert raised.value.__cause__ is None
