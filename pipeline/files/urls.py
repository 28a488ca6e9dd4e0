"""What of a configuration is the URL of an object store, and which of them are taken."""

import re

from pipeline.errors import UserError

PROTOCOLS = ("s3", "gs", "gcs", "file", "memory")
"""memory: the store of fsspec that lives in one process, for tests."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LOGIN = re.compile(r"://[^/]*@")


def is_url(text: str) -> bool:
    """Whether a text of the configuration is the URL of a store: it begins with a scheme."""
    return _SCHEME.match(text) is not None or "::" in text


def checked(text: str, key: str) -> str:
    """A path as it is, or a URL without slashes at its end; UserError for a URL that is not taken.

    key: of the configuration, for the error. A URL with a login or a query is not repeated there.
    """
    if not is_url(text):
        return text
    shown = redacted(text)
    if "::" in text:
        raise UserError(f"{key}: {shown}: chained URLs (::) are not taken; name the store itself")
    scheme, _, rest = text.partition("://")
    if scheme not in PROTOCOLS:
        taken = ", ".join(f"{name}://" for name in PROTOCOLS[:-1])
        raise UserError(f"{key}: {shown}: only {taken} and paths are taken")
    if _LOGIN.search(text) or "?" in text or "#" in text:
        raise UserError(
            f"{key}: {shown}: a login or a query does not belong here; logins come from the"
            " environment (docs/stores.md)"
        )
    parts = rest.rstrip("/").split("/")
    inner = parts[1:] if scheme in ("file", "memory") else parts
    if not all(inner) or not inner or {".", ".."} & set(inner) or not rest.isprintable():
        raise UserError(f"{key}: {shown}: not a URL like s3://bucket/folder")
    return text.rstrip("/")


def redacted(text: str) -> str:
    """A URL without what may be secret in it: login and query."""
    return re.split(r"[?#]", _LOGIN.sub("://", text))[0]


def below(url: str, path: str) -> str:
    """The URL of a path below another."""
    return f"{url.rstrip('/')}/{path}"
