"""Carries connections over TLS to a plain port. Prints its own port and then its CA certificate."""

import datetime
import os
import socket
import ssl
import sys
import tempfile
import threading
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


def end_with_the_tests():
    while os.read(0, 4096):
        pass
    os._exit(0)


def certificate(name, issuer=None, authority=False):
    """A key and a certificate that `issuer` (itself such a pair) signed, or that signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, signer_name = (issuer[0], issuer[1].subject) if issuer else (key, subject)
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(signer_name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if not authority:
        names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("aws.invalid")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return key, builder.sign(signer, hashes.SHA256())


def copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(connection, context, port):
    try:
        outside = context.wrap_socket(connection, server_side=True)
    except OSError:
        return
    inside = socket.create_connection(("127.0.0.1", port))
    threading.Thread(target=copy, args=(inside, outside), daemon=True).start()
    copy(outside, inside)


threading.Thread(target=end_with_the_tests, daemon=True).start()
authority = certificate("aboard test CA", authority=True)
key, leaf = certificate("aboard test server", authority)
with tempfile.NamedTemporaryFile() as chain:
    no_password = serialization.NoEncryption()
    chain.write(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, no_password) + leaf.public_bytes(PEM))
    chain.flush()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain.name)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1])
print(authority[1].public_bytes(PEM).decode(), end="")
sys.stdout.flush()
# Closing the object would leave the descriptor open, and the reader waiting.
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection, context, int(sys.argv[1])), daemon=True).start()
