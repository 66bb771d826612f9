"""Networks that advance named states of a cell in place of their equations."""
