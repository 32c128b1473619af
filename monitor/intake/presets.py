"""Exports of well-known programs: their structure, and which part is a person's text.

A preset names the columns (or keys) of an export. `arrange` changes one row where names of columns do not suffice. It
returns None for an entry that is not a person's text, such as a call, a picture or "joined the channel".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from typing import Any

Row = dict[str, Any]
NOT_COMPLETED = "[not completed]"  # REDCap's time of a form that was not sent
PARENT = "..object"  # key of a row: the plain values of the object around the array
_SLACK_MARKUP = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")  # a "<" that a person wrote is &lt;
DELETED = ("[deleted]", "[removed]", "[deleted by user]")


@dataclass(frozen=True)
class Preset:
    """The structure of a program's export.

    Attributes:
        about: the export, for messages.
        columns: for each of subject_id, posted_at, text, doc_id, source its possible names, the best first. Without
            names for text, the text is the one column that the program itself does not write.
        own: pattern of the columns that the program itself writes (in lower case), beside those of `columns`.
        requires: groups of keys; an entry has all keys of one group. A file without them has another preset.
        arrange: changes a row, or returns None if no person wrote it.
        items: paths to the arrays of a JSON file that hold the entries; "*" is each element of an array.
        members: groups of patterns for the files of a .zip that hold the entries. The first group that matches any
            file is used, and all files that it matches are read. Names that occur together in an export belong to one
            group.
        one_person: the export is of one person, and its entries do not name that person.
        own_names: names of files that the program gives to everybody's export.
        local_order: the order of day and month depends on the language of the person who exported it.
        person: a file of the .zip that names the one person, and the keys that lead to their id.
        users: a file of the .zip that lists the users, and has `is_bot` for each.
        endings: of the names of its files.
        many_forms: a table's rows may be of other forms than the one with the text; these have no time and no text.
    """

    about: str
    columns: dict[str, tuple[str, ...]]
    own: str = ""
    requires: tuple[tuple[str, ...], ...] = ()
    arrange: Callable[[Row], Row | None] | None = None
    items: tuple[tuple[str, ...], ...] = (("*",),)
    members: tuple[tuple[str, ...], ...] = ()
    one_person: bool = False
    own_names: tuple[str, ...] = ()
    local_order: bool = False
    person: tuple[str, tuple[str, ...]] | None = None
    users: str = ""
    endings: tuple[str, ...] = (".csv", ".tsv", ".xlsx", ".zip")
    many_forms: bool = False


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_blank(value: object) -> bool:
    """Whether the value is an empty text.

    A value that is not a string is not blank. It may be a misread text, which must be refused.
    """
    return value is None or (isinstance(value, str) and not value.strip())


def _reddit(row: Row) -> Row | None:
    """Posts have a title and a selftext (or body), comments only a body. Reddit numbers the two separately.

    AutoModerator is Reddit's own bot.
    """
    if _text(row.get("author")).lower() == "automoderator":
        return None
    kind = "t1" if "body" in row and "title" not in row else "t3"
    parts = [_text(row.get(name)) for name in ("title", "selftext", "body")]
    kept = [part for part in parts if part.strip() and part.strip() not in DELETED]
    doc_id = row.get("name") or (f"{kind}_{row['id']}" if row.get("id") else None)
    arranged = {**row, "text": unescape("\n".join(kept)), "fullname": doc_id}
    return {**arranged, "author": None} if row.get("author") in DELETED else arranged


def _twitter(row: Row) -> Row | None:
    """A tweet is in the key `tweet`; a retweet is somebody else's text."""
    tweet = row["tweet"] if isinstance(row.get("tweet"), dict) else row
    text = _text(tweet.get("full_text")) or _text(tweet.get("text"))
    if text.startswith("RT @") or isinstance(tweet.get("retweeted_status"), dict):
        return None
    user = tweet.get("user")
    subject = (user.get("id_str") or user.get("screen_name")) if isinstance(user, dict) else tweet.get("author_id")
    arranged = {**tweet, "full_text": unescape(text), "id_str": tweet.get("id_str") or tweet.get("id")}
    return {**arranged, "subject": subject} if subject else arranged


def _slack(row: Row) -> Row | None:
    """Only messages of people: no joins, no bots (Slack's own has no bot_id), no files without a word."""
    is_bot = row.get("bot_id") or row.get("user") == "USLACKBOT"
    system = row.get("subtype") not in (None, "thread_broadcast", "me_message", "file_share", "reply_broadcast")
    if row.get("type", "message") != "message" or system or is_bot:
        return None
    if row.get("user") and _is_blank(row.get("text")):
        return None
    doc_id = row.get("client_msg_id") or (f"{row['user']}-{row['ts']}" if row.get("user") and row.get("ts") else None)
    text = row.get("text")
    if isinstance(text, str):
        text = unescape(_SLACK_MARKUP.sub(lambda found: found[2] or found[1], text))
    return {**row, "text": text, "client_msg_id": doc_id}


def _discord(row: Row) -> Row | None:
    """Messages from DiscordChatExporter name an author. All messages in Discord's own package are of one person."""
    author = row.get("author")
    if isinstance(author, dict) and author.get("isBot"):
        return None
    if row.get("type") not in (None, "Default", "Reply", 0, 19):
        return None
    text = row.get("content", row.get("Contents", row.get("Content")))
    is_table = "AuthorID" in row or "Timestamp" in row  # whose rows have no key for an empty field
    if _is_blank(text) and (text is not None or is_table):
        return None
    arranged = {**row, "text": text}
    if isinstance(author, dict):
        return {**arranged, "subject": author.get("id") or author.get("name")}
    return {**arranged, "subject": row["AuthorID"]} if "AuthorID" in row else arranged


def _telegram(row: Row) -> Row | None:
    """The text is a string, or a list of strings and of objects with a text; a forwarded one is somebody else's.

    So is one that a bot wrote for its sender, and one of the bot in a chat with it, whose id is the bot's.
    """
    parent, number = row.get(PARENT), row.get("id")
    chat = parent.get("id") if isinstance(parent, dict) else None
    if row.get("type", "message") != "message" or "forwarded_from" in row:  # null for an account that was deleted
        return None
    in_bot_chat = isinstance(parent, dict) and parent.get("type") == "bot_chat"
    if row.get("via_bot") or (in_bot_chat and row.get("from_id") in (chat, f"user{chat}")):
        return None
    text = row.get("text")
    if isinstance(text, list):
        parts: list[Any] = [part.get("text") if isinstance(part, dict) else part for part in text]
        text = "".join(parts) if all(isinstance(part, str) for part in parts) else text
    if _is_blank(text):
        return None
    doc_id = None if chat is None or number is None else f"{chat}-{number}"  # each chat numbers its own messages
    return {**row, "text": text, "subject": row.get("from_id") or row.get("from"), "doc_id": doc_id}


def _dayone(row: Row) -> Row | None:
    """Day One escapes marks of Markdown, and puts pictures into the text as links."""
    text = row.get("text")
    if isinstance(text, str):
        text = re.sub(r"!\[\]\(dayone-moment:[^)]*\)", "", text)
        text = re.sub(r"\\([\\`*_{}\[\]()#+.!>~-])", r"\1", text)
    return None if _is_blank(text) and "text" in row else {**row, "text": text}


def _m_path(row: Row) -> Row:
    """m-Path counts seconds of the participant's own clock; timeZoneOffset is their distance from UTC."""
    start = row.get("timeStampStart") or row.get("timeStampStop")
    if not start or str(start).strip() in ("0", "-1", "NA"):
        return {**row, "timeStampStart": None, "timeStampStop": None}  # nobody opened this questionnaire
    try:
        utc = float(start) - float(row.get("timeZoneOffset") or 0)
    except ValueError:
        return {**row, "timeStampStart": start}
    return {**row, "timeStampStart": f"{utc:.0f}"}


CATALOGUE: dict[str, Preset] = {
    "google-forms": Preset(
        "Google Forms (its sheet as CSV or Excel)",
        {
            "subject_id": ("Email Address", "Username", "E-Mail-Adresse", "電子郵件地址", "Adresse e-mail"),
            "posted_at": ("Timestamp", "Zeitstempel", "時間戳記", "Horodateur"),
            "text": (),
        },
        own=r"score|punktzahl|分數",
        local_order=True,
    ),
    "qualtrics": Preset(
        "Qualtrics (responses as CSV)",
        {
            "subject_id": ("ExternalReference", "RecipientEmail"),
            "posted_at": ("RecordedDate", "EndDate", "StartDate"),
            "text": (),
            "doc_id": ("ResponseId",),
        },
        own=r"startdate|enddate|recordeddate|status|ipaddress|progress|duration \(in seconds\)|finished|recipient.*"
        r"|externalreference|location(latitude|longitude)|distributionchannel|userlanguage|q_.*|.*_(first click|last "
        r"click|page submit|click count)|.*(sentiment|topics?|parent topics).*",
    ),
    "redcap": Preset(
        "REDCap (records as CSV)",
        {"subject_id": ("record_id", "Record ID", "participant_id", "study_id"), "posted_at": (), "text": ()},
        own=r"redcap_.*|event name|repeat (instrument|instance)|survey identifier|.*_complete|complete\?"
        r"|.*_timestamp|survey timestamp",
        many_forms=True,
    ),
    "m-path": Preset(
        "m-Path (basic data as CSV)",
        {
            "subject_id": ("connectionId", "code", "alias"),
            "posted_at": ("timeStampStart", "timeStampStop"),
            "text": (),
            "source": ("questionListName",),
        },
        own=r"connectionid|legacycode|code|alias|initials|accountcode|scheduledbeepid|sentbeepid"
        r"|reminderfororiginalsentbeepid|questionlist(label|name)|fromprotocolname|.*timestamp\w+|timezoneoffset"
        r"|deltautc",
        requires=(("connectionId", "timeStampStart"), ("connectionId", "timeStampStop")),
        arrange=_m_path,
        many_forms=True,
    ),
    "reddit": Preset(
        "Reddit (JSON lines of posts or comments, as Pushshift writes them)",
        {
            "subject_id": ("author",),
            "posted_at": ("created_utc", "date"),
            "text": ("text",),
            "doc_id": ("fullname",),
            "source": ("subreddit",),
        },
        requires=(("author", "created_utc"), ("permalink", "date", "body")),
        arrange=_reddit,
        members=(("comments.csv", "posts.csv"),),
        one_person=True,
        own_names=("comments", "posts"),
        endings=(".jsonl", ".ndjson", ".json", ".csv", ".zip"),
    ),
    "twitter-archive": Preset(
        "Twitter / X (the archive, or its tweets.js)",
        {"subject_id": ("subject",), "posted_at": ("created_at",), "text": ("full_text",), "doc_id": ("id_str",)},
        requires=(("tweet",), ("created_at", "full_text"), ("created_at", "text")),
        arrange=_twitter,
        members=(("tweets.js", "tweets-part*.js", "tweet.js", "tweet-part*.js"),),
        one_person=True,
        own_names=("tweets", "tweet"),
        person=("account.js", ("account", "accountId")),
        endings=(".js", ".json", ".jsonl", ".zip"),
    ),
    "slack": Preset(
        "Slack (the export, or one of its days)",
        {"subject_id": ("user",), "posted_at": ("ts",), "text": ("text",), "doc_id": ("client_msg_id",)},
        requires=(("type", "ts"), ("user", "ts")),
        arrange=_slack,
        members=(("????-??-??.json",),),
        users="users.json",
        endings=(".json", ".jsonl", ".zip"),
    ),
    "discord": Preset(
        "Discord (DiscordChatExporter's JSON or CSV, or Discord's own package)",
        {
            "subject_id": ("subject",),
            "posted_at": ("timestamp", "Timestamp", "Date"),
            "text": ("text",),
            "doc_id": ("id", "ID"),
        },
        requires=(("author", "timestamp"), ("Timestamp", "Contents"), ("AuthorID", "Date", "Content")),
        arrange=_discord,
        items=(("messages", "*"), ("*",)),
        members=(("messages.json", "messages.csv"), ("*.json",)),
        one_person=True,
        own_names=("messages", "package"),
        person=("user.json", ("id",)),
        local_order=True,
        endings=(".json", ".csv", ".zip"),
    ),
    "telegram": Preset(
        "Telegram (result.json of Telegram Desktop)",
        {
            "subject_id": ("subject",),
            "posted_at": ("date_unixtime", "date"),
            "text": ("text",),
            "doc_id": ("doc_id",),
        },
        requires=(("type", "date"), ("id", "date")),
        arrange=_telegram,
        items=(("messages", "*"), ("chats", "list", "*", "messages", "*")),
        members=(("result.json",),),
        endings=(".json", ".zip"),
    ),
    "whatsapp": Preset(
        "WhatsApp (a chat exported as text)",
        {"subject_id": ("author",), "posted_at": ("date",), "text": ("text",)},
        members=(("_chat.txt", "whatsapp*.txt"), ("*.txt",)),  # text files that somebody sent lie beside the chat
        local_order=True,
        endings=(".txt", ".zip"),
    ),
    "dayone": Preset(
        "Day One (a journal exported as JSON)",
        {"subject_id": (), "posted_at": ("creationDate",), "text": ("text",), "doc_id": ("uuid",)},
        requires=(("creationDate",),),
        arrange=_dayone,
        items=(("entries", "*"),),
        members=(("*.json",),),
        one_person=True,
        own_names=("journal", "all entries", "journals"),
        endings=(".json", ".zip"),
    ),
}
