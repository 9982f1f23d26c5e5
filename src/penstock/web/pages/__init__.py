"""One module per noun; each page is a frozen context dataclass and a handler that fills it and renders `templates/<noun>/`."""
