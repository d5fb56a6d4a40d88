"""The certificates, keys and kubeconfigs of a local cluster; none outlives it."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from quartet.cluster.places import API, API_SERVICE, NODE, NODE_ADDRESS

_LIFE = datetime.timedelta(days=30)
_CLIENTS = {
    "admin": ("quartet-admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", None),
    "kube-scheduler": ("system:kube-scheduler", None),
    "kube-proxy": ("system:kube-proxy", None),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
    "apiserver-to-kubelet": ("kube-apiserver-kubelet-client", "system:masters"),
    "front-proxy": ("front-proxy-client", None),
}
_WITH_KUBECONFIG = ("admin", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet")


@dataclass(frozen=True)
class _Authority:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def write_credentials(folder: Path) -> None:
    """Write `ca`, server, client and service-account keys (0600) and the kubeconfigs."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _authority()
    _write(folder / "ca.key", _pem(authority.key))
    _write(folder / "ca.crt", _certificate_pem(authority.certificate))
    _issue(authority, folder, "apiserver", "kube-apiserver", names=_api_names())
    _issue(authority, folder, "kubelet-server", NODE, names=(NODE, NODE_ADDRESS))
    for name, (common_name, organization) in _CLIENTS.items():
        _issue(authority, folder, name, common_name, organization=organization)
    for name in _WITH_KUBECONFIG:
        _write(folder / f"{name}.kubeconfig", _kubeconfig(folder, name))
    _service_account_keys(folder)


def _api_names() -> tuple[str, ...]:
    service = "kubernetes.default.svc"
    return (
        "127.0.0.1",
        API_SERVICE,
        NODE_ADDRESS,
        "localhost",
        "kubernetes",
        "kubernetes.default",
        service,
        f"{service}.cluster.local",
    )


def _authority() -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "quartet local cluster")])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Authority(key, certificate)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + _LIFE)
    )


def _issue(  # noqa: PLR0913  what a certificate says
    authority: _Authority,
    folder: Path,
    name: str,
    common_name: str,
    *,
    organization: str | None = None,
    names: tuple[str, ...] = (),
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    use = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = _builder(x509.Name(parts), authority.certificate.subject, key).add_extension(
        x509.ExtendedKeyUsage([use]), critical=False
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(one) for one in names]), critical=False
        )
    _write(folder / f"{name}.key", _pem(key))
    _write(folder / f"{name}.crt", _certificate_pem(builder.sign(authority.key, hashes.SHA256())))


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _service_account_keys(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    _write(folder / "service-accounts.key", _pem(key))
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write(folder / "service-accounts.pub", public)


def _kubeconfig(folder: Path, name: str) -> bytes:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "quartet",
        "contexts": [{"name": "quartet", "context": {"cluster": "quartet", "user": name}}],
        "clusters": [
            {
                "name": "quartet",
                "cluster": {"server": API, "certificate-authority": str(folder / "ca.crt")},
            }
        ],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate": str(folder / f"{name}.crt"),
                    "client-key": str(folder / f"{name}.key"),
                },
            }
        ],
    }
    return yaml.safe_dump(content, sort_keys=False).encode()


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
