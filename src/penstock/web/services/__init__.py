"""What the pages read from and act through; the server fills it in."""
