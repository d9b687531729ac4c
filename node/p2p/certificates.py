"""TLS identities: a fresh key each start, under a certificate authority that anybody can use.

Python's `ssl` shows a client's certificate only if it requires and verifies one, and it verifies
none without an authority. So there is one whose key is public by design, derived from a fixed
text: its signature means nothing, and no decision rests on it. What a certificate is worth is its
hash, which the hello signs (E11).
"""

import datetime as dt
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ledger.hashing import sha256
from ledger.types import Hash

_PUBLIC_SEED: Final = sha256(b"aitbc/1/peer certificate authority, public by design")

_AUTHORITY_NAME: Final = x509.Name(
    [x509.NameAttribute(NameOID.COMMON_NAME, "aitbc peers, public by design")]
)

_LEAF_NAME: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "aitbc peer")])

# Times do not matter either: a node with a wrong clock must still reach the others.
_BEGIN: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_END: Final = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """What this process shows to peers, and how it looks at theirs."""

    certificate_hash: Hash
    """SHA-256 of the certificate's DER bytes; names this process until it ends."""
    server: ssl.SSLContext
    """For connections that others made."""
    client: ssl.SSLContext
    """For connections that this node makes."""


def make_tls_identity() -> TlsIdentity:
    """Make a key that no file and no other process has, and contexts that use it."""
    key = Ed25519PrivateKey.generate()
    certificate = _leaf(key)
    pem = certificate.public_bytes(Encoding.PEM) + key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    # `ssl` takes keys from files only. The folder is private and is gone at once.
    with tempfile.TemporaryDirectory(prefix="aitbc-tls-") as folder:
        path = Path(folder) / "peer.pem"
        path.write_bytes(pem)
        server = _context(ssl.PROTOCOL_TLS_SERVER, path)
        client = _context(ssl.PROTOCOL_TLS_CLIENT, path)
    # A resumed session would skip the certificate; there is nothing to resume.
    server.num_tickets = 0
    return TlsIdentity(sha256(certificate.public_bytes(Encoding.DER)), server, client)


def certificate_hash_of(tls: ssl.SSLObject) -> Hash:
    """Return the hash of the certificate that the other end has proved to hold.

    The handshake must be done; it fails without a certificate, so there is one.
    """
    der = tls.getpeercert(binary_form=True)
    assert der is not None
    return sha256(der)


def _context(protocol: ssl._SSLMethod, path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=_authority().public_bytes(Encoding.DER))
    context.load_cert_chain(path)
    return context


def _authority() -> x509.Certificate:
    key = Ed25519PrivateKey.from_private_bytes(_PUBLIC_SEED)
    return (
        x509.CertificateBuilder(_AUTHORITY_NAME, _AUTHORITY_NAME, key.public_key(), 1, _BEGIN, _END)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, None)
    )


def _leaf(key: Ed25519PrivateKey) -> x509.Certificate:
    authority = Ed25519PrivateKey.from_private_bytes(_PUBLIC_SEED)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    return (
        x509.CertificateBuilder(
            _AUTHORITY_NAME,
            _LEAF_NAME,
            key.public_key(),
            x509.random_serial_number(),
            _BEGIN,
            _END,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(identifier, critical=False)
        .sign(authority, None)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
