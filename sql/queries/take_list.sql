-- name: take_list
-- purpose: take texts whose list of crisis wording is unknown for texts that were searched with this list
-- grain: the rows of an older database that had no mention
-- frame: none
-- params: list_id
UPDATE crisis_searches
SET list_id = $list_id
WHERE list_id IS NULL
