"""Pure functions on arrays: no parameters, no Flax; any leading batch axes; jit- and vmap-safe."""
