"""What every package may use. Imports nothing of the product."""
