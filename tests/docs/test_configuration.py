from __future__ import annotations

from tests.docs.settings_table import MARK, PAGE, table


def test_every_setting_is_documented_with_its_variable_default_and_meaning() -> None:
    _, _, after = PAGE.read_text().partition(MARK)
    assert after.split("\n", 2)[2] == table()
