-- name: supersede_scores
-- purpose: keep the scores of the stored documents that the documents of the frame `incoming` replace
-- grain: one new row per score of these documents, with the number of their newest superseded version
-- frame: none
-- params: none
INSERT INTO superseded_scores BY NAME
SELECT
    s.doc_id,
    (SELECT max(version) FROM superseded_documents AS v WHERE v.doc_id = s.doc_id) AS version,
    s.model_id,
    s.emotion,
    s.risk,
    s.p_low,
    s.p_mid,
    s.p_high,
    s.p_any,
    s.criteria,
    s.run_id,
    s.scored_at
FROM scores AS s
SEMI JOIN incoming USING (doc_id)
