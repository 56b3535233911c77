"""What the product's packages share; imports nothing of them."""
