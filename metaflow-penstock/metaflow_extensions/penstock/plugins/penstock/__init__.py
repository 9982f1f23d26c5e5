"""Deploys flows to a Penstock server. Imports nothing of Metaflow here, because Metaflow loads plugins while it starts."""
