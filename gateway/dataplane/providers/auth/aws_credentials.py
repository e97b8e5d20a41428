"""Where AWS credentials come from, in the order of AWS's own chain as far as it is static: the file, the environment, the profile.

Source: docs.aws.amazon.com, "Standardized credential providers". Roles of instances and containers are not asked for: they change by
the hour, so they need a refreshing job.
"""

import configparser
from collections.abc import Mapping
from pathlib import Path

from gateway.dataplane.providers.auth.sigv4 import AwsApiKey, AwsCredentials, AwsKeys


def aws_credentials(
    *, api_key: str, access_key: str, secret_key: str, session_token: str, env: Mapping[str, str], home: Path
) -> AwsCredentials | None:
    """What is written in gateway.yaml, else `AWS_BEARER_TOKEN_BEDROCK`, else `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, else the
    profile `AWS_PROFILE` (`default`) of `~/.aws/credentials`; None when none of them is there."""
    if api_key:
        return AwsApiKey(api_key)
    if access_key and secret_key:
        return AwsKeys(access_key, secret_key, session_token)
    if token := env.get("AWS_BEARER_TOKEN_BEDROCK"):
        return AwsApiKey(token)
    if (access_key := env.get("AWS_ACCESS_KEY_ID", "")) and (secret_key := env.get("AWS_SECRET_ACCESS_KEY", "")):
        return AwsKeys(access_key, secret_key, env.get("AWS_SESSION_TOKEN", ""))
    return _of_profile(env, home)


def aws_region(written: str, env: Mapping[str, str]) -> str:
    """The region of gateway.yaml, else of the environment; '' when nobody says it."""
    return written or env.get("AWS_REGION", "") or env.get("AWS_DEFAULT_REGION", "")


def _of_profile(env: Mapping[str, str], home: Path) -> AwsKeys | None:
    file = Path(env.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials")
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text())
        profile = parser[env.get("AWS_PROFILE") or "default"]
        return AwsKeys(
            profile["aws_access_key_id"], profile["aws_secret_access_key"], profile.get("aws_session_token", "")
        )
    except (OSError, UnicodeDecodeError, KeyError, configparser.Error):
        return None
