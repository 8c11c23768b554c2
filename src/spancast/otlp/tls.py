"""TLS: the files of certificates and keys, whether they can be used, and what a failed handshake means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..record.fast_frozen import frozen

if TYPE_CHECKING:
    from ssl import SSLContext

FILES: Final = ("ca_file", "client_certificate", "client_key")


@frozen(kw_only=True)
class Tls:
    """Certificates: a CA bundle, and a client's certificate and key; paths of PEM files."""

    ca_file: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    @property
    def key_file(self) -> str | None:
        """Where the client's key is: it may stand in the file of its certificate."""
        return self.client_key or self.client_certificate


class _EncryptedKeyError(ValueError):
    """A key that wants a pass phrase."""


def _no_pass_phrase() -> str:
    raise _EncryptedKeyError  # else OpenSSL would ask for it at the terminal, and wait


def context_of(tls: Tls) -> SSLContext:
    """Return a context that trusts and shows what *tls* says.

    Raises:
        OSError: Also as `ssl.SSLError`, when a file cannot be used; ValueError for a key that is encrypted.
    """
    import ssl

    context = ssl.create_default_context(cafile=tls.ca_file)
    if tls.client_certificate:
        context.load_cert_chain(tls.client_certificate, tls.key_file, password=_no_pass_phrase)
    return context


def why_unusable(tls: Tls, names: Mapping[str, str] | None = None) -> str:
    """Return in a sentence why the files cannot be used, and what to give; nothing where they can.

    *names*: what the settings are called, where these are no arguments.
    """
    ca_file, certificate, key = [f"{(names or {}).get(name, name)}={getattr(tls, name)!r}" for name in FILES]
    if tls.ca_file and (found := _why_no_authority(tls.ca_file)):
        return f"{ca_file} {found}"
    if not tls.client_certificate:
        missing = (names or {}).get("client_certificate", "client_certificate")
        return f"{key} has no certificate beside it: give {missing} too." if tls.client_key else ""
    return _why_no_pair(tls, certificate, key)


def _why_no_authority(path: str) -> str:
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        return "holds no certificate that can be read: give a PEM file, with -----BEGIN CERTIFICATE-----."
    except (OSError, ValueError) as error:
        return f"cannot be read ({_words(error)}): give the path of a PEM file."
    return ""


def _why_no_pair(tls: Tls, certificate: str, key: str) -> str:
    import ssl

    holder = key if tls.client_key else certificate
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
            str(tls.client_certificate), tls.key_file, password=_no_pass_phrase
        )
    except _EncryptedKeyError:
        return f"{holder} has a key with a pass phrase: give it decrypted; nobody is there to type one."
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{key} is not the key of {certificate}: give the pair that was issued together."
        needed = "a key in PEM form" if tls.client_key else "its private key in it: give client_key too"
        return f"{certificate} cannot be used: it needs to be a certificate in PEM form, and {holder} to have {needed}."
    except (OSError, ValueError) as error:
        return f"{certificate} or {key} cannot be read ({_words(error)}): give the paths of PEM files."
    return ""


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


# ---------------------------------------------------------------- handshakes
_CLIENT: Final = "; where it wants a certificate of the client, give client_certificate="


@frozen()
class Handshake:
    """What a failed handshake means: its code, a sentence, and OpenSSL's own reason, where there is one."""

    code: str
    message: str
    reason: str = ""


def handshake_failed(error: Any, host: str) -> Handshake:
    """Return what *error* means: an `ssl.SSLError`, or one that has its words; *host* with or without its port."""
    text = str(error)[:2000]
    if is_about_the_client(text):
        return Handshake("E211", f"{host} wants a certificate of the client, and got none that it trusts")
    if refused := re.search(r"certificate verify failed: ([^(\[\"']+)", text):
        reason = refused[1].strip()
        if "mismatch" in reason.lower():
            return Handshake("E205", f"the certificate of {host} is for another name")
        code = "E207" if re.search("expired|not yet valid", reason) else "E206"
        return Handshake(code, f"the certificate of {host} was not accepted: {reason}", reason)
    if re.search(r"(?i)wrong[ _]version[ _]number|http[ _]request|record[ _]layer", text):
        return Handshake("E208", f"{host} answers without TLS: http:// is for a port without it")
    if re.search(r"(?i)protocol[ _]version|unsupported[ _]protocol", text):
        return Handshake("E214", f"{host} has no version of TLS that is secure enough here")
    if re.search(r"(?i)handshake[ _]failure", text):
        return Handshake("E208", f"{host} refused the handshake of TLS{_CLIENT}")
    found = re.search(r"\[(?:SSL[^\]]*: )?([A-Z0-9_]{3,60})\]", text)
    reason = f" ({found[1].lower().replace('_', ' ')})" if found else ""
    return Handshake("E208", f"the handshake of TLS with {host} failed{reason}{_CLIENT}")


def is_about_the_client(text: str) -> bool:
    """Return whether what TLS says is an alert of the receiver's about the certificate of the client."""
    return re.search(r"(?i)alert[ _](?:certificate|bad[ _]certificate|unknown[ _]ca)", text) is not None
