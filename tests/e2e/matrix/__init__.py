"""Every client dialect on every provider dialect, through one gateway onto the provider simulator.

`nouns` is the neutral language of a check; each of `responses`, `chat`, `messages`, `gemini` and `converse` is a small
hand-written client of one dialect that also reads what a provider of it was sent. They share no code with the product.
`talk`, `tools`, `reasoning`, `faults` and `drops` hold the checks; `FEATURES` of `verdict` has them all, in their order.
"""
