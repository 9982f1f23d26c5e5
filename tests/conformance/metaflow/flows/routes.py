"""Ways through a graph: a switch in a foreach, a step that repeats itself, parallel nodes; a file and a configuration; started by an event."""

from metaflow import Config, FlowSpec, IncludeFile, Parameter, current, kubernetes, parallel, schedule, step, trigger


@trigger(event={"name": "data.ready", "parameters": {"rounds": "times"}})
@schedule(cron="15 3 * * ? *", timezone="Asia/Seoul")
class RoutesFlow(FlowSpec):
    """Goes many ways."""

    rounds = Parameter("rounds", default=2)
    paths = Parameter("paths", default="named")
    first = Parameter("input_0", default="like")
    power = Parameter("lambda", default="inputs")
    note = IncludeFile("note", default="note.txt")
    settings = Config("settings", default_value={"word": "configured"})

    @step
    def start(self):
        self.kinds = ["short", "long"]
        self.event = (current.trigger.event.name, current.trigger.event.type)
        self.next(self.choose, foreach="kinds")

    @step
    def choose(self):
        self.way = self.input
        self.next({"short": self.after, "long": self.slow}, condition="way")

    @step
    def slow(self):
        self.extra = "slowly"
        self.next(self.after)

    @step
    def after(self):
        self.seen = self.way + getattr(self, "extra", "")
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.all_seen = sorted(item.seen for item in inputs)
        self.count = 0
        self.next(self.again)

    @step
    def again(self):
        self.count += 1
        self.state = "more" if self.count < self.rounds else "enough"
        self.next({"more": self.again, "enough": self.spread}, condition="state")

    @kubernetes(cpu=1, memory=256)
    @step
    def spread(self):
        self.next(self.train, num_parallel=2)

    @parallel
    @step
    def train(self):
        self.node = (current.parallel.node_index, current.parallel.num_nodes)
        self.next(self.finish)

    @step
    def finish(self, inputs):
        self.nodes = sorted(item.node for item in inputs)
        self.merge_artifacts(inputs, include=["all_seen", "count"])
        self.next(self.end)

    @step
    def end(self):
        self.words = [self.note.strip(), self.settings.word, self.paths, self.first, self.power]


if __name__ == "__main__":
    RoutesFlow()
