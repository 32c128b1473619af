-- name: crisis_passages
-- purpose: the passages of texts that the crisis list raised, for the report; only reports for authorised staff show `passage`.
--          It is empty if the text was removed
-- grain: one row per raised match of a phrase, the newest first. counted_at: as in the macro crisis_texts
-- frame: `days` calendar days ending on and including as_of; a passage has up to 100 characters on each side of the match;
--        first and length: the place of the match in the passage, in characters from 0
-- params: as_of, days
SELECT
    m.subject_id,
    m.posted_at,
    coalesce(a.came_at, m.posted_at) AS counted_at,
    m.phrase,
    coalesce(
        substr(d.text, greatest(m."first" - 100, 0) + 1, least(m."last" + 100, m."first" + 280) - greatest(m."first" - 100, 0)), ''
    ) AS passage,
    least(m."first", 100) AS "first",
    least(m."last" - m."first", 180) AS length
FROM mentions AS m
JOIN documents AS d USING (doc_id)
LEFT JOIN texts_ahead() AS a USING (doc_id)
WHERE m.state = 'raised'
  AND coalesce(a.came_at, m.posted_at) >= CAST($as_of AS DATE) - CAST($days AS INTEGER) + 1
  AND coalesce(a.came_at, m.posted_at) < CAST($as_of AS DATE) + 1
ORDER BY coalesce(a.came_at, m.posted_at) DESC, m.subject_id, m.doc_id, m."first", m.phrase
