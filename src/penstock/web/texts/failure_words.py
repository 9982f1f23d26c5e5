"""Why a task failed, as the executor and the engine say it; what the program itself wrote (`{cause}`) is shown as it is."""

_ENDS = (
    "exit code {number}",
    "killed by signal {number} ({name})",
    "it needed more memory than its limit of {size}",
    "it ran longer than its deadline of {time} seconds and was stopped",
    "it ran longer than its deadline and was stopped",
)

PATTERNS = (
    "`{name}` failed: {story}",
    *(f"{end}; the log is empty" for end in _ENDS),
    *(f"{end}; the component wrote nothing to its log" for end in _ENDS),
    *(f"{end}: {{cause}}" for end in _ENDS),
    *_ENDS,
    "the process vanished together with its supervisor; nothing is known about how it ended",
    "the server was stopped and ended its tasks",
    "the program {name} does not exist on this machine, and tasks run as processes here, not in containers",
    "the process could not be set up: {cause}",
    "the executor could not take the attempt: {cause}",
    "the executor reported neither outputs nor a failure",
    "the run went over its deadline",
    "the run reaches the limit of {number} tasks",
)
