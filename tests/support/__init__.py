"""What several test folders need: client environments, a live server, small programs."""
