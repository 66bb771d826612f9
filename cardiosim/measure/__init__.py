"""Numbers from recordings: arrays in, arrays and small descriptions out."""
