from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from penstock.server.clock import SystemIds


def test_integers_are_unique_and_small_enough_for_doubles_from_many_threads() -> None:
    ids = SystemIds()
    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(lambda _: [ids.new_int() for _ in range(5000)], range(4)))
    numbers = [number for batch in batches for number in batch]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < 2**53
    assert all(batch == sorted(batch) for batch in batches)
