"""What pages tell of recorded flows beside their graph: lines for the shell, the table of tasks."""
