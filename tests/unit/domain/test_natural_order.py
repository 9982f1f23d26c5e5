from penstock.domain.natural_order import natural_key


def test_numbers_within_names_count_as_numbers_whatever_their_length() -> None:
    names = ["rank2", "rank10", "rank", f"rank{'9' * 5000}", "rank011", "a1b2", "a1b10"]
    assert sorted(names, key=natural_key) == ["a1b2", "a1b10", "rank", "rank2", "rank10", "rank011", f"rank{'9' * 5000}"]
