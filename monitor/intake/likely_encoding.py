"""The likely encoding of bytes that are not UTF-8, judged by what people write in it.

Most encodings decode most bytes, and a wrong one makes texts of wrong letters without an error. So an encoding is
likely only if the characters beyond ASCII are then everyday ones of a language, in words of a form that people write.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter

_LEAST, _LEAST_OF_SCRIPT = 0.9, 0.78  # least share of everyday characters; the alphabets of scripts are not complete
_NEAR = 0.05  # encodings whose shares differ by less are equally likely
_MOST_ODD = 0.03  # largest share of characters that are in no plausible word and no plausible mark
_ENOUGH_BYTES = 2**17
_KANA = 0.3  # least share of kana in Japanese; without it Korean with its smileys reads as Japanese in EUC-JP
# First bytes of the punctuation and everyday characters of each encoding of East Asia, and their least second byte.
# What one language writes is rare or nonsense in the encodings of the others. Of equal shares the first counts.
_EAST_ASIA: dict[str, tuple[tuple[range, ...], int]] = {
    "euc_jp": ((range(0xA1, 0xA2), range(0xA3, 0xA6), range(0xB0, 0xD0)), 0xA1),
    "cp949": ((range(0xA1, 0xA2), range(0xA4, 0xA5), range(0xB0, 0xC9)), 0xA1),  # EUC-KR with its extensions
    "big5hkscs": ((range(0xA1, 0xA3), range(0xA4, 0xC7)), 0x40),
    "gb18030": ((range(0xA1, 0xA2), range(0xA3, 0xA4), range(0xB0, 0xD8)), 0xA1),
    "cp932": ((range(0x81, 0x99),), 0x40),  # Shift_JIS with its extensions
}
# Everyday letters beyond ASCII of languages that one encoding serves. Their words also hold letters of ASCII.
_LATIN: dict[str, tuple[str, ...]] = {
    "cp1252": ("äöüßéèêëàâçîïôûùœñáíóúåøæ", "áéíóúâêôãõçàü", "àèéìíòóùúçïü", "äöüõ", "áéíóúýþæöð"),
    "cp1250": ("ąćęłńóśźż", "áčéěíóřšťúůýžôä", "áéíóöőúüű", "ăâîşţ", "čćđšž"),
    "cp1254": ("çğıöşüâî",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž"),
}
# The most frequent letters of scripts whose words hold none of ASCII.
_CYRILLIC = "оеаинтсрвлкмдпуяыьі"
_SCRIPTS = {
    "cp1251": (_CYRILLIC,),
    "koi8_r": (_CYRILLIC,),
    "cp1253": ("αοιετσνηυρπκμλςίάόέήδύω",),
    "cp1255": ("יוהלאמתרבשנםדחקעכט",),
}
_LETTER = r"[^\W\d_]"
_WORD = re.compile(f"{_LETTER}+")
_MARKS = re.compile(
    rf"[’–—…´¯\xa0]|(?<!{_LETTER})[‘“„«»¿¡•·€£§°]|[‘“”„«»™®²°](?!{_LETTER})|(?<=\d)[ºª¹³]"
    rf"|(?<!{_LETTER})[©¼½¾×±№](?!{_LETTER})"
)
UNKNOWN = "a single-byte encoding such as cp1252, cp1250 or cp1251"


def likely_encodings(sample: bytes) -> tuple[str, ...]:
    """The likely encoding of bytes that are not UTF-8; several if they fit equally well, none if no known one fits.

    Of encodings that decode the sample to the same text, only the first is among them.
    """
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    sample = sample[:_ENOUGH_BYTES]
    shares = _share_of_east_asia(sample)
    for encoding, alphabets in (_LATIN | _SCRIPTS).items():
        text, is_latin = _decoded(sample, encoding), encoding in _LATIN
        share = 0.0 if text is None else _share_of_letters(text, alphabets, is_latin=is_latin)
        if share >= (_LEAST if is_latin else _LEAST_OF_SCRIPT):
            shares[encoding] = share
    near = [encoding for encoding, share in shares.items() if share > max(shares.values()) - _NEAR]
    texts: dict[str | None, str] = {}
    for encoding in near:
        texts.setdefault(_decoded(sample, encoding), encoding)
    return tuple(texts.values())


def in_words(encodings: tuple[str, ...]) -> str:
    """What a message says of likely encodings."""
    return " or ".join(encodings) or UNKNOWN


def _decoded(sample: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)  # the sample may end within a character
    except UnicodeDecodeError:
        return None


def _share_of_letters(text: str, alphabets: tuple[str, ...], *, is_latin: bool) -> float:
    """The share of the letters of one alphabet among the letters beyond ASCII.

    It is 0 if too many characters are neither typographic marks nor in a plausible word: one in lower case, in
    capitals or with one first, and either with letters of ASCII or, in another script, without. Letters of words in
    capitals are none of a script's alphabet, because the lower case of one Cyrillic encoding is the upper case of
    another.
    """
    n_beyond = sum(not char.isascii() for char in text)
    text = _MARKS.sub(" ", text)
    n_odd = sum(not char.isascii() for char in text)
    letters: Counter[str] = Counter()
    for word, times in Counter(_WORD.findall(text)).items():
        beyond, rest = [char for char in word if not char.isascii()], word[1:]
        if len(word) == 1 and beyond and not is_latin:
            n_odd -= times
        elif rest in (rest.lower(), rest.upper()) and ((len(beyond) < len(word)) == is_latin or len(word) == 1):
            keeps_case = rest.isupper() and not is_latin
            for char in beyond:
                letters[char if keeps_case else char.lower()] += times
    n = letters.total()
    if n_odd - n > _MOST_ODD * n_beyond:
        return 0.0
    return max(sum(letters[char] for char in alphabet) for alphabet in alphabets) / n if n else float(is_latin)


def _share_of_east_asia(sample: bytes) -> dict[str, float]:
    """The likely encoding of East Asia and its share of everyday characters, if its bytes come in pairs."""
    high = [byte > 127 for byte in sample]
    runs = sum(1 for i, is_high in enumerate(high) if is_high and not (i and high[i - 1]))
    if not runs or sum(high) / runs <= 2:
        return {}
    shares = {encoding: _share_of_everyday(sample, encoding) for encoding in _EAST_ASIA}
    best = max(shares, key=lambda encoding: shares[encoding])
    return {best: shares[best]} if shares[best] >= _LEAST else {}


def _share_of_everyday(sample: bytes, encoding: str) -> float:
    """The share of everyday characters among those of a sample beyond ASCII; 0 if the encoding cannot decode it."""
    text = _decoded(sample, encoding)
    if text is None:
        return 0.0
    ranges, least = _EAST_ASIA[encoding]
    counts = Counter(char for char in text if not char.isascii())
    if encoding == "euc_jp" and sum(n for char, n in counts.items() if "ぁ" <= char <= "ヿ") < _KANA * counts.total():
        return 0.0
    common = 0
    for char, n in counts.items():
        first, *rest = char.encode(encoding)
        if len(rest) == 1 and rest[0] >= least and any(first in leads for leads in ranges):
            common += n
    return common / max(counts.total(), 1)
