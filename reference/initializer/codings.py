"""Content codings: how a server has encoded a body, undone (RFC 9110, section 8.4)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping

from initializer.failure import Failure, Transient

NONE = ("", "identity")
KNOWN = ("gzip", "x-gzip", "deflate")
#: gzip and zlib, told apart by their first bytes.
EITHER = 32 + zlib.MAX_WBITS
#: Bytes that one step decodes to, at most.
STEP = 1 << 18


def of(headers: Mapping[str, str]) -> str:
    """The coding that an answer's headers name; "" for none."""
    coding = headers.get("Content-Encoding", "").strip().lower()
    return "" if coding in NONE else coding


def decoded(chunks: Iterable[bytes], coding: str, resource: str) -> Iterator[bytes]:
    """The body without its coding. Raises Transient where it breaks off, Failure for what cannot be decoded."""
    if not coding:
        yield from chunks
        return
    if coding not in KNOWN:
        raise Failure(resource, f"unsupported content encoding {coding!a}", "Serve the file as it is.")
    decoder = zlib.decompressobj(EITHER)
    try:
        for chunk in chunks:
            pending = chunk
            while pending:
                if decoder.eof:
                    decoder = zlib.decompressobj(EITHER)
                yield decoder.decompress(pending, STEP)
                pending = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        yield decoder.flush()
    except zlib.error:
        raise Failure(resource, f"the body is not in its content encoding {coding}", "Upload it again.") from None
    if not decoder.eof:
        raise Transient(resource, "the connection broke off within the encoded body")
