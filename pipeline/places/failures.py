"""What a store refuses: tried again for a while where that may help, and told in one line."""

import errno
import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

from pipeline.errors import UserError

Result = TypeVar("Result")

PATIENCE = 120.0
"""Seconds for which a request that fails is tried again, unless $OCIM_STORE_PATIENCE is set."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_OF_THIS_DISK = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EMFILE, errno.ENFILE,
    errno.EISDIR, errno.ENOTDIR,
}  # fmt: skip
_FINAL = {errno.ENAMETOOLONG, errno.EMSGSIZE, errno.EPERM, errno.ENOSYS}
_NO_LOGIN = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "RefreshError",
             "TokenRetrievalError", "DefaultCredentialsError")  # fmt: skip


def patience() -> float:
    """Seconds for which a failing request is repeated: $OCIM_STORE_PATIENCE, else PATIENCE.
    UserError where the variable is no number.
    """
    text = os.environ.get("OCIM_STORE_PATIENCE") or str(PATIENCE)
    try:
        return max(0.0, float(text))
    except ValueError:
        raise UserError(f"OCIM_STORE_PATIENCE is '{text}', not a number of seconds") from None


def with_retries(request: Callable[[], Result], url: str, doing: str) -> Result:
    """The result of a request, which is made again with growing pauses where it fails.

    url, doing: for the message: what it is about, and what is done to it, as "reading". Raises
    FileNotFoundError where there is no such object, OSError where the disk of this machine refuses,
    else UserError in one line.
    """
    end, pause, odd = time.monotonic() + patience(), _FIRST_PAUSE, 0
    while True:
        try:
            return request()
        except UserError:
            raise
        except FileNotFoundError as error:
            if _code(error) == "NoSuchBucket":
                raise UserError(f"{url}: no such bucket; make it, or correct the URL") from None
            raise error.with_traceback(None) from None
        except Exception as error:
            if _is_of_this_disk(error) or isinstance(error, TypeError | AttributeError):
                raise  # the second is a bug
            # fsspec's thread keeps it in a cycle, and so all that our callers' frames have.
            error.__traceback__ = None
            odd += _is_final(error) * 99 + (getattr(error, "errno", 0) == errno.EINVAL)
            if odd > 3 or time.monotonic() + pause > end:
                raise UserError(_message(error, url, doing)) from None
        time.sleep(pause * random.uniform(0.5, 1))  # not all workers at the same moment
        pause = min(2 * pause, _LONGEST_PAUSE)


def _code(error: Exception) -> str:
    """The word by which S3 says what is wrong; "" where it is not S3."""
    response = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def _is_of_this_disk(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in _OF_THIS_DISK


def _is_final(error: Exception) -> bool:
    """Whether it would be the same the next time."""
    if isinstance(error, PermissionError | NotImplementedError):
        return True
    if type(error).__name__ in (*_NO_LOGIN, "ParamValidationError"):
        return True
    return isinstance(error, OSError) and error.errno in _FINAL


def _message(error: Exception, url: str, doing: str) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    if type(error).__name__ in _NO_LOGIN:
        return f"{url}: no credentials for this store were found; see docs/stores.md"
    if isinstance(error, PermissionError):
        return f"{url}: the store refuses {doing}: {words[:200]}; check its permissions and yours"
    return (
        f"{url}: {doing} failed: {words[:200]}; what is finished is kept, the same command goes on"
        " when the store answers again"
    )
