"""One file in two versions: rows by key, whole rows, lines, pictures."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.web.comparisons.files import MAX_SHOWN, RowDiff, compare_previews, compare_tables
from penstock.web.previews.content import Preview
from penstock.web.previews.tables import table_of


def rows_of(columns: str, old: Sequence[str], new: Sequence[str]) -> RowDiff:
    names = columns.split()
    return compare_tables(*(table_of(names, [line.split() for line in side]) for side in (old, new)))


def test_rows_are_told_apart_by_the_first_column_that_names_them() -> None:
    found = rows_of("group id x", ["a 1 5", "a 2 6", "b 3 7"], ["a 2 6", "b 3 8", "b 4 9"])
    assert (found.key, found.added, found.removed, found.changed, found.same) == ("id", 1, 1, 1, 1)
    assert [(row.change, list(row.cells)[-1]) for row in found.rows] == [("changed", ("7", "8")), ("added", ("9", "9")), ("removed", ("5", "5"))]


def test_rows_that_nothing_names_are_compared_whole_and_counted() -> None:
    found = rows_of("a b", ["x 1", "x 1", "y 1"], ["x 1", "y 1", "y 1", "z 2"])
    assert (found.key, found.added, found.removed, found.changed, found.same) == ("", 2, 1, 0, 2)


def test_a_column_that_came_makes_no_row_a_changed_one() -> None:
    old, new = table_of(["id", "gone"], [["1", "g"], ["2", "h"]]), table_of(["id", "x"], [["1", "a"], ["2", "b"]])
    found = compare_tables(old, new)
    assert (found.same, found.changed, list(found.new_columns), list(found.old_columns)) == (2, 0, ["x"], ["gone"])
    assert list(found.columns) == ["id", "x", "gone"]


def test_a_changed_row_keeps_what_only_one_table_says_of_it() -> None:
    old, new = table_of(["id", "x", "gone"], [["1", "a", "g"], ["2", "b", "h"]]), table_of(["id", "x"], [["1", "A"], ["2", "b"]])
    (row,) = compare_tables(old, new).rows
    assert list(row.cells) == [("1", "1"), ("a", "A"), ("g", "g")]


def test_only_the_first_rows_that_differ_are_listed_and_all_are_counted() -> None:
    names = [f"{number} a" for number in range(MAX_SHOWN + 50)]
    found = rows_of("id x", names[:1], names)
    assert found.added == MAX_SHOWN - 1
    assert len(found.rows) == MAX_SHOWN - 1


def test_texts_pictures_and_other_files_are_compared_as_what_they_are() -> None:
    text = compare_previews("a.txt", Preview("text", text="one\ntwo"), Preview("text", text="one\nthree", is_cut=True))
    assert (text.kind, text.is_cut) == ("text", True)
    assert [line for block in text.blocks for line in block.lines] == [(" ", "one"), ("-", "two"), ("+", "three")]
    assert compare_previews("a.png", Preview("image"), Preview("image")).kind == "image"
    assert compare_previews("a", Preview("image"), Preview("pickle")).kind == "other"
