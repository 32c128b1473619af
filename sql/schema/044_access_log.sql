-- name: access_log
-- purpose: each time somebody turned a code or an id into a person (`who`), or let a roster name people (`report`); `by` is
--          the account on this machine, n_people the number of people named. The table has no id of a person
-- grain: one row per use
-- frame: none
-- params: none
CREATE TABLE access_log (
    "at" TIMESTAMP NOT NULL,
    "by" VARCHAR NOT NULL,
    command VARCHAR NOT NULL,
    code VARCHAR,
    n_people INTEGER NOT NULL CHECK (n_people >= 0)
)
