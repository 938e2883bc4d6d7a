# SPDX-License-Identifier: Apache-2.0
"""Certificates: a node's own, those of its clients, and the contexts that TLS is spoken with."""
import base64
import datetime
import ipaddress
import os
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT_AUTH = [ExtendedKeyUsageOID.CLIENT_AUTH]


class Authority:
    """A certificate that signs others, from the PEM text of a machine configuration."""

    def __init__(self, certificate, key):
        self.pem = certificate
        self.certificate = x509.load_pem_x509_certificate(certificate)
        # The label that Talos uses for Ed25519 keys is known to Go alone.
        key = key.replace(b"ED25519 PRIVATE KEY", b"PRIVATE KEY")
        self.key = serialization.load_pem_private_key(key, None) if key else None

    @classmethod
    def decode(cls, pair):
        """From `crt` and `key` as they stand in a configuration, base64 of PEM."""
        return cls(*(base64.b64decode(pair.get(name) or "") for name in ("crt", "key")))

    def issue(self, name, usages, now, lifetime, hosts=(), skew=datetime.timedelta(0)):
        """A key of the authority's kind and its certificate, both as PEM."""
        key = ed25519.Ed25519PrivateKey.generate() if is_edwards(self.key) else ec.generate_private_key(ec.SECP256R1())
        builder = (x509.CertificateBuilder().subject_name(name).issuer_name(self.certificate.subject)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - skew).not_valid_after(now + lifetime)
                   .add_extension(key_usage(), critical=True)
                   .add_extension(x509.ExtendedKeyUsage(usages), critical=False))
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([host_name(host) for host in hosts]), False)
        certificate = builder.sign(self.key, None if is_edwards(self.key) else hashes.SHA256())
        return private_pem(key), certificate.public_bytes(serialization.Encoding.PEM)


def is_edwards(key):
    return isinstance(key, ed25519.Ed25519PrivateKey)


def key_usage():
    return x509.KeyUsage(digital_signature=True, content_commitment=False, key_encipherment=False,
                         data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
                         encipher_only=False, decipher_only=False)


def host_name(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def private_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def talos_pem(key):
    """An Ed25519 key with the label that Talos gives it."""
    return key.replace(b" PRIVATE KEY", b" ED25519 PRIVATE KEY")


def subject(common=None, organizations=()):
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in sorted(organizations)]
    if common:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common))
    return x509.Name(parts)


def self_signed(hosts, now):
    """The key and the certificate of a node in maintenance mode, which nobody can verify."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = subject("maintenance-service.talos.dev")
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(minutes=5))
               .not_valid_after(now + datetime.timedelta(days=1)).add_extension(key_usage(), critical=True)
               .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
               .add_extension(x509.SubjectAlternativeName([host_name(host) for host in hosts]), False))
    certificate = builder.sign(key, None)
    return private_pem(key), certificate.public_bytes(serialization.Encoding.PEM)


def fingerprint(certificate):
    """What talosctl calls --cert-fingerprint: base64 of the digest of the public key."""
    public = x509.load_pem_x509_certificate(certificate).public_key()
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    return base64.b64encode(digest.finalize()).decode()


def server_context(key, certificate, authorities=None, protocols=("h2",)):
    """A server's side of TLS; with authorities (PEM) it wants a client certificate that one of them signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_alpn_protocols(list(protocols))
    load_chain(context, key, certificate)
    if authorities:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=authorities.decode())
    return context


def load_chain(context, key, certificate):
    """Gives a context its key, which Python reads from files alone: from one in memory that nobody can open."""
    file = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(file, key + certificate)
        context.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)


class Peer:
    """Who is at the other end: its roles, and whether Talos would have let it in."""

    def __init__(self, der, now):
        certificate = x509.load_der_x509_certificate(der)
        self.roles = {attribute.value for attribute in
                      certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)}
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        self.is_client = list(usages) == CLIENT_AUTH
        self.is_valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def accepted(config):
    """The further authorities whose certificates a node accepts."""
    return [base64.b64decode(each.get("crt") or "") for each in config.get("machine", "acceptedCAs", default=[])]
