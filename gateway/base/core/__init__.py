"""The glossary as code: ids, money, usage, errors, exchanges. Pure."""
