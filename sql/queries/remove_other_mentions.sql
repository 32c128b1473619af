-- name: remove_other_mentions
-- purpose: remove the mentions of other lists from the documents of the frame `searched`
-- grain: the rows of these mentions
-- frame: none
-- params: list_id
DELETE FROM mentions
WHERE list_id <> $list_id AND doc_id IN (SELECT doc_id FROM searched)
