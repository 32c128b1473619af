"""The encoding of a file is named if its letters show it; otherwise the user is asked. East Asia: test_feeds.py."""

from pathlib import Path

import pytest

from jobs.inspect import print_inspection
from monitor.errors import DataError
from monitor.intake.documents import check_file, read_documents
from monitor.intake.inspection import inspect_file
from monitor.intake.likely_encoding import UNKNOWN, likely_encodings
from tests.support.inputs import write

SENTENCES = {
    "German": [
        "Heute war ein schöner Tag, aber ich bin müde und traurig.",
        "Ich weiß nicht, was ich tun soll; alles fühlt sich schwer an.",
        "Über das Wetter können wir später reden – größtenteils war es schön.",
        "Die Prüfung lief „ganz gut“, sagt Jürgen.",
    ],
    "French": [
        "Je suis très fatiguée aujourd’hui, et je ne sais pas pourquoi.",
        "Ça va mieux depuis que j’ai parlé à ma sœur.",
        "Où étais-tu hier soir ? J’ai pleuré toute la nuit.",
        "Le café était fermé, alors nous sommes rentrés chez nous.",
    ],
    "Spanish": [
        "Hoy me siento muy triste, no sé qué hacer.",
        "¿Por qué nadie me llama? Mañana será otro día.",
        "El niño está bien; mi corazón también.",
        "¡Qué alegría verte después de tantos años!",
    ],
    "Portuguese": [
        "Não consigo dormir, estou muito cansada.",
        "Amanhã vou à praia com a minha irmã.",
        "As coisas não estão fáceis, mas há esperança.",
        "Você também está sozinho? É difícil.",
    ],
    "Italian": [
        "Oggi è stata una giornata difficile, però è passata.",
        "Non so più perché piango così tanto.",
        "La città è bella, ma io sono giù.",
        "Domani andrò al mare con papà.",
    ],
    "English": [
        "I don’t know — everything feels wrong.",
        "She said “you’re fine”, but I’m not.",
        "It’s been a long day…",
        "The café was closed, that’s all.",
    ],
    "Swedish": [
        "Jag mår inte så bra idag.",
        "Allt känns svårt och jag är trött.",
        "Vi åkte till sjön igår.",
        "Nästa vecka blir det bättre.",
    ],
    "Danish": [
        "Jeg føler mig så træt og ked af det.",
        "I går gik jeg en tur på stranden.",
        "Måske bliver det bedre i næste uge.",
        "Ærligt talt ved jeg ikke hvad jeg skal gøre.",
    ],
    "Polish": [
        "Dzisiaj czuję się bardzo źle i nie mogę spać.",
        "Wszystko mnie męczy, a jutro będzie to samo.",
        "Byłam wczoraj u lekarza, mówił, że to stres.",
        "Może kiedyś będzie lepiej.",
    ],
    "Czech": [
        "Dnes se cítím velmi špatně a nemůžu spát.",
        "Všechno mě unavuje, zítra to bude stejné.",
        "Včera jsem byla u lékaře, říkal, že je to stres.",
        "Možná bude někdy lépe.",
    ],
    "Romanian": [
        "Astăzi mă simt foarte rău şi nu pot să dorm.",
        "Totul mă oboseşte, iar mâine va fi la fel.",
        "Ieri am fost la medic; mi-a spus că e stres.",
        "Poate va fi mai bine cândva, în viaţă.",
    ],
    "Russian": [
        "Сегодня мне очень плохо, и я не могу уснуть.",
        "Всё надоело, завтра будет то же самое.",
        "Вчера была у врача, он сказал – это стресс.",
        "Может быть, когда-нибудь станет лучше.",
    ],
    "Ukrainian": [
        "Сьогодні мені дуже погано, і я не можу заснути.",
        "Усе набридло, завтра буде те саме.",
        "Вчора була у лікаря, він сказав, що це стрес.",
        "Може, колись стане краще.",
    ],
    "Bulgarian": [
        "Днес се чувствам много зле и не мога да спя.",
        "Всичко ме уморява, утре ще бъде същото.",
        "Вчера бях на лекар, каза, че е стрес.",
        "Може би някога ще бъде по-добре.",
    ],
    "Greek": [
        "Σήμερα νιώθω πολύ άσχημα και δεν μπορώ να κοιμηθώ.",
        "Όλα με κουράζουν, αύριο θα είναι το ίδιο.",
        "Χθες πήγα στον γιατρό, είπε ότι είναι άγχος.",
        "Ίσως κάποτε να είναι καλύτερα.",
    ],
    "Hebrew": [
        "היום אני מרגישה ממש רע ולא מצליחה לישון.",
        "הכול מעייף אותי, ומחר יהיה אותו דבר.",
        "אתמול הייתי אצל הרופא, הוא אמר שזה לחץ.",
        "אולי פעם יהיה טוב יותר.",
    ],
    "Turkish": [
        "Bugün kendimi çok kötü hissediyorum ve uyuyamıyorum.",
        "Her şey beni yoruyor, yarın da aynı olacak.",
        "Dün doktora gittim, stres olduğunu söyledi.",
        "Belki bir gün daha iyi olur, artık yalnızım.",
    ],
    "Latvian": [
        "Šodien es jūtos ļoti slikti un nevaru gulēt.",
        "Viss mani nogurdina, rīt būs tas pats.",
        "Vakar biju pie ārsta, viņš teica, ka tas ir stress.",
        "Varbūt kādreiz būs labāk.",
    ],
}


def rows(sentences: list[str]) -> str:
    lines = (f's{i},2026-10-05,"{sentence}"' for i, sentence in enumerate(sentences))
    return "\n".join(["subject_id,posted_at,text", *lines, ""])


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        ("German", "cp1252"),
        ("French", "cp1252"),
        ("Spanish", "cp1252"),
        ("Portuguese", "cp1252"),
        ("Italian", "cp1252"),
        ("English", "cp1252"),
        ("Swedish", "cp1252"),
        ("Danish", "cp1252"),
        ("Polish", "cp1250"),
        ("Czech", "cp1250"),
        ("Romanian", "cp1250"),
        ("Russian", "cp1251"),
        ("Ukrainian", "cp1251"),
        ("Bulgarian", "cp1251"),
        ("Russian", "koi8_r"),
        ("Greek", "cp1253"),
        ("Hebrew", "cp1255"),
        ("Turkish", "cp1254"),
        ("Latvian", "cp1257"),
    ],
)
def test_an_encoding_is_named_by_the_letters_of_its_languages(tmp_path: Path, language: str, encoding: str) -> None:
    sentences = [sentence.replace("–", "-") for sentence in SENTENCES[language]]
    found = inspect_file(write(tmp_path / "a.csv", rows(sentences).encode(encoding)))
    assert (found.encoding, found.feed.encoding, found.n_taken) == (encoding, encoding, 4)
    (chunk,) = read_documents(tmp_path / "a.csv", feed=found.feed)
    assert chunk.documents["text"].to_list() == sentences
    for sentence in sentences:  # of one sentence it may not be clear, but what is named alone is right
        likely = likely_encodings(sentence.encode(encoding))
        assert len(likely) != 1 or sentence.encode(encoding).decode(likely[0]) == sentence


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        *((language, "mac_roman") for language in ("German", "French", "Spanish", "English", "Swedish")),
        *((language, "cp850") for language in ("German", "French", "Spanish")),
        *((language, "iso8859_2") for language in ("Polish", "Czech")),
        *(("Russian", encoding) for encoding in ("mac_cyrillic", "cp866", "iso8859_5")),
    ],
)
def test_inspect_and_score_ask_for_an_encoding_that_they_do_not_know(
    tmp_path: Path, language: str, encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.csv", rows(SENTENCES[language]).encode(encoding, "replace"))
    print_inspection(path, inspect_file(path))
    shown = " ".join(capsys.readouterr().out.split())
    assert f"to decide encoding: it seems to be {UNKNOWN}; name the one of the program that wrote it" in shown
    assert shown.partition("look again: ")[2].startswith(f"risk-monitor inspect {path} --encoding NAME")
    assert "[[feeds]] files" not in shown
    with pytest.raises(DataError, match=r"cp1251\. Name the one of the program .*\(or --encoding NAME\)"):
        check_file(path)


def test_both_encodings_are_named_where_both_are_plausible(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows(["Wszystko mnie męczy", "a jutro będzie to samo"]).encode("cp1250"))
    found = inspect_file(path)
    assert (found.encoding, found.feed.encoding, found.works) == ("cp1252 or cp1250", None, False)
    with pytest.raises(DataError, match=r"it seems to be cp1252 or cp1250\. Name the one"):
        check_file(path)


def test_typographic_marks_are_western_and_one_line_may_be_enough() -> None:
    text = "It’s 5 °C, “fine” – she said… 20 € and £5, ½ cup, 37,5°C, the 1º, m², ¡olé!, ¯\\_"
    assert likely_encodings(text.encode("cp1252")) == ("cp1252",)
    assert likely_encodings("привет, мне плохо и грустно".encode("koi8_r")) == ("koi8_r",)
    assert likely_encodings(b"\xff\xfeh\x00") == ("utf-16",)
