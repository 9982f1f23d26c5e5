from __future__ import annotations

import asyncio

from penstock.domain.ids import RunId
from penstock.domain.runs import RunChanged, RunFinished
from penstock.domain.states import RuntimeState
from penstock.server.notifier import LocalNotifier


def changed(number: int) -> RunChanged:
    return RunChanged(RunId("run"), number, RuntimeState.RUNNING)


async def test_a_listener_gets_what_it_wants_in_order() -> None:
    notifier = LocalNotifier()
    with notifier.listen(lambda event: isinstance(event, RunChanged)) as events:
        notifier.publish(changed(1))
        notifier.publish(RunFinished(RunId("run"), RuntimeState.FAILED))
        notifier.publish(changed(2))
        assert [await anext(events), await anext(events)] == [changed(1), changed(2)]


async def test_a_waiting_listener_is_woken() -> None:
    notifier = LocalNotifier()
    with notifier.listen(lambda event: True) as events:
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        notifier.publish(changed(1))
        assert await waiting == changed(1)


async def test_a_lagging_listener_misses_the_oldest() -> None:
    notifier = LocalNotifier()
    with notifier.listen(lambda event: True) as events:
        for number in range(1500):
            notifier.publish(changed(number))
        assert await anext(events) == changed(500)


async def test_closing_ends_every_iteration_after_what_is_left() -> None:
    notifier = LocalNotifier()
    with notifier.listen(lambda event: True) as events:
        notifier.publish(changed(1))
        notifier.close()
        assert [event async for event in events] == [changed(1)]


async def test_a_faulty_listener_does_not_disturb_the_publisher_or_others() -> None:
    notifier = LocalNotifier()
    with notifier.listen(lambda event: 1 / 0), notifier.listen(lambda event: True) as events:  # type: ignore[arg-type,return-value]
        notifier.publish(changed(1))
        assert await anext(events) == changed(1)


async def test_nothing_is_kept_for_a_listener_that_left() -> None:
    notifier = LocalNotifier()
    with notifier.listen(lambda event: True):
        pass
    notifier.publish(changed(1))
    assert not notifier._listeners


async def test_a_listener_gets_what_was_published_since_its_mark() -> None:
    notifier = LocalNotifier()
    notifier.publish(changed(1))
    mark = notifier.mark()
    notifier.publish(changed(2))
    assert notifier.has_since(mark)
    with notifier.listen(lambda event: True, mark) as events:
        notifier.publish(changed(3))
        assert [await anext(events), await anext(events)] == [changed(2), changed(3)]


async def test_marks_of_long_ago_and_of_other_processes_are_not_answered_for() -> None:
    notifier = LocalNotifier()
    mark = notifier.mark()
    for number in range(1001):
        notifier.publish(changed(number))
    assert not notifier.has_since(mark)
    assert notifier.has_since(notifier.mark())
    assert not notifier.has_since("")
    other = LocalNotifier()
    assert not other.has_since(notifier.mark())
    with other.listen(lambda event: True, notifier.mark()) as events:
        other.publish(changed(7))
        assert await anext(events) == changed(7)
