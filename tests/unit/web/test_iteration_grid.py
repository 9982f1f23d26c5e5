"""Iterations of loops by their parameters."""

from __future__ import annotations

from typing import Any

from penstock.domain.expr import Const, ScopeInput
from penstock.domain.plan import Iteration
from penstock.interfaces.pages import IterationItem
from penstock.web.graphs.iteration_grid import LoopName, iteration_grid, loop_names
from tests.support.plans import graph, plan, task


def item(path: str, parameters: dict[str, Any], state: str = "SUCCEEDED", seconds: float | None = 1.0, **numbers: float) -> IterationItem:
    return IterationItem(path, path, int(path[path.rindex("[") + 1 : -1]), state, seconds, parameters, numbers)


def shown(items: list[IterationItem], **chosen: str) -> list[tuple[str, list[Any]]]:
    grid = iteration_grid(items, **chosen)
    assert grid is not None
    return [(row, [cell and (cell.state if cell.value is None else cell.value) for cell in cells]) for row, cells in grid.rows]


def test_fields_of_items_are_axes_and_numbers_are_in_order() -> None:
    name = "pipelinechannel--grid-loop-item"
    items = [
        item(f"root/for[{n}]", {name: {"rate": rate, "depth": depth}}, accuracy=rate * depth, seconds=depth)
        for n, (rate, depth) in enumerate(((10.0, 2), (2.0, 2), (2.0, 4)))
    ]
    grid = iteration_grid(items)
    assert grid is not None
    assert (grid.axes, grid.x, grid.y, grid.by) == (["grid.rate", "grid.depth"], "grid.rate", "grid.depth", "status")
    assert grid.columns == ["2", "10"]
    assert shown(items) == [("2", ["SUCCEEDED", "SUCCEEDED"]), ("4", ["SUCCEEDED", None])]
    assert shown(items, x="grid.depth", y="grid.rate", by="accuracy") == [("2", [4.0, 8.0]), ("10", [20.0, None])]
    assert shown(items, y="-", by="duration") == [("", [3.0, 2.0])]


def test_loops_inside_give_the_second_axis() -> None:
    items = []
    for n, rate in enumerate((0.1, 0.2)):
        items.append(item(f"root/for-1[{n}]", {"pipelinechannel--rates-loop-item": rate}))
        for m, size in enumerate(("s", "l")):
            state = "FAILED" if (rate, size) == (0.2, "l") else "SUCCEEDED"
            items.append(item(f"root/for-1[{n}]/for-2[{m}]", {"pipelinechannel--sizes-loop-item": size}, state))
    assert shown(items, x="rates", y="sizes") == [("s", ["SUCCEEDED", "SUCCEEDED"]), ("l", ["SUCCEEDED", "FAILED"])]
    assert shown(items, x="rates", y="-") == [("", ["SUCCEEDED", "SUCCEEDED"])]


def test_loops_over_lists_without_names_are_axes_of_their_own() -> None:
    items = []
    for n, letter in enumerate("uv"):
        outer = {"pipelinechannel--loop-item-param-3": letter}
        items.append(item(f"root/for-1[{n}]", outer))
        # An inner loop that uses the outer one's item takes it in under its own name.
        items += [item(f"root/for-1[{n}]/for-2[{m}]", {**outer, "pipelinechannel--loop-item-param-5": size}) for m, size in enumerate((1, 2, 3))]
    grid = iteration_grid(items)
    assert grid is not None
    assert (grid.axes, grid.x, grid.y, grid.columns, [row for row, _ in grid.rows]) == (
        ["for-1", "for-2"], "for-1", "for-2", ["u", "v"], ["1", "2", "3"],
    )  # fmt: skip
    assert grid.boxes == {"for-1", "for-2"}
    assert grid.count == 6
    fields = [item("root/a[0]", {"pipelinechannel--loop-item-param-1": {"n": 1}}), item("root/a[0]/b[0]", {"pipelinechannel--loop-item-param-2": {"n": 2}})]
    inner = iteration_grid(fields)
    assert inner is not None
    assert inner.axes == ["n", "n 2"]


def test_items_of_lists_without_names_are_called_as_the_components_call_them() -> None:
    """As kfp compiles `with dsl.ParallelFor(["u", "v"]) as letter: with dsl.ParallelFor([1, 2], name="sizes of it") as size: ...`."""
    letter, size = "pipelinechannel--loop-item-param-3", "pipelinechannel--loop-item-param-5"
    inner = graph("inner", task("train", parameters={"letter": ScopeInput(letter), "rate": ScopeInput(size)}), task("test", parameters={"rounds": ScopeInput(size)}))
    sizes = Iteration(items=Const([1, 2]), item_input=size)
    outer = graph("outer", task("for-2", "inner", display_name="sizes of it", parameters={letter: ScopeInput(letter)}, iteration=sizes))
    root = graph("root", task("for-1", "outer", iteration=Iteration(items=Const(["u", "v"]), item_input=letter)))
    shown_plan = plan(root, outer, inner)
    names = loop_names(shown_plan, "root/for-1")
    assert names == {"root/for-1": LoopName("for-1", "letter"), "root/for-1/for-2": LoopName("sizes of it")}
    assert loop_names(shown_plan, "root/for-1[1]/for-2") == {"root/for-1/for-2": LoopName("sizes of it")}
    assert loop_names(shown_plan, "root/gone") == {}
    items = [item(f"root/for-1[{n}]", {letter: name}) for n, name in enumerate("uv")]
    items += [item(f"root/for-1[{n}]/for-2[{m}]", {letter: name, size: m + 1}) for n, name in enumerate("uv") for m in range(2)]
    grid = iteration_grid(items, names)
    assert grid is not None
    assert (grid.axes, grid.boxes, grid.columns) == (["letter", "sizes of it"], {"sizes of it"}, ["u", "v"])


def test_what_has_no_value_is_told_by_its_index_and_shades_span_the_range() -> None:
    items = [item(f"root/for[{n}]", {"other": 1}, score=float(n)) for n in range(9)]
    grid = iteration_grid(items, by="score")
    assert grid is not None
    assert (grid.x, grid.y, grid.low, grid.high) == ("for", "", 0.0, 8.0)
    assert [cell.step for cell in grid.rows[0][1] if cell] == [0, 1, 2, 3, 4, 5, 6, 7, 7]
    assert iteration_grid([]) is None


def test_axes_are_cut_and_it_is_said() -> None:
    grid = iteration_grid([item(f"root/for[{n}]", {"pipelinechannel--loop-item-param-1": n}) for n in range(100)])
    assert grid is not None
    assert (len(grid.columns), grid.count, grid.hidden) == (40, 40, 60)


def test_values_that_are_all_the_same_have_the_middle_shade() -> None:
    grid = iteration_grid([item(f"root/for[{n}]", {"pipelinechannel--rates-loop-item": n}, score=0.5) for n in range(3)], by="score")
    assert grid is not None
    assert [cell.step for cell in grid.rows[0][1] if cell] == [4, 4, 4]
