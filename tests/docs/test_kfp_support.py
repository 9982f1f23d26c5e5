from __future__ import annotations

import ast

from tests.conformance.programs import SDK_VERSIONS, all_programs
from tests.docs.kfp_table import END, MARK, PAGE, table


def test_the_table_of_the_language_is_that_of_the_conformance_programs() -> None:
    _, _, after = PAGE.read_text().partition(MARK)
    assert after.partition(END)[0].split("\n", 2)[2] == f"{table()}\n"


def test_every_program_says_what_it_shows_and_runs_with_a_known_sdk() -> None:
    for program in all_programs():
        assert ast.get_docstring(ast.parse(program.path.read_text(encoding="utf-8"))), program.name
        assert program.sdks, program.name
        assert set(program.sdks) <= set(SDK_VERSIONS), program.name
