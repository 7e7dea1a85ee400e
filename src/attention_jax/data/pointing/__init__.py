"""Sets of points with exact answers: sorting, hulls, triangulations, tours (Vinyals 2015).

`problem` says what a problem is; `sorting`, `hulls`, `triangulations` and `tours` answer and judge
one each, the last by `held_karp` or a `solver`. `sets` draws them, `builder` and `load` prepare
them, `written` and `tsplib` read a user's, `splits` and `batches` are all of it as data.
"""

from attention_jax.data.pointing.hulls import Hulls
from attention_jax.data.pointing.problem import Problem
from attention_jax.data.pointing.sorting import Sorting
from attention_jax.data.pointing.splits import PointingData
from attention_jax.data.pointing.tours import Tours
from attention_jax.data.pointing.triangulations import Triangulations

__all__ = ["Hulls", "PointingData", "Problem", "Sorting", "Tours", "Triangulations"]
