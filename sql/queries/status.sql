-- name: status
-- purpose: state of the runs that score: the last one, the last one that was done, and the number that failed since. Once a night
--          or `watch` has run, they alone count: a `score` by hand must hide no night that failed, is late or had red input
-- grain: one row; nulls if nothing ever ran; alerts_current = the alert rules have read every score; runs that ended after
--        $now (a wrong clock) are left out
-- frame: none
-- params: now
WITH scoring AS (
    FROM runs
    WHERE
        job IN ('nightly', 'watch')
        OR job = 'score' AND NOT EXISTS (FROM runs AS r WHERE r.job IN ('nightly', 'watch'))
),
ended AS (
    SELECT max_by(scoring, run_id) AS last
    FROM scoring
    WHERE status <> 'running' AND finished_at <= $now
),
done AS (
    SELECT max_by(scoring, run_id) AS last
    FROM scoring
    WHERE status = 'done' AND finished_at <= $now
)
SELECT
    ended.last.job AS last_job,
    ended.last.status AS last_status,
    ended.last.finished_at AS last_finished,
    ended.last.message AS last_message,
    done.last.finished_at AS done_finished,
    -- a night whose report failed has judged its input, too
    coalesce(ended.last.quality, done.last.quality) AS quality,
    if(ended.last.quality IS NOT NULL, ended.last.findings, done.last.findings) AS findings,
    (
        SELECT count(*)
        FROM scoring
        WHERE status = 'failed' AND finished_at <= $now AND run_id > coalesce(done.last.run_id, '')
    ) AS n_failed_since,
    (SELECT max(started_at) FROM scoring WHERE status = 'running') AS running_since,
    (SELECT count(*) FROM documents) AS n_documents,
    (SELECT count(*) FROM scores) AS n_scores,
    (SELECT count(*) FROM rejects) AS n_rejects,
    (SELECT count(*) FROM open_alerts) AS n_open_alerts,
    (
        SELECT coalesce(s.last <= u.scored_until AND s.last_run <= u.run_id, false)
        FROM (
            SELECT model_id, max(scored_at) AS last, max(run_id) AS last_run
            FROM scores
            WHERE model_id = (SELECT model_id FROM latest_model)
            GROUP BY model_id
        ) AS s
        LEFT JOIN alert_updates AS u USING (model_id)
    ) AS alerts_current,
    (
        SELECT count(*)
        FROM documents AS d
        WHERE
            d.text IS NOT NULL
            AND NOT EXISTS (
                FROM scores AS s
                WHERE s.doc_id = d.doc_id AND s.model_id = (SELECT max_by(model_id, run_id) FROM scoring)
            )
    ) AS n_unscored
FROM ended
CROSS JOIN done
