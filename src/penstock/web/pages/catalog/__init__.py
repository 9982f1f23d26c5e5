"""Pages of what is run and when: pipelines, experiments, recurring runs and triggers, the form for a new run."""
