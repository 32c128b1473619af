-- name: last_night
-- purpose: when the last run of a job that was done began; where none was ever done, when the first one began
-- grain: one row; null where the job never ran; runs after $now, by a clock that was wrong, are left out
-- frame: none
-- params: job, now
SELECT coalesce(max(started_at) FILTER (status = 'done'), min(started_at)) AS began
FROM runs
WHERE job = $job AND started_at <= $now
