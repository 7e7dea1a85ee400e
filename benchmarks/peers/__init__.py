"""The other side: the same systems as a careful user of PyTorch writes them. No JAX in here."""
