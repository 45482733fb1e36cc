"""Data URLs, base64 in its standard form, MIME types by extension (translation.md 1.2, clients.md 1)."""

from __future__ import annotations

import base64
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation.media import (
    UNKNOWN,
    DataUrl,
    data_url,
    extension_of,
    mime_of_filename,
    parse_data_url,
    standard_base64,
)  # fmt: skip

TYPES = st.sampled_from(["image/png", "application/vnd.oasis.opendocument.text", "image/svg+xml", "text/plain"])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("data:image/png;base64,AAAA", ("image/png", "AAAA")),
        ("DATA:image/PNG;Base64,AAAA", ("image/png", "AAAA")),
        ("data:text/plain;charset=utf-8;base64,QUJD", ("text/plain", "QUJD")),
        ("data:image/png;name=a.png; base64 ,AAAA", ("image/png", "AAAA")),
        ("data:;base64,QUJD", (UNKNOWN, "QUJD")), ("data:base64,QUJD", (UNKNOWN, "QUJD")), ("data:,ABC", (UNKNOWN, "QUJD")),
        ("data:text/plain,A%42C", ("text/plain", "QUJD")), ("data:text/plain;charset=utf-8,%C3%A9", ("text/plain", "w6k=")),
        ("data:text/plain,a,b", ("text/plain", "YSxi")), ("data:text/plain,é", ("text/plain", "w6k=")),
        ("data:text/plain,%zz", ("text/plain", "JXp6")),
        ("data:image/png;base64,", ("image/png", "")), ("data:image/png,", ("image/png", "")),
        ("data:image/png;base64,-_-_", ("image/png", "+/+/")), ("data:image/png;base64,QUI", ("image/png", "QUI=")),
        ("data:image/png;base64,QUI%3D", ("image/png", "QUI=")), ("data:image/png;base64,%2B%2F+/", ("image/png", "+/+/")),
        ("data:image;base64,AAAA", (UNKNOWN, "AAAA")),
    ],
)  # fmt: skip
def test_data_urls(url: str, expected: tuple[str, str]) -> None:
    assert parse_data_url(url) == DataUrl(*expected)


@pytest.mark.parametrize(
    "url", ["", "data:", "data", "data:image/png;base64", "https://x/data:a,b", " data:a/b,c", "AAAA", "\ud800"]
)
def test_other_urls(url: str) -> None:
    assert parse_data_url(url) is None


@given(mime=TYPES, data=st.binary(max_size=50))
def test_round_trips(mime: str, data: bytes) -> None:
    encoded = base64.b64encode(data).decode()
    expected = DataUrl(mime, encoded)
    assert parse_data_url(data_url(mime, encoded)) == expected
    assert parse_data_url(f"data:{mime},{quote(data)}") == expected


def test_an_unnamed_type_is_written_as_unknown() -> None:
    assert data_url("", "AAAA") == f"data:{UNKNOWN};base64,AAAA"


@given(data=st.binary(max_size=60), padded=st.booleans(), safe=st.booleans(), every=st.integers(1, 70))
def test_base64_of_every_kind(data: bytes, padded: bool, safe: bool, every: int) -> None:
    standard = base64.b64encode(data).decode()
    text = base64.urlsafe_b64encode(data).decode() if safe else standard
    text = text if padded else text.rstrip("=")
    broken = "\r\n".join(text[at : at + every] for at in range(0, len(text), every))
    assert standard_base64(broken) == standard_base64(text) == standard


@pytest.mark.parametrize(
    "text", ["", "AAAA", "AA==", "AAA=", "A", "AAAAA", "no base64!", "AA=A", "é", "\ud800\ud800\ud800\ud800", "A-A."]
)
def test_standard_text_and_what_is_no_base64_come_back(text: str) -> None:
    assert standard_base64(text) is text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("QUI==", "QUI="), ("QQ=", "QQ=="), ("QUJD=", "QUJD"), ("QU I", "QUI="), ("_w", "/w=="), ("=", ""), ("====", ""),
    ],
)  # fmt: skip
def test_padding_is_corrected(text: str, expected: str) -> None:
    assert standard_base64(text) == expected


def test_ten_megabytes_are_quick() -> None:
    """Without a look at each character from Python, which would take seconds."""
    picture = base64.b64encode(bytes(range(256)) * 30_000).decode()
    start = time.process_time()
    assert standard_base64(picture) is picture
    assert standard_base64(picture.replace("+", "-")) == picture
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("a.b.PDF", "application/pdf"), ("/dir.d/x.Md", "text/markdown"), ("notes.md ", "text/markdown"), (".gitignore", "text/plain"),
        ("a.zzz", None), ("README", None), ("pdf", None), ("a.", None), ("", None), ("dir.d/README", None), ("a.\ud800", None),
        ("a.tar.gz", "application/gzip"), ("a.ts", "text/x-typescript"), ("a.tsx", "text/tsx"), ("a.jsx", "text/jsx"),
        ("a.js", "text/javascript"), ("a.py", "text/x-python"), ("a.rs", "text/x-rust"), ("a.go", "text/x-go"), ("a.kt", "text/x-kotlin"),
        ("a.swift", "text/x-swift"), ("a.yml", "application/yaml"), ("a.yaml", "application/yaml"), ("a.toml", "application/toml"),
        ("a.ipynb", "application/x-ipynb+json"), ("a.webp", "image/webp"), ("a.heic", "image/heic"), ("a.avif", "image/avif"),
        ("a.jpg", "image/jpeg"), ("a.svg", "image/svg+xml"), ("a.m4a", "audio/mp4"), ("a.opus", "audio/opus"), ("a.flac", "audio/flac"),
        ("a.wav", "audio/wav"), ("a.mp3", "audio/mpeg"), ("a.mp4", "video/mp4"), ("a.txt", "text/plain"), ("a.json", "application/json"),
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ],
)  # fmt: skip
def test_types_of_names(name: str, mime: str | None) -> None:
    assert mime_of_filename(name) == mime


@pytest.mark.parametrize(
    ("mime", "extension"),
    [
        ("application/pdf", "pdf"), ("image/jpeg", "jpg"), ("Image/JPG", "jpg"), ("audio/mpeg", "mp3"), ("audio/x-wav", "wav"),
        ("text/plain; charset=utf-8", "txt"), ("text/javascript", "js"), ("x/y", ""), ("", ""),
    ],
)  # fmt: skip
def test_extensions(mime: str, extension: str) -> None:
    assert extension_of(mime) == extension


@given(name=st.text(max_size=10), mime=TYPES)
def test_the_usual_extension_leads_back(name: str, mime: str) -> None:
    assert mime_of_filename(f"{name}.{extension_of(mime)}") == mime
