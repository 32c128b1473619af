-- name: quality_look_alikes
-- purpose: number of the judged runs' new subjects whose id differs from another subject's only by case, accents, `.0`, spaces or
--          leading zeros; of several new ids that are alike, one counts as known
-- grain: one row
-- frame: subjects of these runs without documents of other runs
-- params: runs
WITH subjects AS (
    SELECT subject_id, bool_and(list_contains(CAST($runs AS VARCHAR[]), run_id)) AS is_new
    FROM (SELECT subject_id, run_id FROM documents UNION ALL SELECT subject_id, run_id FROM superseded_documents)
    GROUP BY subject_id
),
forms AS (
    SELECT subject_id, is_new, coalesce(form, subject_id) AS form
    FROM subjects
    LEFT JOIN subject_forms USING (subject_id)
)
SELECT count(*) AS n
FROM forms AS f
WHERE
    is_new
    AND EXISTS (
        FROM forms AS o
        WHERE o.form = f.form AND o.subject_id <> f.subject_id AND (NOT o.is_new OR o.subject_id < f.subject_id)
    )
