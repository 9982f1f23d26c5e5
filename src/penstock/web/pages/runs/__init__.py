"""Pages of runs of pipelines and of their tasks."""
