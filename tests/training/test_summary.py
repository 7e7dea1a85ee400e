"""The table and the arithmetic that a run begins with."""

import jax
import jax.numpy as jnp

from attention_jax.training.summary import matmul_flops, parameter_table


def test_products_are_counted_once_for_each_turn_of_a_scan():
    w = jnp.ones((4, 4))

    def five_times(x):
        return jax.lax.scan(lambda x, _: (x @ w, None), x, length=5)[0]

    assert matmul_flops(lambda x: x @ w, jnp.ones((2, 4))) == 2 * 2 * 4 * 4
    assert matmul_flops(jax.jit(five_times), jnp.ones((2, 4))) == 5 * 2 * 2 * 4 * 4


def test_a_convolution_counts_as_the_products_it_is():
    def convolve(x, kernel):
        return jax.lax.conv_general_dilated(
            x, kernel, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")
        )

    flops = matmul_flops(convolve, jnp.ones((2, 10, 3)), jnp.ones((5, 3, 7)))
    assert flops == 2 * (2 * 10 * 7) * (5 * 3)


def test_the_table_sums_parameters_by_part():
    table = parameter_table(
        {"encoder": {"cell": {"kernel": jnp.ones((2, 3))}}, "bias": jnp.ones(4)}
    )
    assert [line.split() for line in table.splitlines()] == [
        ["bias", "4"],
        ["encoder/cell", "6"],
        ["parameters", "10"],
    ]
