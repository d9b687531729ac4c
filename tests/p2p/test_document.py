"""docs/peer-protocol.md says enough for another implementation; here is one, made from it."""

import datetime as dt
import hashlib
import os
import re
import ssl
import time
from pathlib import Path

import msgpack
import nacl.signing
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import connect

from node.p2p import StatusMessage
from node.p2p.kinds import KINDS
from tests.p2p.conftest import StartNode
from tests.p2p.meeting import GENESIS, eventually

DOCUMENT = (Path(__file__).parents[2] / "docs" / "peer-protocol.md").read_text(encoding="utf-8")


def test_the_table_of_messages_is_the_one_of_the_code():
    pattern = r"^\| (\d+) \| `(\w+)` \| (.*?) \| ([\d,]+) \| (\w+) \|$"
    rows = re.findall(pattern, DOCUMENT, re.MULTILINE)
    expected = {
        (
            str(kind.number),
            message.__name__,
            ", ".join(message.__struct_fields__),
            f"{kind.bytes_max:,}",
            kind.priority.name.lower(),
        )
        for message, kind in KINDS.items()
    }
    assert set(rows) == expected


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def context_of_the_document(folder: Path) -> tuple[ssl.SSLContext, bytes]:
    """Return a TLS context and the hash of its certificate."""
    seed = sha256(b"aitbc/1/peer certificate authority, public by design")
    authority = Ed25519PrivateKey.from_private_bytes(seed)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    issuer = name("aitbc peers, public by design")
    begin, end = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (2020, 2050))
    key = Ed25519PrivateKey.generate()
    own = x509.CertificateBuilder(issuer, name("anybody"), key.public_key(), 7, begin, end)
    certificate = own.sign(authority, None)
    anchor = x509.CertificateBuilder(issuer, issuer, authority.public_key(), 1, begin, end)
    anchor = anchor.add_extension(x509.BasicConstraints(True, 0), critical=True)
    path = folder / "own.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_cert_chain(path)
    context.load_verify_locations(cadata=anchor.sign(authority, None).public_bytes(Encoding.DER))
    return context, sha256(certificate.public_bytes(Encoding.DER))


async def test_an_implementation_made_from_the_document_is_a_peer(start: StartNode, tmp_path: Path):
    node = await start(1)
    key = nacl.signing.SigningKey.generate()
    public, nonce = bytes(key.verify_key), os.urandom(32)
    tag = sha256(b"aitbc/1/hello/" + GENESIS.hex().encode())
    context, certificate = context_of_the_document(tmp_path)
    async with connect(
        f"wss://{node.address}/aitbc/p2p/1", ssl=context, server_hostname="", compression=None
    ) as websocket:
        shown = websocket.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)

        await websocket.send(msgpack.packb([1, 1, GENESIS, 2, public, nonce]))
        _, version, genesis, role, peer, peer_nonce = msgpack.unpackb(
            await websocket.recv(decode=False)
        )
        assert (version, genesis, role, peer) == (1, GENESIS, 2, node.key)
        expires_ms = time.time_ns() // 1_000_000 + 60_000
        certificates = [sha256(shown), certificate]
        statement = [1, 1, 2, public, peer, nonce, peer_nonce, *certificates, expires_ms]
        signature = key.sign(tag + msgpack.packb(statement)).signature
        await websocket.send(msgpack.packb([2, expires_ms, signature]))

        _, peer_expires_ms, peer_signature = msgpack.unpackb(await websocket.recv(decode=False))
        statement = [1, 2, 2, peer, public, peer_nonce, nonce, *certificates, peer_expires_ms]
        nacl.signing.VerifyKey(peer).verify(tag + msgpack.packb(statement), peer_signature)

        await websocket.send(msgpack.packb([30, 4, 3, 2, bytes(32)]))
        await eventually(lambda: node.handler.messages)
    assert node.handler.messages == [StatusMessage(4, 3, 2, bytes(32))]
