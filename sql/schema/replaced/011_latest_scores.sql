-- name: latest_scores
-- purpose: the scores for queries: those of the model that scored last, because scores of several models must not mix. Texts are in
--          `documents`.
--          schema/046 replaces this view
-- grain: one row per document that this model has scored; day is the UTC calendar day
-- frame: none
-- params: none
CREATE VIEW latest_scores AS
SELECT *, CAST(posted_at AS DATE) AS day
FROM scores
WHERE model_id = (SELECT model_id FROM scores GROUP BY model_id ORDER BY max(scored_at) DESC, model_id LIMIT 1)
