"""What pages say: languages, words for what others send as finished text, forms of numbers and times, Markdown."""
