"""`guestsql check --against`: git repositories, manifests, formats and exit codes."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from guestsql.errors import QueryFileError
from guestsql.migrate.files import read_migration
from tests.cli.shell import invoke

TABLE = "CREATE TABLE rooms (\n    room_id int PRIMARY KEY,\n    name text NOT NULL,\n    status text\n);\n"
GET = """\
-- name: get_room(room_id)^
-- A room.
--   room_id: int, the room
SELECT
    room_id,
    {columns}
FROM rooms
WHERE room_id = :room_id::int;
"""
OLD = GET.format(columns="name,\n    status")
RENAME = "-- The better word.\nALTER TABLE rooms RENAME COLUMN status TO state;\n"


class Repository:
    """A git repository with one release in a folder of it."""

    def __init__(self, top, folder):
        self.top = top
        self.folder = folder
        for name in ("queries", "migrations"):
            (folder / name).mkdir(parents=True)
        self.write("queries/rooms.sql", OLD)
        self.write("migrations/0001_rooms.sql", TABLE)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commit("first")
        self.git("tag", "v1")

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def commit(self, message):
        self.git("add", "--all")
        self.git("-c", "user.name=Ana Ruiz", "-c", "user.email=ana@example.com", "commit", "--quiet", "-m", message)

    def git(self, *arguments):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        done = subprocess.run(
            ["git", *arguments], cwd=self.top, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout


@pytest.fixture
def repository(tmp_path):
    """A repository in the working directory."""
    return Repository(tmp_path, tmp_path)


@pytest.fixture
def check(server):
    """Run the check in the working directory."""

    def run(*arguments, folder="", **environment):
        return invoke(
            "check",
            f"{folder}queries",
            "--server",
            server.url(),
            *arguments,
            GUESTSQL_MIGRATIONS_DIR=f"{folder}migrations",
            GUESTSQL_PACKAGED="no",
            **environment,
        )

    return run


def test_a_rename_is_shown_at_the_migration_with_the_verdict(repository, check):
    repository.write("migrations/0002_state.sql", RENAME)
    repository.write("queries/rooms.sql", GET.format(columns="name,\n    state"))
    result = check("--against", "v1")
    assert result.exit_code == 1
    assert result.stdout == (
        "migrations/0002_state.sql:2:33: GS701: once this has run, get_room of v1 fails: "
        'column "status" does not exist (v1:queries/rooms.sql:7:5)\n'
        "  |\n"
        "2 | ALTER TABLE rooms RENAME COLUMN status TO state;\n"
        "  |                                 ^^^^^^\n"
        "  = hint: keep the old column: add the new one beside it, fill both by a trigger, and drop the old one in the "
        "next release\n"
        "\n"
        "deploy order against v1: two steps are needed; this deployment runs the migrations first\n"
        "  0002_state.sql\n"
        '    breaks the old get_room: column "status" does not exist\n'
        '    is needed by the new get_room: column "state" does not exist\n'
        "  queries: 1 changed (get_room)\n"
        "  1. this release, expand: for what 0002_state.sql removes or requires, keep the old column: "
        "add the new one beside it, fill both by a trigger, and drop the old one in the next release\n"
        "  2. deploy the code\n"
        "  3. the next release, contract: remove what only the old release used\n"
    )
    assert result.stderr == "check: 1 finding in 1 query\n"


def test_json_keeps_its_shape_and_the_verdict_has_a_file(repository, check, tmp_path):
    repository.write("migrations/0002_state.sql", RENAME)
    repository.write("queries/rooms.sql", GET.format(columns="name"))
    result = check("--against", "v1", "--format", "json", "--verdict", "verdict.json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {
            "file": "migrations/0002_state.sql",
            "line": 2,
            "column": 33,
            "rule": "GS701",
            "message": 'once this has run, get_room of v1 fails: column "status" does not exist '
            "(v1:queries/rooms.sql:7:5)",
            "query": "get_room",
        }
    ]
    assert "deploy order against v1: the code first; this deployment runs the migrations first" in result.stderr
    assert json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8")) == {
        "against": "v1",
        "order": "migrations-first",
        "verdict": "code-first",
        "safe": False,
        "migrations": [
            {
                "file": "migrations/0002_state.sql",
                "breaks": [{"query": "get_room", "reason": 'column "status" does not exist'}],
                "serves": [],
            }
        ],
        "queries": {"added": [], "changed": ["get_room"], "removed": [], "broken": []},
        "steps": ["deploy the code", "when no old process runs, the migrations (0002_state.sql)"],
    }


def test_what_breaks_in_one_order_passes_in_the_other(repository, check):
    repository.write("migrations/0002_state.sql", RENAME)
    repository.write("queries/rooms.sql", GET.format(columns="name"))
    assert check("--against", "v1").exit_code == 1
    assert check("--against", "v1", "--order", "code-first").exit_code == 0


def test_what_is_to_be_looked_at_is_a_warning_and_does_not_fail(repository, check):
    repository.write("migrations/0002_name.sql", "ALTER TABLE rooms ALTER COLUMN name DROP NOT NULL;\n")
    result = check("--against", "v1", "--format", "github")
    assert result.exit_code == 0
    assert result.stdout.startswith("::warning file=migrations/0002_name.sql,line=1,col=32,title=GS754%3A")
    assert result.stderr.endswith("check: 1 query, nothing found, 1 advisory\n")


@pytest.mark.usefixtures("repository")
def test_a_release_that_did_not_change(check):
    result = check("--against", "HEAD", "--format", "json")
    assert (result.exit_code, result.stdout) == (0, "[]\n")
    assert "nothing to order" in result.stderr


def test_the_working_tree_is_compared_and_left_alone(repository, check):
    repository.write("migrations/0002_note.sql", "ALTER TABLE rooms ADD COLUMN note text;\n")
    repository.write("queries/rooms.sql", GET.format(columns="note"))
    before = repository.git("status", "--porcelain")
    result = check("--against", "main")
    assert result.exit_code == 0
    assert "deploy order against main: the migrations first\n" in result.stdout
    assert repository.git("status", "--porcelain") == before


def test_a_release_in_a_folder_of_the_repository(tmp_path, check):
    repository = Repository(tmp_path, tmp_path / "data" / "layer")
    repository.write("migrations/0002_drop.sql", "ALTER TABLE rooms DROP COLUMN status;\n")
    repository.write("queries/rooms.sql", GET.format(columns="name"))
    result = check("--against", "v1", folder="data/layer/")
    assert "(v1:data/layer/queries/rooms.sql:7:5)" in result.stdout


@pytest.mark.usefixtures("repository")
def test_a_hooks_variables_do_not_lead_astray(check, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", "nothing")
    assert check("--against", "v1").exit_code == 0


def _one_line(result):
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("ref", ["v9", "--all", "main:queries", ""])
def test_a_ref_that_git_does_not_know(check, ref):
    assert "git has no commit" in _one_line(check(f"--against={ref}"))


def test_a_folder_that_was_not_there_then(repository, check):
    repository.git("mv", "migrations", "steps")
    repository.commit("moved")
    result = invoke(
        *("check", "queries", "--server", "postgresql://x@127.0.0.1:1/x", "--against", "v1"),
        GUESTSQL_MIGRATIONS_DIR="steps",
        GUESTSQL_PACKAGED="no",
    )
    assert result.exit_code == 4  # the ordinary check comes first
    assert check("--against", "v1").exit_code == 2


def test_no_repository(check, tmp_path):
    for name, text in (("queries/rooms.sql", OLD), ("migrations/0001_rooms.sql", TABLE)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text, encoding="utf-8")
    line = _one_line(check("--against", "main", GIT_CEILING_DIRECTORIES=str(tmp_path.parent)))
    assert "is not in a git repository" in line
    assert "--save-manifest" in line


@pytest.mark.usefixtures("repository")
def test_no_git(check, tmp_path):
    line = _one_line(check("--against", "v1", PATH=str(tmp_path)))
    assert "git is not installed" in line
    assert "--save-manifest" in line


def test_a_manifest_takes_the_place_of_git(repository, check):
    assert check("--save-manifest", "release.json").exit_code == 0
    repository.write("migrations/0002_drop.sql", "ALTER TABLE rooms DROP COLUMN status;\n")
    repository.write("queries/rooms.sql", GET.format(columns="name"))
    result = check("--against", "release.json", PATH="")
    assert result.exit_code == 1
    assert "get_room of release.json fails" in result.stdout
    assert "(release.json:queries/rooms.sql:7:5)" in result.stdout


def test_a_release_with_findings_is_not_saved(repository, check, tmp_path):
    repository.write("queries/rooms.sql", OLD.replace("status", "sttus"))
    assert check("--save-manifest", "release.json").exit_code == 1
    assert not (tmp_path / "release.json").exists()
    assert check("--save-manifest", "no/release.json").exit_code == 1


@pytest.mark.usefixtures("repository")
def test_a_manifest_that_cannot_be_written(check):
    assert "cannot be written" in check("--save-manifest", "no/release.json").stderr


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not a release manifest"),
        ("[]", "is not a release manifest"),
        ('{"format": "guestsql release", "version": 2}', "is a manifest of version 2"),
        ('{"format": "guestsql release", "version": 1, "queries": {}}', "is not a release manifest: queries"),
        (
            '{"format": "guestsql release", "version": 1, "queries": {"a/../b.sql": "x"}, "migrations": {}}',
            "is not a release manifest: queries",
        ),
    ],
    ids=("empty", "a-list", "later", "no-queries", "leads-elsewhere"),
)
def test_a_file_that_is_no_manifest(check, tmp_path, content, said):
    (tmp_path / "release.json").write_text(content, encoding="utf-8")
    assert said in _one_line(check("--against", "release.json"))


@pytest.mark.usefixtures("repository")
def test_a_verdict_needs_an_older_release(check):
    assert "--verdict needs --against" in _one_line(check("--verdict", "verdict.json"))


HISTORY = [
    ("edited", {"0001_rooms.sql": TABLE.replace("status text", "status int")}, ("0001_rooms.sql", 4), "was edited"),
    ("renumbered", {"0001_rooms.sql": None, "0002_rooms.sql": TABLE}, ("0002_rooms.sql", 1), "is renumbered"),
]


@pytest.mark.parametrize(("change", "place", "said"), [case[1:] for case in HISTORY], ids=[case[0] for case in HISTORY])
def test_migrations_are_only_added(repository, check, change, place, said):
    for name, text in change.items():
        if text is None:
            (repository.folder / "migrations" / name).unlink()
        else:
            repository.write(f"migrations/{name}", text)
    if "0001_rooms.sql" in change and change["0001_rooms.sql"] is None:
        repository.write("migrations/0001_other.sql", "CREATE TABLE other (id int PRIMARY KEY);\n")
    result = check("--against", "v1", "--format", "json")
    assert result.exit_code == 1
    found = [each for each in json.loads(result.stdout) if each["rule"] == "GS705"]
    assert (found[0]["file"].rpartition("/")[2], found[0]["line"]) == place
    assert said in found[0]["message"]


def test_a_migration_that_is_gone(repository, check):
    repository.write("migrations/0002_more.sql", "CREATE TABLE more (id int PRIMARY KEY);\n")
    repository.commit("second")
    (repository.folder / "migrations" / "0002_more.sql").unlink()
    result = check("--against", "main")
    assert result.exit_code == 1
    assert result.stdout.startswith("main:migrations/0002_more.sql:1:1: GS705: 0002_more.sql of main is gone\n")


def test_a_migration_below_the_newest(repository, check):
    repository.write("migrations/0003_more.sql", "CREATE TABLE more (id int PRIMARY KEY);\n")
    repository.write("migrations/0002_note.sql", "CREATE TABLE notes (id int PRIMARY KEY);\n")
    repository.commit("second")
    (repository.folder / "migrations" / "0002_note.sql").rename(repository.folder / "migrations" / "0004_note.sql")
    repository.write("migrations/0002_other.sql", "CREATE TABLE other (id int PRIMARY KEY);\n")
    result = check("--against", "main", "--format", "json")
    assert [each["rule"] for each in json.loads(result.stdout)] == ["GS705"]


def test_comments_of_a_migration_may_change(repository, check):
    repository.write("migrations/0001_rooms.sql", "-- Rooms.\n" + TABLE.replace("    ", "\t"))
    assert check("--against", "v1").exit_code == 0


def test_a_migration_may_be_corrected_that_names_its_earlier_text(repository, check):
    earlier = read_migration(repository.folder / "migrations" / "0001_rooms.sql").checksum
    repository.write("migrations/0001_rooms.sql", f"-- replaces: {earlier}\n{TABLE}SELECT 1;\n")
    assert check("--against", "v1").exit_code == 0


def test_an_older_release_that_is_broken_is_reported_and_does_not_fail(repository, check):
    repository.write(
        "queries/rooms.sql",
        OLD
        + "\n"
        + OLD.replace("get_room", "get_broken").replace("status", "stus")
        + "\n-- name: get_unread(\nSELECT 1;\n",
    )
    repository.commit("broken")
    repository.write("queries/rooms.sql", OLD)
    result = check("--against", "main", "--format", "json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert [(each["rule"], each["line"]) for each in found] == [("GS755", 17), ("GS755", 21)]
    assert found[0]["file"] == "main:queries/rooms.sql"


def test_an_older_migration_that_cannot_be_read_is_named_as_git_names_it(repository, check):
    repository.write("migrations/0001_rooms.sql", "CREATE TABLE rooms (id int DEFAULT 'one);\n")
    repository.commit("broken")
    repository.write("migrations/0001_rooms.sql", TABLE)
    result = check("--against", "main")
    assert result.exit_code == 1
    assert "main:migrations/0001_rooms.sql:1:36" in result.stderr


def test_findings_are_shown_though_the_checks_own_files_are_broken(repository, check, monkeypatch):
    def broken(*_):
        raise QueryFileError("the check's own file")

    monkeypatch.setattr("guestsql.cli.check.judge_order", broken)
    assert "the check's own file" in check("--against", "v1").stderr
    repository.write("queries/rooms.sql", OLD.replace("status", "sttus"))
    result = check("--against", "v1")
    assert "GS203" in result.stdout
    assert "deploy order: not judged" in result.stderr


def test_a_file_stands_for_its_folder(repository, server):
    repository.write("migrations/0002_drop.sql", "ALTER TABLE rooms DROP COLUMN status;\n")
    repository.write("queries/rooms.sql", GET.format(columns="name"))
    repository.write("queries/more.sql", OLD.replace("get_room", "get_more").replace("status", "name AS title"))
    result = invoke(
        *("check", "queries/more.sql", "--server", server.url(), "--against", "v1"),
        GUESTSQL_MIGRATIONS_DIR="migrations",
        GUESTSQL_PACKAGED="no",
    )
    assert result.exit_code == 1
    assert "get_room of v1 fails" in result.stdout
