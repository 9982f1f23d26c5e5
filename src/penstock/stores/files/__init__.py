"""Files of the data folder that pages read."""
