"""Penstock runs and tracks Kubeflow Pipelines, Weights & Biases and Metaflow code on one machine."""

__version__ = "0.1.0"
