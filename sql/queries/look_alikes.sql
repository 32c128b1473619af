-- name: look_alikes
-- purpose: subjects whose id differs from those of `subjects` only by case, accents, `.0`, spaces or leading zeros;
--          `forms` are the forms of ids that may not be stored
-- grain: one row per such subject_id with documents
-- frame: none
-- params: subjects, forms
WITH own AS (
    SELECT form FROM subject_forms WHERE list_contains(CAST($subjects AS VARCHAR[]), subject_id)
    UNION
    SELECT unnest(CAST($forms AS VARCHAR[]))
)
SELECT DISTINCT d.subject_id
FROM documents AS d
LEFT JOIN subject_forms AS f USING (subject_id)
WHERE
    coalesce(f.form, d.subject_id) IN (SELECT form FROM own)
    AND NOT list_contains(CAST($subjects AS VARCHAR[]), d.subject_id)
ORDER BY d.subject_id
