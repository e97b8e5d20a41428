"""Signatures of AWS, against its own test suite and against requests that botocore has signed."""

import hashlib
import json
from typing import Any

import pytest

from gateway.dataplane.providers.auth import AwsApiKey, AwsKeys, amz_date, sign
from gateway.dataplane.providers.auth.sigv4 import canonical_request, string_to_sign
from tests.dataplane.providers.shared import shared

KEYS = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
DATE = "20150830T123600Z"


def test_the_example_of_the_documentation() -> None:
    """GET / of the suite, so that something is proven where the suite is not at hand."""
    [(_, date), (_, said)] = sign("GET", "https://example.amazonaws.com/", [], b"", KEYS, "us-east-1", DATE, "service")
    assert date == DATE
    assert said == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date,"
        " Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def test_a_request_to_bedrock() -> None:
    """Signed by botocore 1.44.5 (`converse-colon-escaped` of the shared vectors)."""
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse"
    body = b'{"messages":[{"role":"user","content":[{"text":"Hello"}]}],"inferenceConfig":{"maxTokens":64}}'
    headers = [
        ("Content-Type", "application/json"),
        ("User-Agent", "x"),
        ("Host", "elsewhere"),
        ("Authorization", "old"),
    ]
    request, names = canonical_request("POST", url, headers, [("x-amz-date", DATE)], hashlib.sha256(body).hexdigest())
    assert names == "content-type;host;x-amz-date"
    assert request.split("\n")[1] == "/model/anthropic.claude-3-haiku-20240307-v1%253A0/converse"
    found = dict(sign("POST", url, headers, body, KEYS, "us-east-1", "20260115T102030Z"))
    assert found["authorization"].endswith("Signature=7c079f7ede2a72dc8909bb0eb665542a014362ee7f3f7552ef5bf05b6b1049b9")


@pytest.mark.parametrize(
    ("url", "path", "host"),
    [
        ("https://h", "/", "h"),
        ("https://H:443/a/../b/./c//d/", "/b/c/d/", "h"),
        ("http://h:8080/%20 é", "/%2520%20%C3%A9", "h:8080"),
        ("http://h:80/..", "/", "h"),
    ],
)
def test_paths_and_hosts(url: str, path: str, host: str) -> None:
    request, _ = canonical_request("GET", url, [], [], "")
    assert request.split("\n")[1] == path
    assert request.split("\n")[3] == f"host:{host}"


def test_an_api_key_is_a_bearer_token() -> None:
    assert sign("POST", "https://h/", [], b"{}", AwsApiKey("key"), "us-east-1", DATE) == [
        ("authorization", "Bearer key")
    ]


def test_secrets_are_not_shown() -> None:
    shown = repr(AwsKeys("AKID", "secret", "token")) + repr(AwsApiKey("key-1"))
    assert not any(word in shown for word in ("secret", "token", "key-1"))


def test_the_date() -> None:
    assert amz_date(1_440_938_160.9) == DATE


def _request(raw: str) -> tuple[str, str, list[tuple[str, str]], bytes]:
    """Method, target, headers and body of a raw request; a header line that begins with a space goes on."""
    head, _, body = raw.partition("\n\n")
    first, *lines = head.rstrip("\n").split("\n")
    method, rest = first.split(" ", 1)
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] == " ":
            headers[-1] = (headers[-1][0], headers[-1][1] + "\n" + line)
        else:
            name, _, value = line.partition(":")
            headers.append((name, value))
    return method, rest.removesuffix(" HTTP/1.1"), headers, body.encode()


def test_the_suite_of_aws_passes() -> None:
    suite = json.loads(shared("bedrock/sigv4_suite.json").read_bytes())
    for vector in suite["vectors"]:
        name = vector["name"]
        method, target, headers, body = _request(vector["request_raw"])
        signed = dict(line.split(":", 1) for line in vector["canonical_request"].split("\n")[3:] if ":" in line)
        token = signed.get("x-amz-security-token", "")  # one vector has it only there, one adds it after signing
        keys = AwsKeys(KEYS.access_key, KEYS.secret_key, token)
        url = "https://example.amazonaws.com" + target
        added = [("x-amz-date", DATE)] + ([("x-amz-security-token", token)] if token else [])
        request, _ = canonical_request(method, url, headers, added, hashlib.sha256(body).hexdigest())
        assert request == vector["canonical_request"], name
        scope = f"20150830/{suite['region']}/{suite['service']}/aws4_request"
        assert string_to_sign(request, DATE, scope) == vector["string_to_sign"], name
        found = dict(sign(method, url, headers, body, keys, suite["region"], DATE, suite["service"]))
        assert found["authorization"] == vector["authorization"], name
        assert found.get("x-amz-security-token", "") == token, name
    print(f"{len(suite['vectors'])} vectors of the suite pass")


def test_the_requests_that_botocore_signed_pass() -> None:
    file = json.loads(shared("bedrock/sigv4_bedrock.json").read_bytes())
    for vector in file["vectors"]:
        keys = AwsKeys(
            file["credentials"]["access_key"], file["credentials"]["secret_key"], vector["session_token"] or ""
        )
        headers, body = list(vector["headers_in"].items()), _body(vector)
        added = [("x-amz-date", vector["date"])]
        if keys.session_token:
            added.append(("x-amz-security-token", keys.session_token))
        digest = hashlib.sha256(body).hexdigest()
        request, _ = canonical_request(vector["method"], vector["url"], headers, added, digest)
        assert request == vector["canonical_request"], vector["name"]
        found = sign(
            vector["method"], vector["url"], headers, body, keys, vector["region"], vector["date"], vector["service"]
        )
        wanted = {name.lower(): value for name, value in vector["headers_out"].items()}
        assert dict(found) == wanted, vector["name"]
    print(f"{len(file['vectors'])} requests signed as by botocore")


def _body(vector: dict[str, Any]) -> bytes:
    return (vector["body"] or "").encode()
