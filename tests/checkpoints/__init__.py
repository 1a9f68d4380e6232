"""Small vision-language checkpoints that really read, and what tests need to use them."""
