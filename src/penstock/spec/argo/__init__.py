"""Argo `Workflow` manifests as the kfp 1.8 compiler writes them: read, lowered to a `RunPlan`, run attempt by attempt.

Only the subset that the 1.8 SDK emits is understood (kfp 1.8 protocol notes, section 3); anything else is a `SpecError` or a
warning on the task, never silence.
"""
