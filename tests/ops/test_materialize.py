"""What is computed once is what it was, and the compiler does not see through it."""

import jax
import jax.numpy as jnp
import numpy as np

from attention_jax.ops.materialize import materialized


def test_values_and_slopes_pass_through():
    x = jax.random.normal(jax.random.key(0), (3, 4))
    factor = jax.random.normal(jax.random.key(1), (3, 4))
    value, slopes = jax.value_and_grad(lambda x: (materialized(x) * factor).sum())(x)
    np.testing.assert_allclose(value, (x * factor).sum(), rtol=1e-6)
    np.testing.assert_array_equal(slopes, factor)
    np.testing.assert_array_equal(materialized(x), x)


def test_compiled_for_slopes_it_stays_where_it_stands():
    # Two readers of one cheap value: XLA would compute it for each of them.
    def loss(x):
        x = materialized(jnp.tanh(x))
        return (x @ x.T).sum()

    compiled = jax.jit(jax.grad(loss)).lower(jnp.ones((8, 4))).compile().as_text()
    assert " conditional(" in compiled


def test_what_is_no_number_stays_none():
    x = jnp.full((2, 2), jnp.nan)
    value, _ = jax.vjp(materialized, x)
    assert jnp.isnan(value).all()
