"""What a request needs of a model, told from its bytes: a guess that errs towards yes (the words may be quoted). Pure."""

from gateway import _native

_TOOLS = (b'"tools"', b'"toolConfig"', b'"functionDeclarations"')
_IMAGES = (b'"input_image"', b'"image_url"', b'"type":"image"', b'"type": "image"', b'"inlineData"', b'"image":')
_IMAGE = _native.Needles([b"image", b"inlineData"])
"""What all of them contain: one pass over requests without. Needles of quotation marks are slow where those are many."""


def has_tools(body: bytes) -> bool:
    """Whether the request offers tools."""
    return any(sign in body for sign in _TOOLS)


def has_images(body: bytes) -> bool:
    """Whether the conversation holds an image."""
    return _IMAGE.any_in(body) and any(sign in body for sign in _IMAGES)
