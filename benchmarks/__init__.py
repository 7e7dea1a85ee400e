"""What this house costs: scripts for single questions, and `python -m benchmarks` beside PyTorch.

PyTorch is no dependency, of the tests neither. It goes into an environment beside the repository's,
so that no lock file changes and its CUDA packages stay away:

    uv venv ../with-torch --python 3.11
    uv pip install --python ../with-torch/bin/python torch --index-url https://download.pytorch.org/whl/cpu
    UV_PROJECT_ENVIRONMENT=../with-torch uv sync --frozen --inexact --no-dev
    ../with-torch/bin/python -m benchmarks

`ours` has a file for each system, with its sizes: the experiment's task and its update. `peers` has
the same systems as a careful user of PyTorch writes them, and knows nothing of JAX.
"""
