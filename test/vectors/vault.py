"""Writes vault.json beside it: the vault's format (docs/spec/vault.md) by another implementation, pyca/cryptography.

Run by hand for a new format version only, with cryptography 44 or later; vectors of an old version never change.
"""

import base64
import json
import pathlib
import unicodedata

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

vault_id = "3f0c1d2e-0000-4000-8000-5a5a5a5a5a5a"
master = bytes(range(32))
nonce = bytes(range(100, 112))


def derive(purpose):
    info = f"leapp vault 1 {purpose}".encode()
    return HKDF(SHA256(), 32, vault_id.encode(), info).derive(master)


def seal(key, context, plain):
    return nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def record(comment, name, version, plain):
    context = "\0".join(["leapp vault 1 record", vault_id, name, str(version)])
    sealed = seal(derive("record key"), context, plain.encode()).hex()
    return {"comment": comment, "vaultId": vault_id, "name": name, "version": version, "plain": plain, "sealed": sealed}


def flip(sealed, index):
    data = bytearray.fromhex(sealed)
    data[index] ^= 1
    return data.hex()


def wrapped(comment, passphrase, typed, derivation, key):
    salt = bytes(range(16))
    text = unicodedata.normalize("NFC", passphrase).encode()
    if derivation["algorithm"] == "argon2id":
        kdf = Argon2id(
            salt=salt,
            length=32,
            iterations=derivation["passes"],
            lanes=derivation["parallelism"],
            memory_cost=derivation["memoryKiB"],
        )
    else:
        kdf = Scrypt(salt=salt, length=32, n=derivation["N"], r=derivation["r"], p=derivation["p"])
    sealed = seal(kdf.derive(text), f"leapp vault 1 master key\0{vault_id}", master)
    return {
        "comment": comment,
        "passphrase": typed,
        "vaultId": vault_id,
        "derivation": {**derivation, "salt": base64.b64encode(salt).decode()},
        "sealed": base64.b64encode(sealed).decode(),
        "key": key,
    }


records = [
    record("a pair of keys", "iam-user/11111111-0000-4000-8000-000000000001/keys", 1, '{"accessKeyId":"A","secretAccessKey":"B"}'),
    record("empty, which is not absent", "x", 1, ""),
    record("not ASCII", "sso/ü/tokens", 7, "pässwörd ✓ 日本"),
    record("a large version", "x", 9007199254740991, "last"),
    record("long", "x", 2, "0123456789abcdef" * 300),
]
first = records[0]
bare = {key: value for key, value in first.items() if key != "plain"}
invalid = [
    {**bare, "comment": "another record's name", "name": "iam-user/22222222-0000-4000-8000-000000000002/keys"},
    {**bare, "comment": "an older version put back", "version": 2},
    {**bare, "comment": "another vault", "vaultId": "3f0c1d2e-0000-4000-8000-5a5a5a5a5a5b"},
    {**bare, "comment": "a bit of the nonce", "sealed": flip(first["sealed"], 0)},
    {**bare, "comment": "a bit of the text", "sealed": flip(first["sealed"], 20)},
    {**bare, "comment": "a bit of the tag", "sealed": flip(first["sealed"], -1)},
    {**bare, "comment": "the last byte is gone", "sealed": first["sealed"][:-2]},
    {**bare, "comment": "a byte too many", "sealed": first["sealed"] + "00"},
    {**bare, "comment": "shorter than a nonce and a tag", "sealed": first["sealed"][:54]},
    {**bare, "comment": "nothing", "sealed": ""},
]
argon = {"algorithm": "argon2id", "memoryKiB": 65536, "passes": 1, "parallelism": 1}
small = {"algorithm": "argon2id", "memoryKiB": 19456, "passes": 2, "parallelism": 1}
scrypt = {"algorithm": "scrypt", "N": 131072, "r": 8, "p": 1}
key = master.hex()
composed, decomposed = "crème brûlée", unicodedata.normalize("NFD", "crème brûlée")
passphrases = [
    wrapped("what a new vault gets", "correct horse battery", "correct horse battery", argon, key),
    wrapped("another cost", "correct horse battery", "correct horse battery", small, key),
    wrapped("a runtime without Argon2", "correct horse battery", "correct horse battery", scrypt, key),
    wrapped("accents typed as two characters each", composed, decomposed, small, key),
    wrapped("wrong passphrase", "correct horse battery", "correct horse batter", small, None),
    wrapped("a blank at the end counts", "correct horse battery", "correct horse battery ", small, None),
]
derived = [{"purpose": purpose, "key": derive(purpose).hex()} for purpose in ("record key", "check value", "audit log")]
out = {
    "format": 1,
    "madeWith": "pyca/cryptography, vault.py",
    "master": key,
    "vaultId": vault_id,
    "nonce": nonce.hex(),
    "derived": derived,
    "records": records,
    "invalidRecords": invalid,
    "wrapped": passphrases,
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(out, indent=2, ensure_ascii=False) + "\n")
