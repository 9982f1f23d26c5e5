"""Use cases over recorded Metaflow runs: registering flows, runs, steps and tasks, their metadata, artifacts, tags and states."""
