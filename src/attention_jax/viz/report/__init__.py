"""The run report: one page that opens without a network, from what a workdir holds."""

from attention_jax.viz.report.contents import Map, Progress, Run, Split
from attention_jax.viz.report.page import render

__all__ = ["Map", "Progress", "Run", "Split", "render"]
