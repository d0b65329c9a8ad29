"""mypy --strict and pyright reject what the stubs do not know, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from guestsql.check.infer import PythonColumn, PythonParameter, PythonSignature
from guestsql.sql import Operator
from guestsql.stubs import Target, drift_of, is_fresh, read_committed, write

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
AWKWARD = [
    PythonSignature(
        "list",
        Operator.ROWS,
        (
            PythonParameter("class_name", "str", doc=r'a "name", C:\new'),
            PythonParameter("int", "int | None", "None", doc="a number; NULL is none"),
        ),
        (
            PythonColumn("count", "int"),
            PythonColumn("index", "str | None"),
            PythonColumn("list", "list[int | None]"),
            PythonColumn("int", "float"),
            PythonColumn("class_", '_typing.Literal["glad", "it\'s"]'),
            PythonColumn("datetime", "_typing.Any", note="a row may hold anything"),
        ),
        'Says """nothing""" of C:\\new\\table. Ends with "quotes"',
    ),
    PythonSignature("str", Operator.VALUE, (), (PythonColumn("labels", "list[str]"),), "Labels.", is_sure=True),
    PythonSignature("touch", Operator.COUNT, (PythonParameter("when", "_datetime.datetime", "..."),), (), ""),
    PythonSignature(
        "get_thread",
        Operator.ROW,
        (PythonParameter("phone_number", "str"),),
        (PythonColumn("thread_id", "str | None"), PythonColumn("floor", "int | None")),
        "Overrides a packaged query.",
    ),
    PythonSignature(
        "list_", Operator.ROW, (), (PythonColumn("when", "_datetime.datetime | None"),), "Names that meet."
    ),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the package that `guestsql stubs --out hotel_queries` writes, and two bots."""
    folder = tmp_path_factory.mktemp("project")
    write(Target(folder / "hotel_queries", overridden=frozenset({"get_thread"})), AWKWARD, "0" * 64)
    write(Target(folder / "my_queries", packaged=False), AWKWARD, "0" * 64)
    for name in ("typed_bot.py", "typed_folder.py", "typed_library.py"):
        (folder / name).write_text((HERE / name).read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def _wanted(project):
    return {
        (path.name, number)
        for path in project.glob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if line.endswith("  # error")
    }


def test_the_bots_make_enough_mistakes(project):
    assert len(_wanted(project)) >= 20


@pytest.mark.once
def test_mypy_rejects_the_marked_lines_and_no_other(project):
    command = [sys.executable, "-m", "mypy", "--strict", "--output=json", "--cache-dir=.cache", "."]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    errors = {(Path(each["file"]).name, each["line"]) for each in found if each["severity"] == "error"}
    assert errors == _wanted(project), done.stdout


@pytest.mark.once
def test_pyright_rejects_the_marked_lines_and_no_other(project):
    (project / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict", "pythonVersion": "3.11"}')
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "."]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["generalDiagnostics"]
    errors = {
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1) for each in found if each["severity"] == "error"
    }
    # Strict pyright has more to say of a line whose types it does not know.
    assert errors == _wanted(project), done.stdout


def test_the_package_can_be_imported_and_makes_its_rows(project):
    source = (
        "import pickle, typing, hotel_queries, guestsql\n"
        "from guestsql.sql.row_classes import row_type\n"
        "from hotel_queries import rows\n"
        "assert hotel_queries.GuestDatabase is guestsql.GuestDatabase\n"
        "names = [b'count', b'index?', b'list', b'int', b'class', b'datetime']\n"
        "row = row_type('list', names)._make(range(6))\n"
        "assert type(row) is rows.ListRow and row.class_ == 4, row\n"
        "assert pickle.loads(pickle.dumps(row)) == row\n"
        "assert typing.get_type_hints(rows.ListRow)['index'] == str | None\n"
        "assert dir(rows) == ['GetThreadRow', 'ListRow', 'ListRow2'], dir(rows)\n"
        "import my_queries\n"
        "assert my_queries.Database is guestsql.Database\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_was_written_is_read_back(project):
    target = Target(project / "hotel_queries", overridden=frozenset({"get_thread"}))
    committed = read_committed(target)
    assert list(committed) == ["get_thread", "list", "list_", "str", "touch"]
    assert committed["list"].columns["list"] == "list[int | None]"
    assert committed["list"].parameters == {"class_name": ("str", False), "int": ("int | None", True)}
    assert committed["touch"].returned == "int"
    assert drift_of(target, AWKWARD) == []
    assert is_fresh(target, "0" * 64)
    assert not is_fresh(target, "1" * 64)


def test_writing_again_writes_nothing(project):
    assert write(Target(project / "hotel_queries", overridden=frozenset({"get_thread"})), AWKWARD, "0" * 64) == []


def test_an_edited_stub_is_not_fresh(tmp_path):
    target = Target(tmp_path / "made")
    write(target, AWKWARD, "0" * 64)
    path = tmp_path / "made" / "rows.pyi"
    path.write_text(path.read_text(encoding="utf-8").replace("int: float", "int: str"), encoding="utf-8")
    assert not is_fresh(target, "0" * 64)
    (drift,) = drift_of(target, AWKWARD)
    assert drift.file == path
    assert any("int: str" in line for line in drift.lines)


def test_both_twins_have_the_same_methods():
    texts = [
        (ROOT / "guestsql" / "guests" / room / "methods.pyi").read_text(encoding="utf-8")
        for room in ("_async", "_sync")
    ]
    names = [
        [line.split("def ")[1].split("(")[0] for line in text.splitlines() if "def " in line[:14]] for text in texts
    ]
    assert names[0] == names[1]
    assert len(names[0]) > 50
