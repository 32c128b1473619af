"""Each rule of the crisis list, in both directions."""

import pytest

from monitor.crisis import CrisisList


@pytest.fixture(scope="module")
def crisis() -> CrisisList:
    return CrisisList.read()


def states(crisis: CrisisList, text: str) -> set[str]:
    return {mention.state for mention in crisis.find([text])[0]}


def rules(crisis: CrisisList, text: str) -> set[str]:
    return {mention.rule for mention in crisis.find([text])[0] if mention.state == "held"}


@pytest.mark.parametrize(
    "text",
    [
        "I want to die",
        "wanna die tbh",
        "i've been thinking about killing myself",
        "going to end my life tonight",
        "suicidal again. no one to tell",
        "they would all be better off without me",
        "no reason to live",
        "I wish I was dead.",
        "thinking about suicide every day",
        "i relapsed and cut myself last night",
        "wrote my suicide note",
        "I want to ... die",
        "I want to kill… myself",
        "i just.. want... to.. die",
        "Don't know... I want to die",
        "I hope I don't wake up tomorrow",
        "i just want to go to sleep and never wake up",
        "started self harming again",
        "tired of being alive",
        "if i died tonight no one would notice",
        "part of me wants to die",
    ],
)
def test_plain_statements_of_the_writer_are_raised(crisis: CrisisList, text: str) -> None:
    assert "raised" in states(crisis, text)


@pytest.mark.parametrize(
    "text",
    [
        "i want to k1ll myself",
        "I am su1cidal",
        "s*icide is all i think of, i want it",
        "my su-icide note is done",
        "i want to d i e",
        "i wanna kiiiill myselffff",
        "I WANT TO\nDIE",
        "i want to k\u200bill myself",
        "i don’t want to be alive",
        "i dont want to be alive",
        "Ｉ ｗａｎｔ ｔｏ ｄｉｅ",
        "i want to kíll myself",
        "I. Want. To. Die.",
        "i wanna kms",
        "ctb soon",
    ],
)
def test_masked_and_misspelt_statements_are_raised(crisis: CrisisList, text: str) -> None:
    assert "raised" in states(crisis, text)


@pytest.mark.parametrize(
    "text",
    [
        "I don't want to kill myself",
        "i was never suicidal",
        "I'm not going to hurt myself",
        "I am no longer suicidal",
        "no thoughts of suicide for me",
        "i have never wanted to die",
        "I will not kill myself, I have too much to live for",
        "I did not try to kill myself, it was an accident",
        "I haven't hurt myself in two years",
    ],
)
def test_negated_statements_are_held_by_negation(crisis: CrisisList, text: str) -> None:
    assert states(crisis, text) == {"held"}
    assert rules(crisis, text) == {"negation"}


@pytest.mark.parametrize(
    "text",
    [
        "I don't want to be alive",
        "don't want to wake up",
        "there is no reason to live",
        "I can't go on like this anymore",
        "I can't stop thinking about suicide",
        "why don't i just kill myself",
        "i'm not suicidal, but i would not mind dying in my sleep",
        "the only reason i don't kill myself is my cat",
        "i cant do this anymore i want to die",
        "I'm trying not to kill myself",
        "it takes everything I have not to end my life",
        "i promised not to kill myself",
        "I can't think of a single reason not to end it all",
        "i barely managed to not kill myself",
        "I didn't kill myself today",
        "tell me why I should not end my life",
        "trying so hard not to hurt myself tonight",
    ],
)
def test_negation_that_is_part_of_the_wish_does_not_hold(crisis: CrisisList, text: str) -> None:
    assert "raised" in states(crisis, text)


@pytest.mark.parametrize(
    "text",
    [
        "my friend wants to kill himself",
        "she cut herself",
        "my brother is suicidal",
        "kill yourself",
        "my uncle committed suicide in 1999",
        "people who are suicidal deserve help",
    ],
)
def test_other_persons_are_held(crisis: CrisisList, text: str) -> None:
    assert states(crisis, text) == {"held"}
    assert "other person" in rules(crisis, text)


@pytest.mark.parametrize(
    "text", ["my mother knows that i am suicidal", "she left and i want to die", "he told me to kill myself"]
)
def test_writer_beside_another_person_is_raised(crisis: CrisisList, text: str) -> None:
    assert "raised" in states(crisis, text)


def test_pause_ends_the_sentence_of_a_rule(crisis: CrisisList) -> None:
    assert rules(crisis, "I don't want to... die") == {"negation"}  # the pause lies within the wording
    assert states(crisis, "not sure... suicidal again") == {"raised"}
    assert rules(crisis, "she wants to kill herself... i can not help") == {"other person"}


def test_quoted_lyrics_are_held_and_own_quotation_is_raised(crisis: CrisisList) -> None:
    assert rules(crisis, 'the song goes "I want to die" in the chorus') == {"quote"}
    assert states(crisis, 'it is hard to write. "I want to die" is all there is') == {"raised"}


def test_fiction_is_held_and_own_statement_beside_it_is_raised(crisis: CrisisList) -> None:
    assert states(crisis, "the new film is about a suicidal painter") == {"held"}
    assert states(crisis, "watched a film and i am suicidal again") == {"raised"}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("I cut myself shaving", "idiom"),
        ("suicide squad was great", "idiom"),
        ("shot myself in the foot there", "idiom"),
        ("kill me now, another meeting", "idiom"),
        ("this homework makes me want to die", "trivial"),
        ("kms the wifi is down lol", "trivial"),
        ("Suicide in the ancient world", "topic"),
    ],
)
def test_figures_of_speech_and_topics_are_held(crisis: CrisisList, text: str, rule: str) -> None:
    assert states(crisis, text) == {"held"}
    assert rules(crisis, text) == {rule}


@pytest.mark.parametrize(
    "text", ["dying to see you", "you are killing it", "hang in there", "what a killer goal", ""]
)
def test_harmless_wordings_are_not_even_recorded_as_raised(crisis: CrisisList, text: str) -> None:
    assert "raised" not in states(crisis, text)


@pytest.mark.parametrize(
    "text", ["i cut myself last night", "school makes me want to die", "i am thinking of suicide"]
)
def test_the_same_wordings_without_the_figure_are_raised(crisis: CrisisList, text: str) -> None:
    assert "raised" in states(crisis, text)


def test_past_is_marked_and_held_only_where_it_is_over(crisis: CrisisList) -> None:
    (marked,) = crisis.find(["years ago i tried to kill myself"])[0]
    assert (marked.state, marked.rule) == ("raised", "past")
    over = crisis.find(["years ago i tried to kill myself. i'm so glad i survived"])[0]
    assert [(mention.state, mention.rule) for mention in over] == [("held", "past")]
