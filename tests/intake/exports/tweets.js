window.YTD.tweets.part0 = [
  {
    "tweet": {
      "edit_info": {
        "initial": {
          "editTweetIds": [
            "1000000000000000000"
          ],
          "editableUntil": "2026-10-05T18:35:15.000Z",
          "editsRemaining": "5",
          "isEditEligible": true
        }
      },
      "retweeted": false,
      "source": "<a href=\"https://mobile.example\" rel=\"nofollow\">Web</a>",
      "entities": {
        "hashtags": [],
        "symbols": [],
        "user_mentions": [],
        "urls": []
      },
      "display_text_range": [
        "0",
        "41"
      ],
      "favorite_count": "0",
      "id_str": "1000000000000000000",
      "truncated": false,
      "retweet_count": "0",
      "id": "1000000000000000000",
      "created_at": "Mon Oct 05 17:35:15 +0000 2026",
      "favorited": false,
      "full_text": "Quiet day. Tea with Sam, then the library",
      "lang": "en"
    }
  },
  {
    "tweet": {
      "edit_info": {
        "initial": {
          "editTweetIds": [
            "1000000000000000001"
          ],
          "editableUntil": "2026-10-05T18:35:15.000Z",
          "editsRemaining": "5",
          "isEditEligible": true
        }
      },
      "retweeted": false,
      "source": "<a href=\"https://mobile.example\" rel=\"nofollow\">Web</a>",
      "entities": {
        "hashtags": [],
        "symbols": [],
        "user_mentions": [],
        "urls": []
      },
      "display_text_range": [
        "0",
        "42"
      ],
      "favorite_count": "0",
      "id_str": "1000000000000000001",
      "truncated": false,
      "retweet_count": "0",
      "id": "1000000000000000001",
      "created_at": "Mon Oct 05 18:13:34 +0000 2026",
      "favorited": false,
      "full_text": "Cried again, I feel miserable and so alone",
      "lang": "en"
    }
  },
  {
    "tweet": {
      "edit_info": {
        "initial": {
          "editTweetIds": [
            "1000000000000000002"
          ],
          "editableUntil": "2026-10-05T18:35:15.000Z",
          "editsRemaining": "5",
          "isEditEligible": true
        }
      },
      "retweeted": false,
      "source": "<a href=\"https://mobile.example\" rel=\"nofollow\">Web</a>",
      "entities": {
        "hashtags": [],
        "symbols": [],
        "user_mentions": [],
        "urls": []
      },
      "display_text_range": [
        "0",
        "45"
      ],
      "favorite_count": "0",
      "id_str": "1000000000000000002",
      "truncated": false,
      "retweet_count": "0",
      "id": "1000000000000000002",
      "created_at": "Tue Oct 13 20:49:07 +0000 2026",
      "favorited": false,
      "full_text": "Nice dinner: curry, and \"cake\"\nwith everybody",
      "lang": "en"
    }
  },
  {
    "tweet": {
      "edit_info": {
        "initial": {
          "editTweetIds": [
            "1000000000000000003"
          ],
          "editableUntil": "2026-10-05T18:35:15.000Z",
          "editsRemaining": "5",
          "isEditEligible": true
        }
      },
      "retweeted": false,
      "source": "<a href=\"https://mobile.example\" rel=\"nofollow\">Web</a>",
      "entities": {
        "hashtags": [],
        "symbols": [],
        "user_mentions": [],
        "urls": []
      },
      "display_text_range": [
        "0",
        "38"
      ],
      "favorite_count": "0",
      "id_str": "1000000000000000003",
      "truncated": false,
      "retweet_count": "0",
      "id": "1000000000000000003",
      "created_at": "Sun Oct 25 18:02:00 +0000 2026",
      "favorited": false,
      "full_text": "Lectures, gym, bed. Fine; nothing else",
      "lang": "en"
    }
  },
  {
    "tweet": {
      "edit_info": {
        "initial": {
          "editTweetIds": [
            "1000000000000000004"
          ],
          "editableUntil": "2026-10-05T18:35:15.000Z",
          "editsRemaining": "5",
          "isEditEligible": true
        }
      },
      "retweeted": false,
      "source": "<a href=\"https://mobile.example\" rel=\"nofollow\">Web</a>",
      "entities": {
        "hashtags": [],
        "symbols": [],
        "user_mentions": [],
        "urls": []
      },
      "display_text_range": [
        "0",
        "39"
      ],
      "favorite_count": "0",
      "id_str": "1000000000000000004",
      "truncated": false,
      "retweet_count": "0",
      "id": "1000000000000000004",
      "created_at": "Mon Nov 02 20:07:50 +0000 2026",
      "favorited": false,
      "full_text": "I don’t know — everything feels naïve ☹",
      "lang": "en"
    }
  },
  {
    "tweet": {
      "edit_info": {
        "initial": {
          "editTweetIds": [
            "1000000000000000000"
          ],
          "editableUntil": "2026-10-05T18:35:15.000Z",
          "editsRemaining": "5",
          "isEditEligible": true
        }
      },
      "retweeted": false,
      "source": "<a href=\"https://mobile.example\" rel=\"nofollow\">Web</a>",
      "entities": {
        "hashtags": [],
        "symbols": [],
        "user_mentions": [],
        "urls": []
      },
      "display_text_range": [
        "0",
        "41"
      ],
      "favorite_count": "0",
      "id_str": "9",
      "truncated": false,
      "retweet_count": "0",
      "id": "9",
      "created_at": "Mon Oct 05 17:35:15 +0000 2026",
      "favorited": false,
      "full_text": "RT @news: not my own words",
      "lang": "en"
    }
  }
]