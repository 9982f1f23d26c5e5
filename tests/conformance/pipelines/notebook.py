"""A notebook component: an embedded notebook that is run with parameters."""

import json
import os
import tempfile

from kfp import dsl

SDKS = ("2.17.0",)
NEEDS = ("network",)
EXPECT = {"state": "SUCCEEDED", "outputs": {"calculate.Output": ["42"]}}

_path = os.path.join(tempfile.mkdtemp(), "calculate.ipynb")
_cells = ["n = 0\npath = ''", "with open(path, 'w') as file:\n    file.write(str(n * 2))"]
with open(_path, "w") as _file:
    json.dump(
        {
            "cells": [
                {"cell_type": "code", "id": f"c{i}", "execution_count": None, "outputs": [], "source": text, "metadata": {"tags": ["parameters"] if not i else []}}
                for i, text in enumerate(_cells)
            ],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        _file,
    )


@dsl.notebook_component(notebook_path=_path)
def calculate(n: int) -> str:
    import os

    from kfp import dsl

    path = os.path.abspath("result.txt")
    dsl.run_notebook(n=n, path=path)
    with open(path) as file:
        return file.read()


@dsl.pipeline(name="notebook")
def pipeline():
    calculate(n=21)
