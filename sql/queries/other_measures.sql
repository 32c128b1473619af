-- name: other_measures
-- purpose: the numbers of the frame `incoming` whose subject, time and name are stored with another value
-- grain: one row per such row of `incoming`
-- frame: none
-- params: none
SELECT i.*
FROM incoming AS i
INNER JOIN measures AS m USING (subject_id, measured_at, name)
WHERE i."value" <> m."value"
