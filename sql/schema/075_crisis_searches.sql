-- name: crisis_searches
-- purpose: the list of crisis wording with which each text was searched last, so that a run with another list of the settings
--          searches the stored texts anew. An older database did not record it. There a text takes the list of its own first
--          mention, otherwise that of the newest mention up to the run that scored the text, otherwise that of the first
--          mention. Without any mention it is null, and the next run whose settings name a list takes it for that list
-- grain: one row per text that was scored; the table has no key, because an index would be larger than the table
-- frame: none
-- params: none
CREATE TABLE crisis_searches (
    doc_id VARCHAR NOT NULL,
    list_id VARCHAR
);
INSERT INTO crisis_searches
SELECT
    s.doc_id,
    coalesce(own.list_id, earlier.list_id, (SELECT min_by(list_id, run_id) FROM mentions)) AS list_id
FROM (SELECT doc_id, max(run_id) AS run_id FROM scores GROUP BY doc_id) AS s
LEFT JOIN (SELECT doc_id, min_by(list_id, run_id) AS list_id FROM mentions GROUP BY doc_id) AS own USING (doc_id)
ASOF LEFT JOIN (SELECT run_id, min(list_id) AS list_id FROM mentions GROUP BY run_id) AS earlier
    ON s.run_id >= earlier.run_id
