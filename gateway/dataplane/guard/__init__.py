"""What a request or an answer says, looked at on its way: secrets so far."""
