-- name: replace_mentions
-- purpose: store the crisis wording of the frame `incoming`, which a list found in texts that another list had searched. Wording
--          of a text that was raised before keeps the run that found it first, because such a text is no news. So does wording that
--          an earlier list raised, and that was lost since, if somebody was told of it
-- grain: one row per document, phrase and place, new or overwritten
-- frame: none
-- params: run_id
INSERT OR REPLACE INTO mentions BY NAME
SELECT
    i.*,
    d.subject_id,
    d.posted_at,
    coalesce(
        (SELECT min(m.run_id) FROM mentions AS m WHERE m.doc_id = i.doc_id AND m.state = 'raised'),
        (SELECT min(c.told_run) FROM crisis_searches AS c WHERE c.doc_id = i.doc_id),
        $run_id
    ) AS run_id
FROM incoming AS i
JOIN documents AS d USING (doc_id)
