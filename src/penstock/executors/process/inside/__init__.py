"""What runs outside the server: the supervisor of tasks and the code inside a task.

These modules are executed by the interpreters of task environments, where nothing of this project is installed: standard library
only, Python 3.8 and newer, and no import from outside this package.
"""
