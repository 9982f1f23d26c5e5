"""Pages of projects: tracked runs, artifacts, sweeps, reports, automations."""
