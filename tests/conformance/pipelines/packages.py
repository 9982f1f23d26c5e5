"""Two versions of one package in two tasks of a run, and a virtual environment of its own."""

from kfp import dsl

SDKS = ("2.17.0",)
NEEDS = ("network",)
EXPECT = {"state": "SUCCEEDED", "outputs": {"version.Output": ["1.15.0", "1.16.0", "1.17.0"]}}


@dsl.component(packages_to_install=["six==1.15.0"])
def old() -> str:
    import six

    return six.__version__


@dsl.component(packages_to_install=["six==1.16.0"])
def new() -> str:
    import six

    return six.__version__


@dsl.component(packages_to_install=["six==1.17.0"], use_venv=True)
def isolated() -> str:
    import six

    return six.__version__


@dsl.pipeline(name="packages")
def pipeline():
    for component in (old, new, isolated):
        component().set_display_name("version")
