"""Every attention mechanism that mattered, in one JAX/Flax house."""
