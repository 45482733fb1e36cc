"""Inline media: data URLs, base64 in its standard form, MIME types of file names (translation.md 1.2).

Nothing here raises.
"""

from __future__ import annotations

import base64
import string
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

UNKNOWN = "application/octet-stream"
"""MIME type of a data URL that names none."""

_ALPHABET = (string.ascii_letters + string.digits + "+/").encode()
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_SPACE = b" \t\n\r\f\v"


@dataclass(frozen=True, slots=True)
class DataUrl:
    """The content of a ``data:`` URL; ``data`` is standard base64."""

    mime: str
    data: str


def parse_data_url(url: str) -> DataUrl | None:
    """Take a ``data:`` URL apart, base64 or percent-encoded; None for anything else."""
    if url[:5].lower() != "data:":
        return None
    comma = url.find(",", 5)
    if comma < 0:
        return None
    mime, *parameters = (word.strip().lower() for word in url[5:comma].split(";"))
    data = url[comma + 1 :]
    if "base64" in parameters or mime == "base64":
        data = standard_base64(unquote(data) if "%" in data else data)
    else:
        data = base64.b64encode(unquote_to_bytes(data.encode("utf-8", "replace"))).decode()
    return DataUrl(mime if "/" in mime else UNKNOWN, data)


def data_url(mime: str, data: str) -> str:
    """The ``data:`` URL of base64 ``data``."""
    return f"data:{mime or UNKNOWN};base64,{data}"


def standard_base64(text: str) -> str:
    """``text`` in the standard alphabet, padded, without white space (clients.md 1); the same object when it was so.

    Text that is no base64 at all comes back as it is.
    """
    if not text.isascii() or _looks_standard(text):
        return text
    body = text.encode().translate(_FROM_URL_SAFE, _SPACE).rstrip(b"=")
    if len(body) % 4 == 1 or body.translate(None, _ALPHABET):
        return text
    return (body + b"=" * (-len(body) % 4)).decode()


def _looks_standard(text: str) -> bool:
    """A few searches in C instead of a look at each character: pictures have megabytes."""
    if len(text) % 4 or any(mark in text for mark in "-_\n\r \t"):
        return False
    padding = text.find("=")
    return padding < 0 or padding >= len(text) - 2


def mime_of_filename(name: str) -> str | None:
    """The MIME type by the last extension of ``name``, in any letter case; None when it is not known."""
    _, dot, extension = name.rpartition(".")
    return _MIME.get(extension.strip().lower()) if dot else None


def extension_of(mime: str) -> str:
    """The usual extension of a MIME type, without dot; empty when it is not known."""
    return _EXTENSION.get(mime.partition(";")[0].strip().lower(), "")


_TABLE = {
    # documents
    "application/pdf": "pdf", "application/rtf": "rtf", "application/epub+zip": "epub", "application/msword": "doc dot",
    "application/vnd.ms-excel": "xls xlt", "application/vnd.ms-powerpoint": "ppt pot pps",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template": "dotx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.template": "xltx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.presentationml.slideshow": "ppsx",
    "application/vnd.oasis.opendocument.text": "odt", "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp", "application/vnd.ms-outlook": "msg",
    "application/postscript": "ps eps ai", "message/rfc822": "eml mht mhtml", "text/calendar": "ics",
    "text/vcard": "vcf",
    # plain and marked-up text
    "text/plain": "txt text log conf cfg ini properties env srt lst gitignore dockerignore editorconfig",
    "text/markdown": "md markdown mdx mdown", "text/x-rst": "rst", "text/x-org": "org",
    "text/asciidoc": "adoc asciidoc", "text/html": "html htm xhtml shtml", "text/css": "css", "text/x-scss": "scss",
    "text/x-sass": "sass", "text/x-less": "less", "text/csv": "csv", "text/tab-separated-values": "tsv",
    "text/vtt": "vtt", "text/xml": "xml xsd", "application/xslt+xml": "xsl xslt", "application/atom+xml": "atom",
    "application/rss+xml": "rss", "application/rdf+xml": "rdf", "text/n3": "n3", "text/turtle": "ttl",
    "text/x-tex": "tex latex sty", "text/x-bibtex": "bib", "text/x-diff": "diff patch",
    "text/x-sgml": "sgml sgm", "text/troff": "man roff tr", "application/x-texinfo": "texinfo texi",
    "application/vnd.apple.mpegurl": "m3u8 m3u",
    # data
    "application/json": "json map", "application/x-ndjson": "jsonl ndjson", "application/json5": "json5 jsonc",
    "application/ld+json": "jsonld", "application/geo+json": "geojson", "application/x-ipynb+json": "ipynb",
    "application/manifest+json": "webmanifest", "application/yaml": "yaml yml", "application/toml": "toml",
    "application/sql": "sql", "application/graphql": "graphql gql", "text/x-protobuf": "proto",
    "application/vnd.apache.parquet": "parquet", "application/x-hdf5": "h5 hdf5",
    "application/vnd.sqlite3": "sqlite sqlite3 db",
    # source code
    "text/javascript": "js mjs cjs", "text/jsx": "jsx", "text/x-typescript": "ts mts cts", "text/tsx": "tsx",
    "text/x-vue": "vue", "text/x-svelte": "svelte", "text/x-astro": "astro", "text/x-python": "py pyi pyw",
    "text/x-java": "java", "text/x-kotlin": "kt kts", "text/x-scala": "scala sc", "text/x-groovy": "groovy gradle",
    "text/x-clojure": "clj cljs cljc edn", "text/x-c": "c h", "text/x-c++": "cpp cc cxx hpp hh hxx",
    "text/x-objective-c": "m mm", "text/x-csharp": "cs csx", "text/x-fsharp": "fs fsx fsi", "text/x-vb": "vb",
    "text/x-rust": "rs", "text/x-go": "go", "text/x-swift": "swift", "text/x-zig": "zig", "text/x-nim": "nim",
    "text/x-d": "d", "text/x-dart": "dart", "text/x-ruby": "rb rake gemspec erb", "text/x-php": "php phtml",
    "text/x-perl": "pl pm", "text/x-lua": "lua", "text/x-r": "r", "text/x-rmarkdown": "rmd qmd", "text/x-julia": "jl",
    "text/x-haskell": "hs lhs", "text/x-ocaml": "ml mli", "text/x-elixir": "ex exs heex", "text/x-erlang": "erl hrl",
    "text/x-lisp": "lisp lsp el", "text/x-scheme": "scm ss rkt", "text/x-pascal": "pas pp",
    "text/x-fortran": "f f90 f95 for", "text/x-ada": "adb ads", "text/x-asm": "asm s", "text/x-verilog": "v sv svh",
    "text/x-vhdl": "vhd vhdl", "text/x-solidity": "sol", "text/x-sh": "sh bash zsh ksh fish", "text/x-tcl": "tcl",
    "text/x-powershell": "ps1 psm1 psd1", "text/x-msdos-batch": "bat cmd", "text/x-makefile": "mk mak",
    "text/x-cmake": "cmake", "text/x-dockerfile": "dockerfile", "text/x-terraform": "tf tfvars hcl",
    "text/x-nix": "nix",
    # pictures
    "image/png": "png", "image/apng": "apng", "image/jpeg": "jpg jpeg jpe jfif", "image/gif": "gif",
    "image/webp": "webp", "image/heic": "heic", "image/heif": "heif", "image/avif": "avif", "image/jxl": "jxl",
    "image/bmp": "bmp dib", "image/tiff": "tif tiff", "image/svg+xml": "svg", "image/x-icon": "ico",
    "image/vnd.adobe.photoshop": "psd", "image/x-portable-pixmap": "ppm", "image/x-portable-graymap": "pgm",
    "image/x-portable-bitmap": "pbm", "image/x-portable-anymap": "pnm", "image/x-xbitmap": "xbm",
    "image/x-xpixmap": "xpm",
    # sound
    "audio/mpeg": "mp3 mpga mp2", "audio/wav": "wav", "audio/mp4": "m4a m4b", "audio/aac": "aac",
    "audio/ogg": "oga ogg", "audio/opus": "opus", "audio/flac": "flac", "audio/aiff": "aiff aif aifc",
    "audio/midi": "mid midi", "audio/webm": "weba", "audio/amr": "amr", "audio/x-ms-wma": "wma", "audio/x-caf": "caf",
    "audio/basic": "au snd", "audio/l16": "pcm",
    # films
    "video/mp4": "mp4 m4v", "video/mpeg": "mpeg mpg mpe m1v m2v", "video/quicktime": "mov qt", "video/webm": "webm",
    "video/x-msvideo": "avi", "video/x-matroska": "mkv", "video/x-ms-wmv": "wmv", "video/x-flv": "flv",
    "video/ogg": "ogv", "video/3gpp": "3gp 3gpp", "video/3gpp2": "3g2", "video/mp2t": "m2ts",
    # archives, programs, fonts
    "application/zip": "zip", "application/gzip": "gz tgz", "application/x-bzip2": "bz2", "application/x-xz": "xz",
    "application/zstd": "zst", "application/x-tar": "tar", "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar", "application/java-archive": "jar war",
    "application/vnd.android.package-archive": "apk", "application/wasm": "wasm", UNKNOWN: "bin exe dll so o a obj dat",
    "font/woff": "woff", "font/woff2": "woff2", "font/ttf": "ttf", "font/otf": "otf",
}  # fmt: skip
"""Extensions by MIME type, the usual one first. A table of our own: the standard library's differs between versions
of Python and machines, and lacks most source code."""

_MIME = {extension: mime for mime, extensions in _TABLE.items() for extension in extensions.split()}
_EXTENSION = {mime: extensions.split()[0] for mime, extensions in _TABLE.items()}
_EXTENSION |= {
    "image/jpg": "jpg", "image/vnd.microsoft.icon": "ico", "audio/mp3": "mp3", "audio/x-wav": "wav",
    "audio/wave": "wav", "audio/vnd.wave": "wav", "audio/x-m4a": "m4a", "audio/m4a": "m4a", "audio/x-flac": "flac",
    "audio/x-aiff": "aiff", "application/javascript": "js", "application/x-javascript": "js",
    "application/typescript": "ts", "application/xml": "xml", "application/x-python": "py", "application/x-sh": "sh",
    "application/x-yaml": "yaml", "text/yaml": "yaml", "text/x-markdown": "md", "text/md": "md", "text/rtf": "rtf",
    "application/x-pdf": "pdf",
}  # fmt: skip
"""With the other names in use for the same types."""
