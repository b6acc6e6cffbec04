"""The examples of the RFCs, and servers that do not prove themselves."""

import pytest

from collectors.scram import BadScramError, Scram, prepared

SALT_256 = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
SALT_1 = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"


@pytest.mark.parametrize(
    ("digest", "nonce", "challenge", "proof", "last"),
    [  # RFC 7677, 3; RFC 5802, 5
        (
            "sha256",
            "rOprNGfwEbeRWgbNEkqO",
            SALT_256,
            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
        (
            "sha1",
            "fyko+d2lbbFgONRv9qkxdawL",
            SALT_1,
            "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
    ],
)
def test_the_proof_is_that_of_the_rfc(
    digest: str, nonce: str, challenge: bytes, proof: str, last: bytes
) -> None:
    scram = Scram("user", b"pencil", digest, nonce)

    assert scram.first() == f"n,,n=user,r={nonce}".encode()
    assert scram.final(challenge).decode().endswith(proof)
    scram.verify(last)
    with pytest.raises(BadScramError, match="does not prove"):
        scram.verify(b"v=" + b"A" * 28)


@pytest.mark.parametrize(
    ("challenge", "said"),
    [
        (b"r=other,s=QQ==,i=4096", "not an answer to ours"),
        (b"r=mine-x,s=QQ==,i=2000000000", "at most 100000 are made"),
        (b"r=mine-x,s=QQ==", "lacks its parts"),
        (b"r=mine-x,s=!,i=1", "lacks its parts"),
        (b"\xff", "no text"),
        (b"e=other-error", "lacks its parts"),
    ],
)
def test_a_challenge_that_is_none_is_refused(challenge: bytes, said: str) -> None:
    with pytest.raises(BadScramError, match=said):
        Scram("user", b"pencil", nonce="mine").final(challenge)


def test_a_server_that_skips_the_proof_proves_nothing() -> None:
    with pytest.raises(BadScramError, match="does not prove"):
        Scram("user", b"pencil").verify(b"v=")


def test_names_and_passwords_are_prepared() -> None:
    assert Scram("a=b,c", b"", nonce="x").first() == b"n,,n=a=3Db=2Cc,r=x"
    assert prepared("I\u00adX\u00a0\u2168") == b"IX IX"  # RFC 4013, 3
