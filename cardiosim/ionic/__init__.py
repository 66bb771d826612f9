"""What happens at one node: cells compiled from model text."""
