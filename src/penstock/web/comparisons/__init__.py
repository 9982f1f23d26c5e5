"""What differs: between runs, files, versions and flows, and outputs side by side."""
