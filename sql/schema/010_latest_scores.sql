-- name: latest_scores
-- purpose: the scores to ask about: those of the model that scored last, beside whose text, when and in which cohort;
--          models never mix. The text itself stays in `documents`
-- grain: one row per document that this model has scored; day is the UTC calendar day, cohort the source
-- frame: none
-- params: none
CREATE VIEW latest_scores AS
SELECT
    s.doc_id,
    d.subject_id,
    coalesce(d.source, 'unnamed') AS cohort,
    d.posted_at,
    CAST(d.posted_at AS DATE) AS day,
    s.* EXCLUDE (doc_id)
FROM scores AS s
JOIN documents AS d USING (doc_id)
WHERE s.model_id = (
    SELECT model_id FROM scores GROUP BY model_id ORDER BY max(scored_at) DESC, model_id LIMIT 1
)
