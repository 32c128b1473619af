-- name: remove_changed_measures
-- purpose: remove the stored numbers that the frame `incoming` has with another value, before it is appended
-- grain: the rows of these subjects, times and names
-- frame: none
-- params: none
DELETE FROM measures AS m
USING incoming AS i
WHERE
    i.subject_id = m.subject_id
    AND i.measured_at = m.measured_at
    AND i.name = m.name
    AND i."value" <> m."value"
