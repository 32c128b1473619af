window.YTD.account.part0 = [
  {
    "account": {
      "email": "anna@uni.example",
      "createdVia": "web",
      "username": "anna_tea",
      "accountId": "771203",
      "createdAt": "2019-01-01T10:00:00.000Z",
      "accountDisplayName": "Anna"
    }
  }
]