"""One published system per file, named after it; no file here imports another."""
