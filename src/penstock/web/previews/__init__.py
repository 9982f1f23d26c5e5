"""What is inside files, read from their beginning or row by row, made safe to show; nothing in them runs."""
