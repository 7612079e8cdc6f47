"""Networks in torch: what is trained by noisy gradients, and what they become once trained. Needs the extra `deep`."""
