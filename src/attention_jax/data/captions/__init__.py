"""Images with captions: drawn scenes of digits, NLVR's scenes, and a user's own.

`told` says what a caption and a batch are; `digits` and `scenes` draw, `nlvr` and `folder` read;
`stored` and `features` hold what was read; `drawn` and `brought` make batches, `splits` is all
of it as data. `pictures` reads image files, `naming` says which words name what in a scene.

`config.data`, of every name:

    name          digit_scenes, nlvr or folder
    seed          of the evaluation splits, where they are drawn
    buckets       words of captions, the end included, to which batches are padded (not drawn ones:
                  theirs have one length)
    height, width, channels   of images, to which they are resized (not drawn ones)
    features      path of a .npz in place of images; "" for images
    vocabulary    words at most, four special ones included; 0 for all
    min_count     a word seen less often in training is unknown
    min_digits, max_digits            of a drawn scene
    validation_size, test_size        drawn scenes
"""

from attention_jax.data.captions.splits import INPUT, CaptionData, default_data
from attention_jax.data.captions.told import Box, Told, plain

__all__ = ["INPUT", "Box", "CaptionData", "Told", "default_data", "plain"]
