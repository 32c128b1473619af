-- name: told_wording
-- purpose: the run that first raised crisis wording in a text, if somebody was told of it or looked since, so that wording that a
--          changed list loses, and finds again once it is set back, is no news
-- grain: one value per row of crisis_searches; null if no such wording was lost yet
-- frame: none
-- params: none
ALTER TABLE crisis_searches ADD COLUMN told_run VARCHAR
