"""Cases: data files in, checked descriptions and running objects out."""
