"""The rows of the table: name -> the file in `ours` and `peers` that makes it."""

ROWS = {
    "rnnsearch_20": "rnnsearch",
    "rnnsearch_60": "rnnsearch",
    "transformer": "transformer",
    "ntm": "ntm",
    "pointer": "pointer",
    "captioning": "captioning",
    "snail": "snail",
    "rnnsearch_greedy": "rnnsearch",
    "rnnsearch_beam": "rnnsearch",
    "transformer_greedy": "transformer",
    "transformer_beam": "transformer",
}
