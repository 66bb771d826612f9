"""Marching in time: the monodomain problem, its splitting, what is recorded."""
