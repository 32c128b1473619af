-- name: change_searches
-- purpose: record that the documents of the frame `searched` were searched anew with this list of crisis wording
-- grain: the rows of these documents
-- frame: none
-- params: list_id
UPDATE crisis_searches
SET list_id = $list_id
WHERE doc_id IN (SELECT doc_id FROM searched)
