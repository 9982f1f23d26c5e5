"""Every address of the web pages, and which page answers it."""
