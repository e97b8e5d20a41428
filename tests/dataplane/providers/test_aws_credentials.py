"""AWS credentials: gateway.yaml, then the environment, then the profile."""

from pathlib import Path

from gateway.dataplane.providers import aws_credentials, aws_region
from gateway.dataplane.providers.auth import AwsApiKey, AwsCredentials, AwsKeys

ENV = {"AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "env", "AWS_SESSION_TOKEN": "t"}


def found(home: Path, env: dict[str, str], **written: str) -> AwsCredentials | None:
    fields = {"api_key": "", "access_key": "", "secret_key": "", "session_token": ""} | written
    return aws_credentials(**fields, env=env, home=home)  # type: ignore[arg-type]


def test_the_order_of_the_chain(tmp_path: Path) -> None:
    assert found(tmp_path, {}) is None
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = AKFILE\naws_secret_access_key = %file%\n"
        "[ci]\naws_access_key_id=AKCI\naws_secret_access_key=ci\naws_session_token=s\n"
    )
    assert found(tmp_path, {}) == AwsKeys("AKFILE", "%file%")
    assert found(tmp_path, {"AWS_PROFILE": "ci"}) == AwsKeys("AKCI", "ci", "s")
    assert found(tmp_path, {"AWS_PROFILE": "nobody"}) is None
    assert found(tmp_path, ENV) == AwsKeys("AKENV", "env", "t")
    assert found(tmp_path, {**ENV, "AWS_BEARER_TOKEN_BEDROCK": "b"}) == AwsApiKey("b")
    assert found(tmp_path, ENV, access_key="AKYAML", secret_key="y") == AwsKeys("AKYAML", "y")
    assert found(tmp_path, ENV, api_key="k") == AwsApiKey("k")


def test_a_broken_profile_is_no_profile(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    for text in ("no section\n", "[default]\naws_access_key_id = half\n", "[default\n"):
        file.write_text(text)
        assert found(tmp_path, {"AWS_SHARED_CREDENTIALS_FILE": str(file)}) is None


def test_the_region() -> None:
    assert aws_region("eu-west-1", {"AWS_REGION": "us-east-1"}) == "eu-west-1"
    assert aws_region("", {"AWS_DEFAULT_REGION": "us-west-2"}) == "us-west-2"
    assert aws_region("", {}) == ""


def test_secrets_are_not_shown() -> None:
    assert "secret" not in repr(AwsKeys("AK", "secret", "secret"))
    assert "secret" not in repr(AwsApiKey("secret"))
