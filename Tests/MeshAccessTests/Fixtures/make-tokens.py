#!/usr/bin/env python3
"""Writes tokens.json and keys.json: tokens that other software made (joserfc and cryptography), for the token matrix.

  pip install joserfc cryptography && python3 make-tokens.py

Every run makes new keys. The tests' clock stands at NOW.
"""
import base64, json, pathlib
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from joserfc import jwe, jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

NOW = 1893456000  # 2030-01-01T00:00:00Z
PEM = serialization.Encoding.PEM
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "HS256", "HS384", "HS512", "Ed25519", "none"]


class Key:
    def __init__(self):
        self.raw = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        # The forms of Kuma's secrets and of its public keys: PKCS #1.
        self.private = self.raw.private_bytes(
            PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()).decode()
        self.public = self.raw.public_key().public_bytes(PEM, serialization.PublicFormat.PKCS1).decode()
        self.spki = self.raw.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        self.jose = RSAKey.import_key(self.private)


dataplane1, dataplane2, other_mesh, user, stranger = Key(), Key(), Key(), Key(), Key()
keys = {
    "dataplane-1": dataplane1, "dataplane-2": dataplane2, "other-mesh-1": other_mesh, "user-1": user, "stranger": stranger}
tokens = {}


def b64(data):
    if isinstance(data, (dict, list)):
        data = json.dumps(data, separators=(",", ":"))
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes):
    """The claims of a dataplane token in the order of Kuma's JSON."""
    value = {"Name": "", "Mesh": "default", "Tags": {}, "Type": "", "exp": NOW + 3600, "nbf": NOW - 300, "iat": NOW,
             "jti": "b3b2a1f0-0001"}
    value.update(changes)
    return {name: claim for name, claim in value.items() if claim is not None}


def user_claims(**changes):
    value = {"Name": "ann", "Groups": ["team-a", "team-b"], "exp": NOW + 3600, "nbf": NOW - 300, "iat": NOW,
             "jti": "b3b2a1f0-0002"}
    value.update(changes)
    return {name: claim for name, claim in value.items() if claim is not None}


def signed(name, payload, key=dataplane1, header=None, alg="RS256", kid="1", **extra):
    head = {"alg": alg, "kid": kid, "typ": "JWT"} if header is None else header
    head = {part: value for part, value in {**head, **extra}.items() if value is not None}
    tokens[name] = jwt.encode(head, payload, getattr(key, "jose", key), algorithms=ALGORITHMS)


def by_hand(name, header, payload, key=dataplane1, pad=None, digest=None):
    """A token whose header a library would not write; signed with RSASSA-PKCS1-v1_5 and SHA-256 unless told otherwise."""
    text = f"{b64(header)}.{b64(payload)}"
    signature = key.raw.sign(text.encode(), pad or padding.PKCS1v15(), digest or hashes.SHA256())
    tokens[name] = f"{text}.{b64(signature)}"


# Accepted.
signed("mesh only", claims())
signed("name", claims(Name="web-1"))
signed("tags", claims(Tags={"kuma.io/service": ["web", "web-api"], "region": ["eu"]}))
signed("type dataplane", claims(Type="dataplane"))
signed("type ingress", claims(Type="ingress"))
signed("no mesh", claims(Mesh=""))
signed("second key", claims(), key=dataplane2, kid="2")
signed("other mesh's key", claims(Mesh="other"), key=other_mesh)
signed("no jti", claims(jti=None))
signed("exp with a fraction", claims(exp=NOW + 3600.5))
signed("no typ", claims(), header={"alg": "RS256", "kid": "1"})
signed("revoked", claims(jti="b3b2a1f0-revoked"))
signed("ends at the year 9999 and later", claims(exp=10**15))
signed("user", user_claims(), key=user)
signed("user without groups", user_claims(Groups=None), key=user)
signed("user of the first administrator", user_claims(Name="mesh-system:admin", Groups=["mesh-system:admin"]), key=user)
by_hand("keys in the header, our signature",
        {"alg": "RS256", "kid": "1", "jwk": stranger.jose.as_dict(private=False), "jku": "http://127.0.0.1:1/keys"}, claims())

# Dates.
signed("expired", claims(exp=NOW - 1))
signed("expires now", claims(exp=NOW))
signed("not yet valid", claims(nbf=NOW + 60, iat=NOW))
signed("issued in the future", claims(iat=NOW + 3600, nbf=None))
signed("no exp", claims(exp=None))
by_hand("exp is text", {"alg": "RS256", "kid": "1"}, claims(exp=str(NOW + 3600)))
by_hand("nbf is text", {"alg": "RS256", "kid": "1"}, claims(nbf="0"))

# Claims of another kind.
by_hand("name is a number", {"alg": "RS256", "kid": "1"}, claims(Name=1))
by_hand("tags are a list", {"alg": "RS256", "kid": "1"}, claims(Tags=["web"]))
by_hand("tag is text", {"alg": "RS256", "kid": "1"}, claims(Tags={"kuma.io/service": "web"}))
by_hand("jti is a number", {"alg": "RS256", "kid": "1"}, claims(jti=7))
by_hand("payload is a list", {"alg": "RS256", "kid": "1"}, [1])
by_hand("user without a name", {"alg": "RS256", "kid": "1"}, user_claims(Name=None), key=user)
by_hand("groups are text", {"alg": "RS256", "kid": "1"}, user_claims(Groups="mesh-system:admin"), key=user)

# Keys.
signed("stranger's key", claims(), key=stranger)
signed("stranger's key, user", user_claims(Groups=["mesh-system:admin"]), key=stranger)
signed("unknown kid", claims(), kid="9")
signed("unknown kid, user", user_claims(), key=user, kid="9")
signed("kid with a path", claims(), kid="../../1")
signed("no kid", claims(), kid=None)
by_hand("kid is empty", {"alg": "RS256", "kid": ""}, claims())
by_hand("kid is a number", {"alg": "RS256", "kid": 1}, claims())
by_hand("kid is a list", {"alg": "RS256", "kid": ["1"]}, claims())
signed("second key, first kid", claims(), key=dataplane2, kid="1")
signed("dataplane token as user", claims(Name="mesh-system:admin"), key=dataplane1)
signed("user token as dataplane", user_claims(Name="web-1"), key=user)
public_jwk = stranger.jose.as_dict(private=False)
by_hand("jwk in the header", {"alg": "RS256", "kid": "1", "jwk": public_jwk}, claims(), key=stranger)
by_hand("jku in the header", {"alg": "RS256", "kid": "1", "jku": "http://127.0.0.1:1/keys"}, claims(), key=stranger)
by_hand("x5u in the header", {"alg": "RS256", "kid": "1", "x5u": "http://127.0.0.1:1/cert"}, claims(), key=stranger)
by_hand("x5c in the header", {"alg": "RS256", "kid": "1", "x5c": [b64(stranger.public)]}, claims(), key=stranger)
by_hand("jwk in the header, no kid", {"alg": "RS256", "jwk": public_jwk}, claims(), key=stranger)

# Algorithms.
for alg in ["RS384", "RS512", "PS256", "PS384", "PS512"]:
    signed(f"alg {alg}", claims(), alg=alg)
signed("alg ES256", claims(), key=ECKey.generate_key("P-256"), alg="ES256")
signed("alg ES384", claims(), key=ECKey.generate_key("P-384"), alg="ES384")
signed("alg Ed25519", claims(), key=OKPKey.generate_key("Ed25519"), alg="Ed25519")
import hashlib, hmac
for name, secret in [("PKCS #1", dataplane1.public), ("SPKI", dataplane1.spki), ("private", dataplane1.private)]:
    for alg, digest in [("HS256", hashlib.sha256), ("HS384", hashlib.sha384), ("HS512", hashlib.sha512)]:
        text = f'{b64({"alg": alg, "kid": "1", "typ": "JWT"})}.{b64(claims())}'
        tokens[f"alg {alg}, key: {name}"] = f"{text}.{b64(hmac.new(secret.encode(), text.encode(), digest).digest())}"
        if alg == "HS256":
            user_text = f'{b64({"alg": alg, "kid": "1", "typ": "JWT"})}.{b64(user_claims(Groups=["mesh-system:admin"]))}'
            tokens[f"alg {alg}, key: {name}, user"] = (
                f"{user_text}.{b64(hmac.new(user.public.encode(), user_text.encode(), digest).digest())}")
for none in ["none", "None", "NONE", "nOnE"]:
    tokens[f"alg {none}"] = f'{b64({"alg": none, "kid": "1"})}.{b64(claims())}.'
tokens["alg none, user"] = f'{b64({"alg": "none", "kid": "1"})}.{b64(user_claims(Groups=["mesh-system:admin"]))}.'
by_hand("alg none, signature of ours", {"alg": "none", "kid": "1"}, claims())
by_hand("alg rs256", {"alg": "rs256", "kid": "1"}, claims())
by_hand("no alg", {"kid": "1"}, claims())
by_hand("alg is a list", {"alg": ["RS256"], "kid": "1"}, claims())
by_hand("RS256 in name, PSS in fact", {"alg": "RS256", "kid": "1"}, claims(),
        pad=padding.PSS(padding.MGF1(hashes.SHA256()), 32))
by_hand("RS256 in name, SHA-512 in fact", {"alg": "RS256", "kid": "1"}, claims(), digest=hashes.SHA512())
by_hand("crit", {"alg": "RS256", "kid": "1", "crit": ["b64"], "b64": False}, claims())
by_hand("crit is empty", {"alg": "RS256", "kid": "1", "crit": []}, claims())

# Other forms.
good = tokens["mesh only"]
head, body, signature = good.split(".")
tokens["encrypted to our key"] = jwe.encrypt_compact(
    {"alg": "RSA-OAEP", "enc": "A128GCM", "kid": "1"}, json.dumps(claims()).encode(), dataplane1.jose)
tokens["JSON form"] = json.dumps({"protected": head, "payload": body, "signature": signature})
tokens["two parts"] = f"{head}.{body}"
tokens["four parts"] = f"{good}.{signature}"
tokens["empty signature"] = f"{head}.{body}."
tokens["zeros for a signature"] = f"{head}.{body}.{b64(bytes(256))}"
tokens["signature cut"] = good[:-2]
tokens["signature twice as long"] = f"{good}{signature}"
tokens["payload of another token"] = f'{head}.{tokens["name"].split(".")[1]}.{signature}'
tokens["padding"] = f"{head}.{body}.{signature}=="
tokens["space inside"] = f"{head}. {body}.{signature}"
tokens["header is not JSON"] = f'{b64("not JSON")}.{body}.{signature}'
tokens["header is a list"] = f'{b64("[]")}.{body}.{signature}'
tokens["header is text"] = f'{b64(chr(34) + "RS256" + chr(34))}.{body}.{signature}'
tokens["text"] = "let me in"
tokens["dots"] = ".."

folder = pathlib.Path(__file__).parent
(folder / "tokens.json").write_text(json.dumps(tokens, indent=1) + "\n")
(folder / "keys.json").write_text(json.dumps(
    {name: {"private": key.private, "public": key.public, "spki": key.spki} for name, key in keys.items()}, indent=1) + "\n")
