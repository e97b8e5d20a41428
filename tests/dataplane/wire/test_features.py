"""What a request needs of a model, told from its bytes."""

import pytest

from gateway.dataplane.wire import has_images, has_tools


@pytest.mark.parametrize(
    "sign",
    [
        b'{"type":"input_image"}',
        b'{"image_url":{}}',
        b'{"type": "image"}',
        b'{"inlineData":{}}',
        b'{"image":{"format":"png"}}',
    ],
)
def test_an_image_in_any_dialect(sign: bytes) -> None:
    """Words about images are none."""
    assert has_images(sign)
    assert not has_images(b'{"content":"draw an image", "name":"image"}')
    assert not has_images(sign.replace(b'"', b'\\"'))


@pytest.mark.parametrize("sign", [b'{"tools":[]}', b'{"toolConfig":{}}', b'{"functionDeclarations":[]}'])
def test_tools_in_any_dialect(sign: bytes) -> None:
    """Words about tools are none."""
    assert has_tools(sign)
    assert not has_tools(b'{"content":"use tools"}')
