"""One module per noun, in folders by part of the site; each page is a frozen context dataclass and a handler that fills it and renders
`templates/<noun>/`.
"""
