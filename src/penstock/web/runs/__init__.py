"""What pages tell of runs of pipelines beside their graph: attempts, inputs, packages, logs, causes, replay."""
