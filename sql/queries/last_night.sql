-- name: last_night
-- purpose: start of a job's last run that was done; if none was done, of its first run
-- grain: one row; null if the job never ran; runs that start after $now (a wrong clock) are left out
-- frame: none
-- params: job, now
SELECT coalesce(max(started_at) FILTER (status = 'done'), min(started_at)) AS began
FROM runs
WHERE job = $job AND started_at <= $now
