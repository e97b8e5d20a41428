"""What a request needs of a model, told from its bytes: a guess that errs towards yes (the words may be quoted). Pure."""

from gateway import _native

_TOOLS = _native.Needles([b'"tools"', b'"toolConfig"', b'"functionDeclarations"'])
_IMAGES = _native.Needles(
    [b'"input_image"', b'"image_url"', b'"type":"image"', b'"type": "image"', b'"inlineData"', b'"image":']
)


def has_tools(body: bytes) -> bool:
    """Whether the request offers tools."""
    return _TOOLS.any_in(body)


def has_images(body: bytes) -> bool:
    """Whether the conversation holds an image."""
    return _IMAGES.any_in(body)
