from __future__ import annotations

import asyncio

import pytest

from penstock.domain.execution import Resources
from penstock.executors.process.slots import Capacity, Need, Slots, need_of

CAPACITY = Capacity(slots=2, cpus=4, memory_bytes=8 << 30, accelerators=1)


async def test_capacity_is_handed_out_in_order_and_comes_back() -> None:
    slots = Slots(CAPACITY)
    first, second, third = slots.ask(Need()), slots.ask(Need()), slots.ask(Need())
    assert first.granted.done()
    assert second.granted.done()
    assert not third.granted.done()
    assert slots.explain(third) == "waiting for a free slot (all 2 in use)"
    slots.give_back(first)
    assert third.granted.done()


async def test_a_waiting_task_says_what_it_waits_for_and_behind_how_many() -> None:
    slots = Slots(CAPACITY)
    slots.ask(Need(cpus=3))
    slots.ask(Need(cpus=2))
    waiting = slots.ask(Need(cpus=2, memory_bytes=9 << 30))
    assert slots.explain(waiting) == "waiting for 2 CPU (1 free) and 9 GiB of memory (8 GiB free), behind 1 task"


async def test_a_task_that_needs_nothing_passes_one_that_waits_for_cpus() -> None:
    slots = Slots(CAPACITY)
    slots.ask(Need(cpus=4))
    big, small_cpu, nothing = slots.ask(Need(cpus=4)), slots.ask(Need(cpus=0.5)), slots.ask(Need())
    assert not big.granted.done()
    assert not small_cpu.granted.done()
    assert nothing.granted.done()


async def test_leaving_the_queue_lets_the_next_one_go() -> None:
    slots = Slots(CAPACITY)
    slots.ask(Need(cpus=3))
    big, small = slots.ask(Need(cpus=4)), slots.ask(Need(cpus=1))
    slots.give_back(big)
    assert small.granted.done()


async def test_a_canceled_wait_is_never_granted() -> None:
    slots = Slots(Capacity(1, 1, 1))
    first, second, third = slots.ask(Need()), slots.ask(Need()), slots.ask(Need())
    second.granted.cancel()
    slots.give_back(first)
    slots.give_back(second)
    assert third.granted.done()
    slots.give_back(third)
    assert slots.ask(Need()).granted.done()


async def test_nothing_leaks_over_many_tasks() -> None:
    slots = Slots(CAPACITY)

    async def work(number: int) -> None:
        waiting = slots.ask(Need(cpus=number % 5 * 0.7, memory_bytes=number % 3 << 30, accelerators=number % 2))
        try:
            await waiting.granted
            await asyncio.sleep(0)
        finally:
            slots.give_back(waiting)

    tasks = [asyncio.create_task(work(number)) for number in range(200)]
    for task in tasks[::7]:
        asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.gather(*tasks, return_exceptions=True)
    everything = slots.ask(Need(4, 8 << 30, 1))
    assert everything.granted.done()


@pytest.mark.parametrize(
    ("resources", "need", "warnings"),
    [
        (Resources(), Need(), 0),
        (Resources(cpu_request=1.5, cpu_limit=3), Need(cpus=1.5), 0),
        (Resources(cpu_limit=2, memory_limit_bytes=1 << 30), Need(cpus=2, memory_bytes=1 << 30), 0),
        (Resources(cpu_request=64, memory_request_bytes=1 << 40), Need(cpus=4, memory_bytes=8 << 30), 2),
        (Resources(accelerator_type="nvidia.com/gpu", accelerator_count=4), Need(accelerators=1), 1),
    ],
)
def test_requests_larger_than_the_machine_are_cut_down_with_a_warning(resources: Resources, need: Need, warnings: int) -> None:
    got, said = need_of(resources, CAPACITY)
    assert got == need
    assert len(said) == warnings
