"""Credentials that are no plain header: signatures over a request."""

from gateway.dataplane.providers.auth.sigv4 import AwsApiKey, AwsCredentials, AwsKeys, amz_date, sign

__all__ = ["AwsApiKey", "AwsCredentials", "AwsKeys", "amz_date", "sign"]
